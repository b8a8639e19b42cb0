//! Asking the users service.

use std::sync::Arc;

use async_trait::async_trait;
use echo_domain::{
    Error, FollowId, IdMap, Page, PageRequest, Result, Timestamp, UserId,
    users::{Directory, Follow, Following, Profile},
};

use crate::peer::{Letter, Peer};

use super::{Followers, FollowingOf, OpenProfile, Profiles, following};

/// The users area in another process.
pub struct RemoteDirectory(pub Arc<Peer>);

#[async_trait]
impl Directory for RemoteDirectory {
    async fn open_profile(&self, user: UserId, username: &str, name: &str, now: Timestamp) -> Result<()> {
        let (username, name) = (username.to_owned(), name.to_owned());
        self.0.call(&OpenProfile { user, username, name, now }).await
    }

    async fn profiles(&self, users: &[UserId]) -> Result<IdMap<UserId, Arc<Profile>>> {
        if users.is_empty() {
            return Ok(IdMap::default());
        }
        let found = self.0.call(&Profiles { users: users.to_vec() }).await?;
        Ok(found.into_iter().map(Arc::<Profile>::from).map(|profile| (profile.id, profile)).collect())
    }

    async fn following(&self, user: UserId) -> Result<Arc<Following>> {
        let body = serde_json::to_vec(&FollowingOf { user }).map_err(Error::internal)?.into();
        let answer = self.0.ask(Letter { manner: FollowingOf::MANNER, query: String::new(), body }).await?;
        following::read(answer).map(Arc::new).map_err(|error| self.0.unreadable(FollowingOf::MANNER, error))
    }

    async fn followers(&self, user: UserId, page: PageRequest<FollowId>) -> Result<Page<Follow, FollowId>> {
        Ok(self.0.call(&Followers { user, page: page.into() }).await?.into_page())
    }
}
