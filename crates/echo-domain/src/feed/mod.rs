//! Home timelines: what the people one follows have posted.

mod service;

pub use service::FeedService;
