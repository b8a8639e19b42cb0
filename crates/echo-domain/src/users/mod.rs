//! Profiles, and who follows whom.

mod cached;
#[cfg(feature = "contract")]
pub mod contract;
mod directory;
#[cfg(feature = "contract")]
pub mod directory_contract;
mod following;
mod keeper;
mod profile;
mod remembered;
mod search;
mod service;
mod store;

pub use cached::CachedProfiles;
pub use directory::{Directory, ProfileDirectory};
pub use following::{Followee, Following};
pub use keeper::ProfileKeeper;
pub use profile::{Bio, Name, Profile, ProfileChange};
pub use remembered::RememberedDirectory;
pub use search::{Search, parts};
pub use service::{Edit, OwnProfile, Parts, ProfileView, UserService};
pub use store::{Follow, ProfileStore, Relation};

/// Nobody follows more accounts than this: it bounds the work of reading a home timeline.
pub const FOLLOWING_MAX: u64 = 5000;

/// There is no such user, or no longer.
pub fn user_not_found() -> crate::Error {
    crate::Error::not_found("user_not_found", "User not found")
}
