//! Who does what only one process may do at a time.

use std::{
    collections::HashSet,
    sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use echo_domain::Result;
use fred::types::{Key, scripts::Script};

use crate::connection::{PREFIX, Redis};

/// Returns 0 when another has the lease, 1 when it had expired or there was none, 2 when it was the caller's.
static TAKE: LazyLock<Script> = LazyLock::new(|| {
    Script::from_lua(
        "local holder = redis.call('GET', KEYS[1])
         if holder and holder ~= ARGV[1] then return 0 end
         redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
         return holder and 2 or 1",
    )
});

static GIVE_UP: LazyLock<Script> = LazyLock::new(|| {
    Script::from_lua("if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end return 0")
});

/// How a lease stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lease {
    /// It is this process's now; in between it may have been another's.
    New,
    /// It has been this process's since it was last asked for.
    Kept,
    Others,
}

/// What this process does for all. Whoever dies loses its leases soon.
pub(crate) struct Leases {
    redis: Arc<Redis>,
    holder: String,
    kept: Mutex<HashSet<&'static str>>,
}

impl Leases {
    /// Others wait for so long when the holder says nothing any more.
    const TIME: Duration = Duration::from_secs(5);

    pub(crate) fn new(redis: Arc<Redis>, instance: [u8; 16]) -> Self {
        Self { redis, holder: format!("{:032x}", u128::from_be_bytes(instance)), kept: Mutex::default() }
    }

    /// Takes the lease of `what`, unless another has it, for some seconds from now.
    pub(crate) async fn take(&self, what: &'static str) -> Result<Lease> {
        let lease = self.ask(what).await?;
        let mut kept = self.kept();
        Ok(match lease {
            Lease::Others => {
                kept.remove(what);
                Lease::Others
            }
            // The call before may have been one that renewed it too late.
            Lease::New | Lease::Kept if kept.insert(what) => Lease::New,
            lease => lease,
        })
    }

    /// Keeps for some seconds more what this process has.
    pub(crate) async fn renew(&self) {
        let kept: Vec<_> = self.kept().iter().copied().collect();
        for what in kept {
            // Without an answer it may be lost by the next time.
            if !matches!(self.ask(what).await, Ok(Lease::Kept)) {
                self.kept().remove(what);
            }
        }
    }

    /// Leaves everything to others.
    pub(crate) async fn give_up(&self) {
        let kept = std::mem::take(&mut *self.kept());
        for what in kept {
            let given: Result<i64> =
                self.redis.script("leases.give_up", &GIVE_UP, vec![key(what)], vec![self.holder.clone().into()]).await;
            if let Err(error) = given {
                tracing::debug!(error = &error as &dyn std::error::Error, "a lease ends by itself");
            }
        }
    }

    async fn ask(&self, what: &'static str) -> Result<Lease> {
        let time = i64::try_from(Self::TIME.as_millis()).unwrap_or(i64::MAX);
        let args = vec![self.holder.clone().into(), time.into()];
        Ok(match self.redis.script("leases.take", &TAKE, vec![key(what)], args).await? {
            0 => Lease::Others,
            1 => Lease::New,
            _ => Lease::Kept,
        })
    }

    fn kept(&self) -> MutexGuard<'_, HashSet<&'static str>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn key(what: &str) -> Key {
    format!("{PREFIX}:lease:{what}").into()
}
