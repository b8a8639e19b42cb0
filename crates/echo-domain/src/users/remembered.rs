//! People of another process in this process's memory.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use futures_util::future::BoxFuture;

use crate::{
    Change, Clock, FollowId, Hears, IdMap, Page, PageRequest, Result, Timestamp, UserId, last_known::LastKnown,
};

use super::{Directory, Follow, Following, Profile};

/// A directory in front of a neighbour's, that remembers profiles and who follows whom.
///
/// What it hears of is asked for again; what is not heard of, after `LIFETIME`. While the neighbour is unavailable it
/// answers with what it knew last, however old, unless it hears that it is erased: to read goes on. So whoever
/// removes or keeps something for good by what it is told must ask the neighbour itself.
pub struct RememberedDirectory {
    directory: Arc<dyn Directory>,
    profiles: LastKnown<Profile>,
    following: LastKnown<Following>,
}

impl RememberedDirectory {
    const LIFETIME: Duration = Duration::from_secs(60);

    /// Remembers up to about `bytes`.
    pub fn new(directory: Arc<dyn Directory>, bytes: u64, clock: &Arc<dyn Clock>) -> Self {
        Self {
            directory,
            profiles: LastKnown::new(["profiles", "last_profiles"], bytes / 4 * 3, Self::LIFETIME, clock, |profile| {
                profile.weight()
            }),
            following: LastKnown::new(["following", "last_following"], bytes / 4, Self::LIFETIME, clock, |following| {
                following.weight()
            }),
        }
    }
}

impl Hears for RememberedDirectory {
    fn hear(&self, change: &Change) {
        match change {
            Change::Profile { user } => self.profiles.forget(user),
            Change::Follow { follower, followee } => {
                for user in [follower, followee] {
                    self.profiles.forget(user);
                }
                self.following.forget(follower);
            }
            Change::ProfileErased { user } => {
                self.profiles.drop(user);
                self.following.drop(user);
                // Whoever followed the account, or was followed by it, counts one less.
                self.profiles.forget_all();
                self.following.forget_all();
            }
            Change::Anything => {
                self.profiles.forget_all();
                self.following.forget_all();
            }
            _ => {}
        }
    }
}

#[async_trait]
impl Directory for RememberedDirectory {
    async fn open_profile(&self, user: UserId, username: &str, name: &str, now: Timestamp) -> Result<()> {
        let opened = self.directory.open_profile(user, username, name, now).await;
        self.profiles.forget(&user);
        opened
    }

    async fn profiles(&self, users: &[UserId]) -> Result<IdMap<UserId, Arc<Profile>>> {
        let load = |unknown: Vec<UserId>| -> BoxFuture<'_, _> {
            Box::pin(async move { self.directory.profiles(&unknown).await })
        };
        let profiles = self.profiles.get(users, load).await?;
        Ok(users.iter().zip(profiles).filter_map(|(user, profile)| Some((*user, profile?))).collect())
    }

    async fn following(&self, user: UserId) -> Result<Arc<Following>> {
        let load = |_| -> BoxFuture<'_, _> {
            Box::pin(async move { Ok(IdMap::from_iter([(user, self.directory.following(user).await?)])) })
        };
        Ok(self.following.get(&[user], load).await?.pop().flatten().unwrap_or_default())
    }

    async fn followers(&self, user: UserId, page: PageRequest<FollowId>) -> Result<Page<Follow, FollowId>> {
        self.directory.followers(user, page).await
    }
}
