//! Accounts and sessions: who someone is, and how they prove it.

mod account;
mod cached;
#[cfg(feature = "contract")]
pub mod contract;
mod gate;
mod password;
mod service;
mod session;
mod store;

pub use account::{Account, Email, Login, Role, State, Username};
pub use cached::CachedAccounts;
pub use gate::Gate;
pub use password::{NewPassword, PasswordHash, PasswordHasher, Verdict};
pub use service::{AuthService, Opened, Parts, SignUp, SignedIn};
pub use session::{AccessClaims, AccessTokens, RefreshToken, RefreshTokens, Session, Viewer};
pub use store::{AccountStore, Lookup, SessionStore};

/// What arrives from an account that is being erased.
pub fn account_deleted() -> crate::Error {
    crate::Error::unauthenticated("account_deleted", "This account was deleted")
}
