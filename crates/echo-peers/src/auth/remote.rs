//! Asking the auth service.

use std::sync::Arc;

use async_trait::async_trait;
use echo_domain::{
    Result, SessionId, Timestamp, UserId,
    auth::{Email, Identity, Lookup, Username},
};

use crate::peer::Peer;

use super::{Delete, FindAccount, Rename, RevokedSince};

/// The auth area in another process.
pub struct RemoteLookup(pub Arc<Peer>);

#[async_trait]
impl Lookup for RemoteLookup {
    async fn account(&self, account: UserId) -> Result<Identity> {
        self.0.call(&FindAccount { account }).await?.into_identity()
    }

    async fn rename(&self, account: UserId, username: Option<&Username>, email: Option<&Email>) -> Result<()> {
        let username = username.map(|username| username.as_str().to_owned());
        let email = email.map(|email| email.as_str().to_owned());
        self.0.call(&Rename { account, username, email }).await
    }

    async fn delete(&self, account: UserId, password: &str) -> Result<()> {
        self.0.call(&Delete { account, password: password.to_owned() }).await
    }

    async fn revoked_since(&self, since: Timestamp) -> Result<Vec<(SessionId, Timestamp)>> {
        self.0.call(&RevokedSince { since }).await
    }
}
