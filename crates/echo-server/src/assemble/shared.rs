//! What the processes of one Echo share beside its records, or what one alone has of it.

use std::sync::Arc;

use echo_domain::{
    Alone, Broadcast, Clock,
    feed::{MemoryTimelines, TimelineStore},
    limits::{LocalLimiter, RateLimiter},
};

/// Bytes of home timelines: those of ten thousand people, while most of theirs have 200 posts.
const TIMELINES: u64 = 32 * 1024 * 1024;

/// Copies, counts and signals: lost without harm, and slower without.
pub(crate) struct Shared {
    pub(crate) others: Arc<dyn Broadcast>,
    pub(crate) limiter: Arc<dyn RateLimiter>,
    pub(crate) timelines: Arc<dyn TimelineStore>,
}

impl Shared {
    /// For a process that shares with nobody.
    pub(super) fn alone(clock: &Arc<dyn Clock>) -> Self {
        Self {
            others: Arc::new(Alone),
            limiter: Arc::new(LocalLimiter::new(clock.clone())),
            timelines: Arc::new(MemoryTimelines::new(TIMELINES, clock.clone())),
        }
    }
}
