//! Telling who asks, without asking anybody: every process has one.

use std::{
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use tokio::sync::watch;

use crate::{Change, Clock, Error, Hears, IdMap, Result, SessionId, Timestamp};

use super::{AccessClaims, AccessTokens, Lookup, Viewer};

/// Signs access tokens, and reads them: a signature, a clock, and the few sessions that were revoked while tokens of
/// theirs may still be around.
pub struct Gate {
    tokens: Arc<dyn AccessTokens>,
    clock: Arc<dyn Clock>,
    revoked: RwLock<IdMap<SessionId, Timestamp>>,
}

impl Gate {
    /// Revocations may be committed a little after the moment that they carry.
    pub(super) const OVERLAP: Duration = Duration::from_secs(30);

    pub fn new(tokens: Arc<dyn AccessTokens>, clock: Arc<dyn Clock>) -> Self {
        Self { tokens, clock, revoked: RwLock::default() }
    }

    /// # Errors
    /// [`Error::Internal`] when the key does not sign.
    pub fn sign(&self, claims: &AccessClaims) -> Result<String> {
        self.tokens.sign(claims)
    }

    /// Who the bearer of an access token is.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`] `token_invalid`, `token_expired` or `session_revoked`.
    pub fn authenticate(&self, token: &str) -> Result<Viewer> {
        let claims = self
            .tokens
            .read(token)
            .ok_or_else(|| Error::unauthenticated("token_invalid", "The access token is not valid"))?;
        if claims.expires <= self.clock.now() {
            return Err(Error::unauthenticated("token_expired", "The access token has expired"));
        }
        self.admit(claims.session)?;
        Ok(Viewer { id: claims.account, session: claims.session, role: claims.role })
    }

    /// Asks again whether a session has ended: a body may take a while to arrive.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`] `session_revoked`.
    pub fn admit(&self, session: SessionId) -> Result<()> {
        if self.revoked.read().unwrap_or_else(PoisonError::into_inner).contains_key(&session) {
            return Err(Error::unauthenticated("session_revoked", "This session has ended; sign in again"));
        }
        Ok(())
    }

    /// Closes to sessions revoked at these moments; forgets those whose tokens have all expired at `now`.
    pub fn note_revoked(&self, sessions: impl IntoIterator<Item = (SessionId, Timestamp)>, now: Timestamp) {
        let mut revoked = self.revoked.write().unwrap_or_else(PoisonError::into_inner);
        revoked.retain(|_, at| now.since(*at) <= AccessClaims::LIFETIME);
        revoked.extend(sessions);
    }

    /// Learns of revocations by other processes, until `stop` becomes true.
    pub async fn watch(&self, accounts: &dyn Lookup, mut stop: watch::Receiver<bool>) {
        const EVERY: Duration = Duration::from_secs(1);
        let mut since = self.clock.now() - AccessClaims::LIFETIME;
        while !*stop.borrow() {
            let now = self.clock.now();
            match accounts.revoked_since(since).await {
                Ok(revoked) => {
                    self.note_revoked(revoked, now);
                    since = now - Self::OVERLAP;
                }
                Err(error) => tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "revocations by other processes are not known for now"
                ),
            }
            tokio::select! {
                () = tokio::time::sleep(EVERY) => {}
                _ = stop.changed() => {}
            }
        }
    }
}

impl Hears for Gate {
    fn hear(&self, change: &Change) {
        if let Change::SessionsEnded { sessions, at } = change {
            self.note_revoked(sessions.iter().map(|session| (*session, *at)), self.clock.now());
        }
    }
}
