//! What the auth area needs kept.

use async_trait::async_trait;

use crate::{Event, Page, PageRequest, Result, SessionId, Timestamp, UserId};

use super::{Account, Email, Login, PasswordHash, Role, Session, State, Username};

/// Keeps accounts. Each method is atomic: after an error nothing has changed.
#[async_trait]
pub trait AccountStore: Send + Sync {
    /// Adds an account and the news of it. Adding the same id again changes nothing and succeeds.
    ///
    /// # Errors
    /// [`crate::Error::Conflict`] `username_taken` or `email_taken`.
    async fn add(&self, account: &Account, news: &Event) -> Result<()>;

    /// The account, or `None` when it never existed or was deleted.
    async fn find(&self, account: UserId) -> Result<Option<Account>>;

    /// Whose e-mail or username (in any case) it is.
    async fn find_by_login(&self, login: &Login) -> Result<Option<Account>>;

    /// Accounts, newest first.
    async fn list(&self, page: PageRequest<UserId>) -> Result<Page<Account, UserId>>;

    /// How many accounts there are.
    async fn total(&self) -> Result<u64>;

    /// Changes what is given. `news` is kept with it.
    ///
    /// # Errors
    /// [`crate::Error::Conflict`] `username_taken` or `email_taken`; [`crate::Error::NotFound`].
    async fn rename(
        &self,
        account: UserId,
        username: Option<&Username>,
        email: Option<&Email>,
        news: Option<&Event>,
    ) -> Result<()>;

    /// Keeps another hash of the same password; `false` when `old` is no longer what is kept.
    async fn rehash(&self, account: UserId, old: &PasswordHash, new: &PasswordHash) -> Result<bool>;

    /// Keeps another password and revokes every session but `keep`. Returns those revoked; `None`, and nothing has
    /// changed, when `old` is given and no longer what is kept.
    ///
    /// # Errors
    /// [`crate::Error::NotFound`].
    async fn change_password(
        &self,
        account: UserId,
        old: Option<&PasswordHash>,
        new: &PasswordHash,
        keep: Option<SessionId>,
        now: Timestamp,
    ) -> Result<Option<Vec<SessionId>>>;

    /// Gives a role and revokes every session, since their tokens tell the old one. Returns those revoked.
    ///
    /// # Errors
    /// [`crate::Error::NotFound`].
    async fn set_role(&self, account: UserId, role: Role, now: Timestamp) -> Result<Vec<SessionId>>;

    /// Suspends (and revokes every session) or reactivates. Returns the sessions revoked.
    ///
    /// # Errors
    /// [`crate::Error::NotFound`].
    async fn set_state(&self, account: UserId, state: State, now: Timestamp) -> Result<Vec<SessionId>>;

    /// Deletes the account, revokes its sessions and leaves `news`. Returns the sessions revoked.
    /// Deleting what is not there changes nothing and leaves no news.
    async fn delete(&self, account: UserId, now: Timestamp, news: &Event) -> Result<Vec<SessionId>>;
}

/// Keeps sessions. Each method is atomic.
#[async_trait]
pub trait SessionStore: Send + Sync {
    /// Adds a session for whoever proved to know the password behind `verified`, and returns the account's role. Adding
    /// the same id again changes nothing.
    ///
    /// # Errors
    /// [`crate::Error::Unauthenticated`] `invalid_credentials` when the account is gone, not active, or has another
    /// password by now.
    async fn open(&self, session: &Session, verified: &PasswordHash) -> Result<Role>;

    /// The session while it is neither revoked nor expired at `now`.
    async fn find(&self, session: SessionId, now: Timestamp) -> Result<Option<Session>>;

    /// Moves on from `generation` to the next and to a new expiry; `false` when the session is over or no longer at that
    /// generation. Of any number of concurrent calls from one generation, exactly one moves it.
    async fn rotate(&self, session: SessionId, generation: u32, now: Timestamp, expires: Timestamp) -> Result<bool>;

    /// The live sessions of an account, newest first, at most 100.
    async fn list(&self, account: UserId, now: Timestamp) -> Result<Vec<Session>>;

    /// How many accounts have a session that expires later than this, revoked or not. Looks at each such session.
    async fn people(&self, expires: Timestamp) -> Result<u64>;

    /// Revokes a session of this account; `false` when it has no such live session.
    async fn revoke(&self, account: UserId, session: SessionId, now: Timestamp) -> Result<bool>;

    /// Sessions revoked at `since` or later, in this process or any other, with when.
    async fn revoked_since(&self, since: Timestamp) -> Result<Vec<(SessionId, Timestamp)>>;

    /// Forgets up to `limit` sessions that expired or were revoked before `before`. Returns how many.
    async fn forget(&self, before: Timestamp, limit: usize) -> Result<usize>;
}
