//! Home timelines: what the people one follows have posted.

#[cfg(feature = "contract")]
pub mod contract;
mod memory;
mod service;
mod store;

pub use memory::MemoryTimelines;
pub use service::FeedService;
pub use store::{Timeline, TimelineStore};
