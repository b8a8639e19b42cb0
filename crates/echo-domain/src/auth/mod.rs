//! Accounts and sessions: who someone is, and how they prove it.

mod account;
mod cached;
#[cfg(feature = "contract")]
pub mod contract;
mod figures;
mod gate;
mod lookup;
#[cfg(feature = "contract")]
pub mod lookup_contract;
mod password;
mod remembered;
mod service;
mod session;
mod store;

pub use account::{Account, Email, Identity, Login, Role, State, Username};
pub use cached::CachedAccounts;
pub use figures::METRICS;
pub use gate::Gate;
pub use lookup::Lookup;
pub use password::{NewPassword, PasswordHash, PasswordHasher, Verdict};
pub use remembered::RememberedLookup;
pub use service::{AuthService, Opened, Parts, SignUp, SignedIn};
pub use session::{AccessClaims, AccessTokens, RefreshToken, RefreshTokens, Session, Viewer};
pub use store::{AccountStore, SessionStore};

/// What arrives from an account that is being erased.
pub fn account_deleted() -> crate::Error {
    crate::Error::unauthenticated("account_deleted", "This account was deleted")
}
