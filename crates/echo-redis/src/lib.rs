//! What several processes of one Echo share, in Redis: alone, with Sentinel, or as a Cluster.
//!
//! Nothing here is the only copy of anything. While Redis does not answer, calls fail at once with
//! [`echo_domain::Error::Unavailable`] or are done without it, and what was missed meanwhile is made good afterwards.

mod broadcast;
mod cache;
mod connection;
mod epoch;
mod error;
mod events;
mod figures;
mod leases;
mod limits;
mod posts;
mod teller;
mod timelines;
mod users;

pub use broadcast::RedisBroadcast;
pub use cache::SharedCache;
pub use connection::Redis;
pub use error::OpenError;
pub use events::RedisEvents;
pub use limits::RedisLimiter;
pub use posts::SharedPosts;
pub use timelines::RedisTimelines;
pub use users::SharedProfiles;

use echo_domain::metric::Declared;

/// What this crate measures, beside its calls.
pub static METRICS: [Declared; 3] = [figures::UP.declared(), figures::RECONNECTS.declared(), figures::ALONE.declared()];
