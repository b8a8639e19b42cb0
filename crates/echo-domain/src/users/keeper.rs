//! Keeps profiles in step with their accounts.

use std::sync::Arc;

use async_trait::async_trait;

use crate::{Clock, Consumer, Error, Event, Result, UserId, auth::Lookup};

use super::{Profile, ProfileChange, ProfileStore};

/// Opens, renames and erases profiles as the events of the auth area say.
pub struct ProfileKeeper {
    pub profiles: Arc<dyn ProfileStore>,
    pub accounts: Arc<dyn Lookup>,
    pub clock: Arc<dyn Clock>,
}

#[async_trait]
impl Consumer for ProfileKeeper {
    fn name(&self) -> &'static str {
        "users"
    }

    async fn handle(&self, event: &Event) -> Result<()> {
        match event {
            Event::AccountOpened { account, username, name, at } => {
                // Signing up has made it already, unless that died half-way: not worth a write.
                if !self.profiles.by_ids(&[*account]).await?.is_empty() {
                    return Ok(());
                }
                self.profiles.open(&Profile::new(*account, username, name, *at)).await
            }
            Event::AccountRenamed { account } => {
                keep_username(&*self.profiles, &*self.accounts, *account, &*self.clock).await
            }
            Event::AccountDeleted { account } => {
                while self.profiles.erase(*account, 500).await? > 0 {}
                Ok(())
            }
            Event::PostPublished { .. } | Event::PostDeleted { .. } | Event::PictureChanged { .. } => Ok(()),
        }
    }
}

/// Gives the profile the username that its account has now, and looks again: of several renames at once, each may find
/// another's name, but the last to look finds the last one.
pub(super) async fn keep_username(
    profiles: &dyn ProfileStore,
    accounts: &dyn Lookup,
    user: UserId,
    clock: &dyn Clock,
) -> Result<()> {
    loop {
        let username = match accounts.account(user).await {
            Ok(account) => account.username.as_str().to_owned(),
            Err(Error::NotFound(_)) => return Ok(()),
            Err(error) => return Err(error),
        };
        match profiles.by_ids(&[user]).await?.remove(&user) {
            Some(profile) if profile.username != username => {
                let change = ProfileChange { username: Some(username), ..ProfileChange::default() };
                profiles.update(user, &change, clock.now()).await?;
            }
            _ => return Ok(()),
        }
    }
}
