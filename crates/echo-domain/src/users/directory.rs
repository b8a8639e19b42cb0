//! What other areas may ask about people.

use std::sync::Arc;

use async_trait::async_trait;

use crate::{Result, Timestamp, UserId, media::Picture};

use super::{Profile, ProfileStore};

/// What is shown of a person beside what they made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserCard {
    pub id: UserId,
    pub username: String,
    pub name: String,
    pub picture: Option<Picture>,
}

/// The users area as its neighbours see it.
#[async_trait]
pub trait Directory: Send + Sync {
    /// Makes the profile of a new account, unless it is there.
    async fn open_profile(&self, user: UserId, username: &str, name: &str, now: Timestamp) -> Result<()>;

    /// The cards of those who exist, in any order.
    async fn cards(&self, users: &[UserId]) -> Result<Vec<UserCard>>;

    /// Everyone whom the account follows: at most [`super::FOLLOWING_MAX`].
    async fn following(&self, user: UserId) -> Result<Vec<UserId>>;
}

/// The directory straight from the profiles' store.
pub struct ProfileDirectory {
    pub profiles: Arc<dyn ProfileStore>,
}

#[async_trait]
impl Directory for ProfileDirectory {
    async fn open_profile(&self, user: UserId, username: &str, name: &str, now: Timestamp) -> Result<()> {
        self.profiles.open(&Profile::new(user, username, name, now)).await
    }

    async fn cards(&self, users: &[UserId]) -> Result<Vec<UserCard>> {
        Ok(self.profiles.by_ids(users).await?.into_iter().map(UserCard::from).collect())
    }

    async fn following(&self, user: UserId) -> Result<Vec<UserId>> {
        self.profiles.all_following(user).await
    }
}

impl Profile {
    /// The profile of an account just opened.
    pub fn new(id: UserId, username: &str, name: &str, now: Timestamp) -> Self {
        Self {
            id,
            username: username.to_owned(),
            name: name.to_owned(),
            bio: String::new(),
            picture: None,
            followers: 0,
            following: 0,
            created: now,
            updated: now,
        }
    }
}

impl From<Profile> for UserCard {
    fn from(profile: Profile) -> Self {
        Self { id: profile.id, username: profile.username, name: profile.name, picture: profile.picture }
    }
}
