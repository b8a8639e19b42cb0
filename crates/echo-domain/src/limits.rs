//! How often somebody may do something.

use std::{
    collections::HashMap,
    hash::{BuildHasher, Hash, RandomState},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use async_trait::async_trait;

use crate::{Clock, Result};

/// So many requests in a window, on average; up to that many at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Policy {
    pub name: &'static str,
    pub quota: u32,
    pub window: Duration,
}

/// What a limiter says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    Allowed,
    /// Not before this much time has passed.
    Limited {
        retry_after: Duration,
    },
}

/// Counts what each caller does.
#[async_trait]
pub trait RateLimiter: Send + Sync {
    /// Counts one request of `caller` under `policy`, unless it is limited.
    async fn take(&self, policy: &Policy, caller: &str) -> Result<Verdict>;
}

/// Counts in this process, by the generic cell rate algorithm (ITU-T I.371): one moment per caller, no timers.
pub struct LocalLimiter {
    clock: Arc<dyn Clock>,
    hasher: RandomState,
    shards: [Mutex<Shard>; Self::SHARDS],
}

/// Some of the callers, each with the moment, in milliseconds, at which its allowance is whole again.
struct Shard {
    whole_at: HashMap<u64, i64>,
    /// With so many callers, those whose allowance is whole are forgotten.
    sweep_at: usize,
}

impl Shard {
    const SWEEP_AT: usize = 1024;

    fn forget_the_idle(&mut self, now: i64) {
        self.whole_at.retain(|_, whole_at| *whole_at > now);
        // Only when as many again have come: the work per caller stays the same however many there are.
        self.sweep_at = Self::SWEEP_AT.max(self.whole_at.len() * 2);
    }
}

impl LocalLimiter {
    const SHARDS: usize = 16;

    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            clock,
            hasher: RandomState::new(),
            shards: std::array::from_fn(|_| Mutex::new(Shard { whole_at: HashMap::new(), sweep_at: Shard::SWEEP_AT })),
        }
    }

    fn count(&self, policy: &Policy, caller: &str) -> Verdict {
        let window = i64::try_from(policy.window.as_millis()).unwrap_or(i64::MAX);
        let interval = window / i64::from(policy.quota.max(1));
        let now = self.clock.now().millis();
        // Keyed by a seeded hash: a clash of two callers is as likely as guessing 64 bits.
        let key = self.hasher.hash_one((policy.name, caller));
        let shard = &self.shards[usize::try_from(key % Self::SHARDS as u64).unwrap_or(0)];
        let mut shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
        if shard.whole_at.len() >= shard.sweep_at {
            shard.forget_the_idle(now);
        }
        let whole_at = shard.whole_at.entry(key).or_insert(now);
        let next = (*whole_at).max(now) + interval;
        let wait = next - now - window;
        if wait > 0 {
            return Verdict::Limited { retry_after: Duration::from_millis(wait.unsigned_abs()) };
        }
        *whole_at = next;
        Verdict::Allowed
    }
}

#[async_trait]
impl RateLimiter for LocalLimiter {
    async fn take(&self, policy: &Policy, caller: &str) -> Result<Verdict> {
        Ok(self.count(policy, caller))
    }
}

#[cfg(test)]
mod tests {
    use std::{
        sync::atomic::{AtomicI64, Ordering},
        time::Instant,
    };

    use super::*;
    use crate::Timestamp;

    const POLICY: Policy = Policy { name: "test", quota: 3, window: Duration::from_secs(60) };

    #[derive(Default)]
    struct Hand(AtomicI64);

    impl Clock for Hand {
        fn now(&self) -> Timestamp {
            Timestamp::from_millis(self.0.load(Ordering::Relaxed))
        }
    }

    /// Runs, as the contract wants it.
    struct Running(Instant);

    impl Clock for Running {
        fn now(&self) -> Timestamp {
            Timestamp::from_millis(i64::try_from(self.0.elapsed().as_millis()).unwrap())
        }
    }

    async fn fresh() -> (Arc<dyn RateLimiter>, ()) {
        (Arc::new(LocalLimiter::new(Arc::new(Running(Instant::now())))), ())
    }

    mod contract {
        crate::rate_limiter_contract!(super::fresh);
    }

    #[test]
    fn the_quota_may_be_spent_at_once_and_comes_back_evenly() {
        let clock = Arc::new(Hand::default());
        let limiter = LocalLimiter::new(clock.clone());

        for _ in 0..3 {
            assert_eq!(limiter.count(&POLICY, "ana"), Verdict::Allowed);
        }
        assert_eq!(limiter.count(&POLICY, "ana"), Verdict::Limited { retry_after: Duration::from_secs(20) });
        assert_eq!(limiter.count(&POLICY, "bob"), Verdict::Allowed);

        clock.0.store(20_000, Ordering::Relaxed);
        assert_eq!(limiter.count(&POLICY, "ana"), Verdict::Allowed);
        assert!(matches!(limiter.count(&POLICY, "ana"), Verdict::Limited { .. }));
    }

    #[test]
    fn callers_without_debt_are_forgotten() {
        let clock = Arc::new(Hand::default());
        let limiter = LocalLimiter::new(clock.clone());
        let many = LocalLimiter::SHARDS * Shard::SWEEP_AT;
        let kept = || limiter.shards.iter().map(|shard| shard.lock().unwrap().whole_at.len()).sum::<usize>();
        for caller in 0..many {
            limiter.count(&POLICY, &caller.to_string());
        }
        assert_eq!(kept(), many);

        clock.0.store(120_000, Ordering::Relaxed);
        for caller in 0..many * 2 {
            limiter.count(&POLICY, &format!("another {caller}"));
        }

        assert_eq!(kept(), many * 2);
    }
}
