//! Counts what callers do in all processes together.

use std::{
    sync::{
        Arc, LazyLock,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use echo_domain::{
    Clock, Result,
    limits::{LocalLimiter, Policy, RateLimiter, Verdict},
    metric::NONE,
};
use fred::types::scripts::Script;
use metrics::Counter;

use crate::{
    connection::{PREFIX, Redis},
    figures::ALONE,
};

/// As [`LocalLimiter`] does it, by the clock that all processes share: for a caller, the moment in milliseconds at which
/// the allowance is whole again, and nothing once that has come. Returns how long to wait, 0 when it is allowed.
static TAKE: LazyLock<Script> = LazyLock::new(|| {
    Script::from_lua(
        "local interval, window = tonumber(ARGV[1]), tonumber(ARGV[2])
         local time = redis.call('TIME')
         local now = time[1] * 1000 + math.floor(time[2] / 1000)
         local whole_at = tonumber(redis.call('GET', KEYS[1]) or now)
         local next = math.max(whole_at, now) + interval
         local wait = next - now - window
         if wait > 0 then return wait end
         if next > now then
           redis.call('SET', KEYS[1], string.format('%.0f', next), 'PXAT', string.format('%.0f', next))
         end
         return 0",
    )
});

/// Counts in Redis; in this process alone while Redis does not answer.
pub struct RedisLimiter {
    redis: Arc<Redis>,
    alone: LocalLimiter,
    is_alone: AtomicBool,
    counted_alone: Counter,
}

impl RedisLimiter {
    pub fn new(redis: Arc<Redis>, clock: Arc<dyn Clock>) -> Self {
        let (alone, counted_alone) = (LocalLimiter::new(clock), ALONE.count(NONE));
        Self { redis, alone, is_alone: AtomicBool::new(false), counted_alone }
    }

    async fn take_from_all(&self, policy: &Policy, caller: &str) -> Result<Verdict> {
        let window = i64::try_from(policy.window.as_millis()).unwrap_or(i64::MAX);
        let interval = window / i64::from(policy.quota.max(1));
        let key = format!("{PREFIX}:limit:{}:{caller}", policy.name);
        let args = vec![interval.into(), window.into()];
        Ok(match self.redis.script("limits.take", &TAKE, vec![key.into()], args).await? {
            0 => Verdict::Allowed,
            wait => Verdict::Limited { retry_after: Duration::from_millis(wait) },
        })
    }
}

#[async_trait]
impl RateLimiter for RedisLimiter {
    async fn take(&self, policy: &Policy, caller: &str) -> Result<Verdict> {
        match self.take_from_all(policy, caller).await {
            Ok(verdict) => {
                if self.is_alone.swap(false, Ordering::Relaxed) {
                    tracing::info!("requests are counted in Redis again");
                }
                Ok(verdict)
            }
            Err(error) => {
                if !self.is_alone.swap(true, Ordering::Relaxed) {
                    tracing::warn!(
                        error = &error as &dyn std::error::Error,
                        "each process counts requests by itself: Redis does not answer"
                    );
                }
                self.counted_alone.increment(1);
                self.alone.take(policy, caller).await
            }
        }
    }
}
