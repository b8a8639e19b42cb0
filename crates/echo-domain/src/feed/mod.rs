//! Home timelines: what the people one follows have posted.

#[cfg(feature = "contract")]
pub mod contract;
mod copies;
mod figures;
#[cfg(feature = "contract")]
pub mod home_contract;
mod keeper;
mod memory;
mod policy;
mod reason;
mod service;
mod sources;
mod store;

pub use copies::TimelineCopies;
pub use figures::{FanOut, METRICS, Reads};
pub use keeper::FeedKeeper;
pub use memory::MemoryTimelines;
pub use policy::Policy;
pub use reason::Reason;
pub use service::FeedService;
pub use store::{Timeline, TimelineStore};
