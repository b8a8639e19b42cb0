//! Home timelines in this process's memory: for an Echo of one process.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use quick_cache::{Weighter, unsync};

use crate::{Clock, PostId, RawId, Result, Timestamp, UserId};

use super::{Timeline, TimelineStore};

/// Keeps timelines in memory, of those who read theirs latest.
pub struct MemoryTimelines {
    // One lock: nothing takes longer under it than to copy a timeline, a microsecond.
    kept: Mutex<unsync::Cache<UserId, Kept, Weigh>>,
    clock: Arc<dyn Clock>,
}

#[derive(Clone)]
struct Kept {
    timeline: Timeline,
    /// Who is making it; `None` once it may be read.
    making: Option<RawId>,
    until: Timestamp,
}

#[derive(Clone)]
struct Weigh;

impl Weighter<UserId, Kept> for Weigh {
    fn weight(&self, _: &UserId, kept: &Kept) -> u64 {
        // The key, the rest of the value, and the cache's own record of it.
        const EACH: usize = 160;
        (EACH + kept.timeline.posts.capacity() * size_of::<PostId>()) as u64
    }
}

impl MemoryTimelines {
    /// Keeps up to about `bytes`.
    pub fn new(bytes: u64, clock: Arc<dyn Clock>) -> Self {
        const TYPICAL: u64 = 4096;
        let items = usize::try_from(bytes / TYPICAL).unwrap_or(usize::MAX);
        Self { kept: Mutex::new(unsync::Cache::with_weighter(items, bytes, Weigh)), clock }
    }

    fn lock(&self) -> MutexGuard<'_, unsync::Cache<UserId, Kept, Weigh>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    fn fill(&mut self, gathered: &[PostId], more: bool) {
        let oldest = gathered.iter().min();
        if more {
            self.timeline.posts.retain(|post| oldest.is_some_and(|oldest| post >= oldest));
        }
        for post in gathered {
            self.timeline.add(*post);
        }
        self.timeline.more |= more;
        self.making = None;
    }
}

#[async_trait]
impl TimelineStore for MemoryTimelines {
    async fn push(&self, owners: &[UserId], post: PostId) -> Result<usize> {
        let now = self.clock.now();
        let mut kept = self.lock();
        let mut have = 0;
        for owner in owners {
            // Not counted as a use: what is read stays, not what is written to.
            let Some(mut it) = kept.peek_mut(owner) else { continue };
            if it.until > now {
                have += usize::from(it.timeline.add(post));
                continue;
            }
            drop(it);
            kept.remove(owner);
        }
        Ok(have)
    }

    async fn read(&self, owner: UserId) -> Result<Option<Timeline>> {
        let now = self.clock.now();
        let mut kept = self.lock();
        let Some(mut it) = kept.get_mut(&owner).filter(|it| it.until > now && it.making.is_none()) else {
            return Ok(None);
        };
        it.until = now + Timeline::KEPT;
        Ok(Some(it.timeline.clone()))
    }

    async fn begin(&self, owner: UserId, making: RawId, version: u64) -> Result<()> {
        let timeline = Timeline { version, posts: Vec::new(), more: false };
        let until = self.clock.now() + Timeline::KEPT;
        self.lock().insert(owner, Kept { timeline, making: Some(making), until });
        Ok(())
    }

    async fn fill(&self, owner: UserId, making: RawId, posts: &[PostId], more: bool) -> Result<bool> {
        let mut kept = self.lock();
        let Some(mut it) = kept.get_mut(&owner).filter(|it| it.making == Some(making)) else { return Ok(false) };
        it.fill(posts, more);
        Ok(true)
    }

    async fn forget(&self, owner: UserId) -> Result<()> {
        self.lock().remove(&owner);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::{
        sync::atomic::{AtomicI64, Ordering},
        time::Duration,
    };

    use super::*;
    use crate::contract::sample;

    #[derive(Default)]
    struct Hand(AtomicI64);

    impl Clock for Hand {
        fn now(&self) -> Timestamp {
            Timestamp::from_millis(self.0.load(Ordering::Relaxed))
        }
    }

    impl Hand {
        fn advance(&self, by: Duration) {
            self.0.fetch_add(i64::try_from(by.as_millis()).unwrap(), Ordering::Relaxed);
        }
    }

    async fn fresh() -> (Arc<dyn TimelineStore>, ()) {
        (Arc::new(MemoryTimelines::new(1 << 26, Arc::new(Hand::default()))), ())
    }

    mod contract {
        crate::timeline_store_contract!(super::fresh);
    }

    async fn make(timelines: &MemoryTimelines, owner: UserId, posts: &[PostId]) {
        let making = sample::id();
        timelines.begin(owner, making, 1).await.unwrap();
        timelines.fill(owner, making, posts, false).await.unwrap();
    }

    #[tokio::test]
    async fn a_timeline_that_nobody_reads_is_lost() {
        let clock = Arc::new(Hand::default());
        let timelines = MemoryTimelines::new(1 << 20, clock.clone());
        let [reader, absent]: [UserId; 2] = sample::ids();
        for owner in [reader, absent] {
            make(&timelines, owner, &[]).await;
        }

        clock.advance(Timeline::KEPT / 2);
        assert!(timelines.read(reader).await.unwrap().is_some());
        clock.advance(Timeline::KEPT / 2);

        assert_eq!(timelines.push(&[reader, absent], sample::id()).await.unwrap(), 1);
        assert!(timelines.read(reader).await.unwrap().is_some());
        assert!(timelines.read(absent).await.unwrap().is_none());
    }

    #[tokio::test]
    async fn so_many_bytes_are_kept_of_whoever_read_latest() {
        let timelines = MemoryTimelines::new(1 << 20, Arc::new(Hand::default()));
        let reader: UserId = sample::id();
        make(&timelines, reader, &[]).await;
        let others: [UserId; 500] = sample::ids();

        for other in others {
            make(&timelines, other, &sample::ids::<PostId, 400>()).await;
            timelines.push(&[other], sample::id()).await.unwrap();
            assert!(timelines.read(reader).await.unwrap().is_some());
        }

        assert!(timelines.lock().weight() <= 1 << 20);
        assert!(timelines.lock().len() > 50);
    }
}
