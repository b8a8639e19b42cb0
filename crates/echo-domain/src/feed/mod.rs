//! Home timelines: what the people one follows have posted.

mod service;
mod store;

pub use service::FeedService;
pub use store::{Timeline, TimelineStore};
