//! Sessions and the tokens that stand for them.

use std::time::Duration;

use crate::{Result, SessionId, Timestamp, UserId};

use super::Role;

/// One sign-in on one device. Lives on by refreshing, ends by expiry or revocation.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Session {
    pub id: SessionId,
    pub account: UserId,
    /// How often its refresh token was changed for the next.
    pub generation: u32,
    /// When that last happened.
    pub rotated: Timestamp,
    /// Makes its refresh tokens unlike those of any other session, even under the same id.
    pub nonce: [u8; 16],
    /// The client's `User-Agent`, cut to 200 characters.
    pub device: String,
    pub created: Timestamp,
    pub expires: Timestamp,
}

impl Session {
    /// How long an unused session stays.
    pub const LIFETIME: Duration = Duration::from_secs(30 * 24 * 3600);
    /// How long the previous refresh token still gets the current one: two tabs, or a reply that was lost.
    pub const GRACE: Duration = Duration::from_secs(60);
}

/// A refresh token, taken apart. Whether `proof` is right, only [`RefreshTokens::proves`] can tell.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct RefreshToken {
    pub session: SessionId,
    pub generation: u32,
    pub proof: [u8; 32],
}

/// Makes and checks refresh tokens. They are derived from a session and a key, not stored (ADR 0002).
pub trait RefreshTokens: Send + Sync {
    /// A random nonce for a new session.
    fn nonce(&self) -> [u8; 16];

    /// The token of the session's current generation.
    fn issue(&self, session: &Session) -> String;

    /// Takes a token apart; `None` when it has not the form of one.
    fn read(&self, token: &str) -> Option<RefreshToken>;

    /// Whether the token was issued for this session, in whichever generation it says. Constant time.
    fn proves(&self, token: &RefreshToken, session: &Session) -> bool;
}

/// What an access token says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AccessClaims {
    pub account: UserId,
    pub session: SessionId,
    pub role: Role,
    pub issued: Timestamp,
    pub expires: Timestamp,
}

impl AccessClaims {
    pub const LIFETIME: Duration = Duration::from_secs(15 * 60);
}

/// Signs and reads access tokens.
pub trait AccessTokens: Send + Sync {
    /// # Errors
    /// [`crate::Error::Internal`] when the key does not sign.
    fn sign(&self, claims: &AccessClaims) -> Result<String>;

    /// The claims of a token with a good signature, expired or not; `None` for anything else.
    fn read(&self, token: &str) -> Option<AccessClaims>;
}

/// Who is asking: proved by an access token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Viewer {
    pub id: UserId,
    pub session: SessionId,
    pub role: Role,
}
