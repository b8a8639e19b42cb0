//! Keeps profiles in step with their accounts.

use std::sync::Arc;

use async_trait::async_trait;

use crate::{Clock, Consumer, Error, Event, Result, auth::Lookup};

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
                // The name of now, not of the event: an event that comes late must not bring back an older one.
                let username = match self.accounts.account(*account).await {
                    Ok(account) => account.username.as_str().to_owned(),
                    Err(Error::NotFound(_)) => return Ok(()),
                    Err(error) => return Err(error),
                };
                let change = ProfileChange { username: Some(username), ..ProfileChange::default() };
                self.profiles.update(*account, &change, self.clock.now()).await?;
                Ok(())
            }
            Event::AccountDeleted { account } => {
                while self.profiles.erase(*account, 500).await? > 0 {}
                Ok(())
            }
            Event::PostPublished { .. } | Event::PostDeleted { .. } | Event::PictureChanged { .. } => Ok(()),
        }
    }
}
