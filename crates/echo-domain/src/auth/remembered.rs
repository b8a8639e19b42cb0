//! Accounts of another process in this process's memory.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use futures_util::future::BoxFuture;

use crate::{
    Change, Clock, Error, Hears, IdMap, Result, SessionId, Timestamp, UserId, last_known::LastKnown,
    users::user_not_found,
};

use super::{Email, Identity, Lookup, Username};

/// What a neighbour tells of accounts, remembered.
///
/// What it hears of is asked for again; what is not heard of, after `LIFETIME`. While the neighbour is unavailable it
/// tells what it knew last, however old.
pub struct RememberedLookup {
    lookup: Arc<dyn Lookup>,
    accounts: LastKnown<Identity>,
}

impl RememberedLookup {
    /// Short: operators change accounts from another process, too.
    const LIFETIME: Duration = Duration::from_secs(5);

    /// Remembers up to about `bytes`.
    pub fn new(lookup: Arc<dyn Lookup>, bytes: u64, clock: &Arc<dyn Clock>) -> Self {
        let weight = |account: &Arc<Identity>| 250 + account.email.as_str().len();
        Self { lookup, accounts: LastKnown::new(["accounts", "last_accounts"], bytes, Self::LIFETIME, clock, weight) }
    }
}

impl Hears for RememberedLookup {
    fn hear(&self, change: &Change) {
        match change {
            Change::Account { account } => self.accounts.forget(account),
            Change::ProfileErased { user } => self.accounts.drop(user),
            Change::Anything => self.accounts.forget_all(),
            _ => {}
        }
    }
}

#[async_trait]
impl Lookup for RememberedLookup {
    async fn account(&self, account: UserId) -> Result<Identity> {
        let load = |_| -> BoxFuture<'_, _> {
            Box::pin(async move {
                match self.lookup.account(account).await {
                    Ok(found) => Ok(IdMap::from_iter([(account, Arc::new(found))])),
                    Err(Error::NotFound(_)) => Ok(IdMap::default()),
                    Err(error) => Err(error),
                }
            })
        };
        let found = self.accounts.get(&[account], load).await?.pop().flatten();
        found.map(|found| Identity::clone(&found)).ok_or_else(user_not_found)
    }

    async fn rename(&self, account: UserId, username: Option<&Username>, email: Option<&Email>) -> Result<()> {
        let renamed = self.lookup.rename(account, username, email).await;
        self.accounts.forget(&account);
        renamed
    }

    async fn delete(&self, account: UserId, password: &str) -> Result<()> {
        let deleted = self.lookup.delete(account, password).await;
        match deleted {
            Ok(()) => self.accounts.drop(&account),
            Err(_) => self.accounts.forget(&account),
        }
        deleted
    }

    async fn revoked_since(&self, since: Timestamp) -> Result<Vec<(SessionId, Timestamp)>> {
        self.lookup.revoked_since(since).await
    }
}
