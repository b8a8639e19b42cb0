//! What the processes of one Echo share beside its records, or what one alone has of it.

use std::{sync::Arc, time::Duration};

use anyhow::Result;
use async_trait::async_trait;
use echo_domain::{
    Alone, Broadcast, Clock, EventLog, Hears,
    feed::{MemoryTimelines, TimelineCopies, TimelineStore},
    limits::{LocalLimiter, RateLimiter},
    posts::PostStore,
    users::ProfileStore,
};
use echo_http::Dependency;
use echo_redis::{
    Redis, RedisBroadcast, RedisEvents, RedisLimiter, RedisTimelines, SharedCache, SharedPosts, SharedProfiles,
};
use tokio::{sync::watch, task::JoinSet};

use super::Records;

/// Bytes of home timelines: those of ten thousand people, while most of theirs have 200 posts.
const TIMELINES: u64 = 32 * 1024 * 1024;

/// An event that was handed on and not confirmed is handed on again after that.
const AGAIN: Duration = Duration::from_secs(30);

/// Copies, counts and signals: lost without harm, and slower without.
pub(crate) struct Shared {
    pub(crate) others: Arc<dyn Broadcast>,
    pub(crate) limiter: Arc<dyn RateLimiter>,
    pub(crate) timelines: Arc<dyn TimelineStore>,
    /// The records' events, as the processes share them out.
    pub(crate) events: Arc<dyn EventLog>,
    redis: Option<InRedis>,
}

/// What goes on beside requests for it.
struct InRedis {
    redis: Arc<Redis>,
    broadcast: Arc<RedisBroadcast>,
    events: Arc<RedisEvents>,
    cache: Arc<SharedCache>,
}

impl Shared {
    /// For a process that shares with nobody.
    pub(super) fn alone(records: &Records, clock: &Arc<dyn Clock>) -> Self {
        Self {
            others: Arc::new(Alone),
            limiter: Arc::new(LocalLimiter::new(clock.clone())),
            timelines: Arc::new(MemoryTimelines::new(TIMELINES, clock.clone())),
            events: records.events.clone(),
            redis: None,
        }
    }

    /// Through the Redis at `url`. `instance` tells this process from the others.
    ///
    /// # Errors
    /// In one line that names the setting and the cure.
    pub(super) async fn in_redis(
        url: &str,
        records: &Records,
        clock: &Arc<dyn Clock>,
        instance: [u8; 16],
    ) -> Result<Self> {
        let redis = Redis::open(url).await?;
        let broadcast = Arc::new(RedisBroadcast::new(redis.clone(), instance));
        let outbox = records.outbox.clone();
        let outbox = outbox.ok_or_else(|| anyhow::anyhow!("REDIS_URL needs records that processes can share"))?;
        let events = Arc::new(RedisEvents::new(redis.clone(), outbox, clock.clone(), instance, AGAIN));
        let cache = Arc::new(SharedCache::new(redis.clone(), broadcast.clone()));
        Ok(Self {
            others: broadcast.clone(),
            limiter: Arc::new(RedisLimiter::new(redis.clone(), clock.clone())),
            timelines: Arc::new(RedisTimelines(redis.clone())),
            events: events.clone(),
            redis: Some(InRedis { redis, broadcast, events, cache }),
        })
    }

    /// The posts as kept, behind what any process has read of them.
    pub(super) fn posts(&self, kept: Arc<dyn PostStore>) -> Arc<dyn PostStore> {
        match &self.redis {
            Some(it) => Arc::new(SharedPosts::new(kept, it.cache.clone())),
            None => kept,
        }
    }

    /// The profiles likewise.
    pub(super) fn profiles(&self, kept: Arc<dyn ProfileStore>) -> Arc<dyn ProfileStore> {
        match &self.redis {
            Some(it) => Arc::new(SharedProfiles::new(kept, it.cache.clone())),
            None => kept,
        }
    }

    /// What to remember of the timelines, unless they are in this process's memory anyway.
    pub(super) fn timeline_copies(&self, clock: &Arc<dyn Clock>) -> Option<Arc<TimelineCopies>> {
        self.redis.as_ref().map(|_| Arc::new(TimelineCopies::new(TIMELINES, clock.clone())))
    }

    /// What readiness tells of it.
    pub(super) fn dependency(&self) -> Option<Arc<dyn Dependency>> {
        self.redis.as_ref().map(|it| Arc::new(Reached(it.redis.clone())) as Arc<dyn Dependency>)
    }

    /// Starts to hear what others tell and leave, until `stop` becomes true.
    pub(super) fn start(self, tasks: &mut JoinSet<()>, hears: Vec<Arc<dyn Hears>>, stop: &watch::Receiver<bool>) {
        let Some(InRedis { redis, broadcast, events, .. }) = self.redis else { return };
        let (heard, left) = (stop.clone(), stop.clone());
        tasks.spawn(async move {
            let listening = async {
                if let Err(error) = broadcast.listen(hears, heard).await {
                    let error = &error as &dyn std::error::Error;
                    tracing::error!(error, "changes by other processes are not heard");
                }
            };
            tokio::join!(listening, events.run(left));
            redis.close().await;
        });
    }
}

/// Redis as readiness sees it: everything works without it, only slower.
struct Reached(Arc<Redis>);

#[async_trait]
impl Dependency for Reached {
    fn name(&self) -> &'static str {
        "redis"
    }

    fn is_needed(&self) -> bool {
        false
    }

    async fn check(&self) -> echo_domain::Result<()> {
        self.0.ping().await
    }
}
