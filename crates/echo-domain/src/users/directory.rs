//! What other areas may ask about people.

use std::sync::Arc;

use async_trait::async_trait;

use crate::{FollowId, IdMap, Page, PageRequest, Result, Timestamp, UserId};

use super::{Follow, Following, Profile, ProfileStore};

/// The users area as its neighbours see it.
#[async_trait]
pub trait Directory: Send + Sync {
    /// Makes the profile of a new account, unless it is there.
    async fn open_profile(&self, user: UserId, username: &str, name: &str, now: Timestamp) -> Result<()>;

    /// The profiles of those who exist.
    async fn profiles(&self, users: &[UserId]) -> Result<IdMap<UserId, Arc<Profile>>>;

    /// Everyone whom the account follows: at most [`super::FOLLOWING_MAX`].
    async fn following(&self, user: UserId) -> Result<Arc<Following>>;

    /// Who follows the account, newest first.
    async fn followers(&self, user: UserId, page: PageRequest<FollowId>) -> Result<Page<Follow, FollowId>>;
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

    async fn profiles(&self, users: &[UserId]) -> Result<IdMap<UserId, Arc<Profile>>> {
        self.profiles.by_ids(users).await
    }

    async fn following(&self, user: UserId) -> Result<Arc<Following>> {
        self.profiles.all_following(user).await
    }

    async fn followers(&self, user: UserId, page: PageRequest<FollowId>) -> Result<Page<Follow, FollowId>> {
        self.profiles.followers(user, page).await
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
            most_followers: 0,
            following: 0,
            created: now,
            updated: now,
        }
    }
}
