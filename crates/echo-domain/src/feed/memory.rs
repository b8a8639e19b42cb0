//! Home timelines in this process's memory: for an Echo of one process.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use quick_cache::{DefaultHashBuilder, Weighter, unsync};

use crate::{CacheFigures, Clock, Evictions, PostId, RawId, Result, Timestamp, UserId};

use super::{Timeline, TimelineStore};

/// Keeps timelines in memory, of those who read theirs latest.
pub struct MemoryTimelines {
    // One lock: nothing takes longer under it than to copy a timeline, a microsecond.
    kept: Mutex<Timelines>,
    clock: Arc<dyn Clock>,
    figures: CacheFigures,
}

type Timelines = unsync::Cache<UserId, Kept, Weigh, DefaultHashBuilder, Evictions>;

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
        let figures = CacheFigures::of("timelines");
        let kept = Timelines::with(items, bytes, Weigh, DefaultHashBuilder::default(), figures.evictions());
        Self { kept: Mutex::new(kept), clock, figures }
    }

    fn lock(&self) -> MutexGuard<'_, Timelines> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tell_size(&self, kept: &Timelines) {
        self.figures.holds(kept.weight(), kept.len());
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
        self.tell_size(&kept);
        Ok(have)
    }

    async fn read(&self, owner: UserId) -> Result<Option<Timeline>> {
        let now = self.clock.now();
        let mut kept = self.lock();
        let found = kept.get_mut(&owner).filter(|it| it.until > now && it.making.is_none());
        self.figures.asked(1, usize::from(found.is_some()));
        let Some(mut it) = found else { return Ok(None) };
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
        drop(it);
        self.tell_size(&kept);
        Ok(true)
    }

    async fn forget(&self, owner: UserId) -> Result<()> {
        let mut kept = self.lock();
        kept.remove(&owner);
        self.tell_size(&kept);
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
    use crate::contract::{Figures, sample};

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

    #[tokio::test]
    async fn what_is_kept_and_read_is_counted() {
        let figures = Figures::default();
        let _counting = figures.count_here();
        let timelines = MemoryTimelines::new(4096, Arc::new(Hand::default()));
        let owner = sample::id();
        make(&timelines, owner, &[]).await;

        timelines.read(owner).await.unwrap();
        timelines.read(sample::id()).await.unwrap();

        assert_eq!(figures.get("echo_cache_hits_total{cache=timelines}"), 1.0);
        assert_eq!(figures.get("echo_cache_misses_total{cache=timelines}"), 1.0);
        assert_eq!(figures.get("echo_cache_entries{cache=timelines}"), 1.0);
        let bytes = figures.get("echo_cache_bytes{cache=timelines}");
        timelines.push(&[owner], sample::id()).await.unwrap();
        assert!(figures.get("echo_cache_bytes{cache=timelines}") > bytes);
        for other in sample::ids::<UserId, 50>() {
            make(&timelines, other, &[]).await;
        }
        assert!(figures.get("echo_cache_evictions_total{cache=timelines}") > 10.0);
        timelines.forget(owner).await.unwrap();
        assert_eq!(figures.get("echo_cache_entries{cache=timelines}"), timelines.lock().len() as f64);
    }
}
