//! Accounts in this process's memory, in front of a store.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use futures_util::future::BoxFuture;

use crate::{
    Broadcast, Cache, Change, Clock, Event, Hears, IdMap, Page, PageRequest, Result, SessionId, Timestamp, UserId,
    cache::to_the_end,
};

use super::{Account, AccountStore, Email, Login, PasswordHash, Role, State, Username};

/// A store of accounts that remembers those it found by id.
///
/// What this process changes is forgotten, and told to the others, before the change is acknowledged; what is not heard
/// of, after `LIFETIME`. Who signs in is always read anew.
pub struct CachedAccounts {
    accounts: Arc<dyn AccountStore>,
    known: Arc<Cache<UserId, Arc<Account>>>,
    others: Arc<dyn Broadcast>,
}

impl CachedAccounts {
    /// Short: operators change accounts from another process, too.
    const LIFETIME: Duration = Duration::from_secs(5);

    /// Remembers up to about `bytes`.
    pub fn new(accounts: Arc<dyn AccountStore>, bytes: u64, clock: Arc<dyn Clock>, others: Arc<dyn Broadcast>) -> Self {
        let weight = |account: &Arc<Account>| 300 + account.email.as_str().len();
        Self { accounts, known: Arc::new(Cache::new(bytes, Self::LIFETIME, clock, weight)), others }
    }

    /// Makes a change to an account, and then forgets and tells it, whatever came of the change.
    async fn write<T: Send + 'static>(
        &self,
        account: UserId,
        change: impl Future<Output = Result<T>> + Send + 'static,
    ) -> Result<T> {
        let (known, others) = (self.known.clone(), self.others.clone());
        to_the_end(async move {
            let result = change.await;
            known.forget(&account);
            others.tell(Change::Account { account }).await;
            result
        })
        .await
    }
}

impl Hears for CachedAccounts {
    fn hear(&self, change: &Change) {
        match change {
            Change::Account { account } => self.known.forget(account),
            Change::Anything => self.known.forget_all(),
            _ => {}
        }
    }
}

#[async_trait]
impl AccountStore for CachedAccounts {
    async fn add(&self, account: &Account, news: &Event) -> Result<()> {
        self.accounts.add(account, news).await
    }

    async fn find(&self, account: UserId) -> Result<Option<Account>> {
        let load = |_| -> BoxFuture<'_, _> {
            Box::pin(async move {
                let found = self.accounts.find(account).await?;
                Ok(found.map(|found| (account, Arc::new(found))).into_iter().collect::<IdMap<_, _>>())
            })
        };
        Ok(self.known.get(&[account], load).await?.pop().flatten().map(|found| Account::clone(&found)))
    }

    async fn total(&self) -> Result<u64> {
        self.accounts.total().await
    }

    async fn find_by_login(&self, login: &Login) -> Result<Option<Account>> {
        self.accounts.find_by_login(login).await
    }

    async fn list(&self, page: PageRequest<UserId>) -> Result<Page<Account, UserId>> {
        self.accounts.list(page).await
    }

    async fn rename(
        &self,
        account: UserId,
        username: Option<&Username>,
        email: Option<&Email>,
        news: Option<&Event>,
    ) -> Result<()> {
        let accounts = self.accounts.clone();
        let (username, email, news) = (username.cloned(), email.cloned(), news.cloned());
        let rename = async move { accounts.rename(account, username.as_ref(), email.as_ref(), news.as_ref()).await };
        self.write(account, rename).await
    }

    async fn rehash(&self, account: UserId, old: &PasswordHash, new: &PasswordHash) -> Result<bool> {
        let (accounts, old, new) = (self.accounts.clone(), old.clone(), new.clone());
        self.write(account, async move { accounts.rehash(account, &old, &new).await }).await
    }

    async fn change_password(
        &self,
        account: UserId,
        old: Option<&PasswordHash>,
        new: &PasswordHash,
        keep: Option<SessionId>,
        now: Timestamp,
    ) -> Result<Option<Vec<SessionId>>> {
        let (accounts, old, new) = (self.accounts.clone(), old.cloned(), new.clone());
        let change = async move { accounts.change_password(account, old.as_ref(), &new, keep, now).await };
        self.write(account, change).await
    }

    async fn set_role(&self, account: UserId, role: Role, now: Timestamp) -> Result<Vec<SessionId>> {
        let accounts = self.accounts.clone();
        self.write(account, async move { accounts.set_role(account, role, now).await }).await
    }

    async fn set_state(&self, account: UserId, state: State, now: Timestamp) -> Result<Vec<SessionId>> {
        let accounts = self.accounts.clone();
        self.write(account, async move { accounts.set_state(account, state, now).await }).await
    }

    async fn delete(&self, account: UserId, now: Timestamp, news: &Event) -> Result<Vec<SessionId>> {
        let (accounts, news) = (self.accounts.clone(), news.clone());
        self.write(account, async move { accounts.delete(account, now, &news).await }).await
    }
}
