//! What other areas, and every process, may ask about accounts.

use async_trait::async_trait;

use crate::{Result, SessionId, Timestamp, UserId};

use super::{Email, Identity, Username};

/// The auth area as its neighbours see it.
#[async_trait]
pub trait Lookup: Send + Sync {
    /// # Errors
    /// [`crate::Error::NotFound`] `user_not_found` when the account is gone.
    async fn account(&self, account: UserId) -> Result<Identity>;

    /// Changes username or e-mail. Doing it twice is once.
    ///
    /// # Errors
    /// [`crate::Error::Conflict`] `username_taken` or `email_taken`; [`crate::Error::NotFound`].
    async fn rename(&self, account: UserId, username: Option<&Username>, email: Option<&Email>) -> Result<()>;

    /// Deletes the account for whoever knows its password; what it made follows by event.
    ///
    /// # Errors
    /// [`crate::Error::Forbidden`] `wrong_password`; [`crate::Error::NotFound`] when it is gone, as after the same call
    /// before.
    async fn delete(&self, account: UserId, password: &str) -> Result<()>;

    /// Sessions revoked at `since` or later, with when: their access tokens are worth nothing any more.
    async fn revoked_since(&self, since: Timestamp) -> Result<Vec<(SessionId, Timestamp)>>;
}
