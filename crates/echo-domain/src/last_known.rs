//! What a neighbour told, for when it does not answer.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use futures_util::future::BoxFuture;

use crate::{Cache, Clock, Error, IdMap, Result, UserId};

/// Values by user, read from a neighbour: remembered as a [`Cache`] does, and beyond that, for as long as there is room,
/// for when the neighbour is unavailable.
pub(crate) struct LastKnown<V> {
    fresh: Cache<UserId, Arc<V>>,
    last: Cache<UserId, Arc<V>>,
}

impl<V: Send + Sync> LastKnown<V> {
    /// Longer than any process runs.
    const FOREVER: Duration = Duration::from_secs(u32::MAX as u64);

    /// Room for `bytes`, which `weigh` counts. Values are asked for again after `lifetime`. The figures have two names: for
    /// what was asked for lately, and for what was known last.
    pub(crate) fn new(
        [fresh, last]: [&'static str; 2],
        bytes: u64,
        lifetime: Duration,
        clock: &Arc<dyn Clock>,
        weigh: fn(&Arc<V>) -> usize,
    ) -> Self {
        Self {
            fresh: Cache::new(fresh, bytes / 2, lifetime, clock.clone(), weigh),
            last: Cache::new(last, bytes / 2, Self::FOREVER, clock.clone(), weigh),
        }
    }

    /// The value of each user, in their order; `None` for those whom `load` leaves out. While it is unavailable, what was
    /// known last, if something is known of each.
    ///
    /// # Errors
    /// Of `load`.
    pub(crate) async fn get<'a>(
        &self,
        users: &[UserId],
        load: impl Fn(Vec<UserId>) -> BoxFuture<'a, Result<IdMap<UserId, Arc<V>>>>,
    ) -> Result<Vec<Option<Arc<V>>>> {
        let asked = AtomicBool::new(false);
        let load = |unknown| {
            asked.store(true, Ordering::Relaxed);
            load(unknown)
        };
        let found = match self.fresh.get(users, load).await {
            Ok(found) => found,
            Err(error @ Error::Unavailable { .. }) => return self.recall(users).ok_or(error),
            Err(error) => return Err(error),
        };
        if asked.into_inner() {
            self.keep(users, &found);
        }
        Ok(found)
    }

    fn recall(&self, users: &[UserId]) -> Option<Vec<Option<Arc<V>>>> {
        users.iter().map(|user| self.fresh.peek(user).or_else(|| self.last.peek(user)).map(Some)).collect()
    }

    fn keep(&self, users: &[UserId], found: &[Option<Arc<V>>]) {
        // Not what was forgotten while it was read.
        let is_fresh = |user: &UserId| self.fresh.peek(user).is_some();
        let known = users.iter().zip(found).filter_map(|(user, value)| Some((*user, value.clone()?)));
        self.last.put(known.filter(|(user, _)| is_fresh(user)));
        for (user, _) in users.iter().zip(found).filter(|(_, value)| value.is_none()) {
            self.last.forget(user);
        }
    }

    /// The value has changed, or may have. It is still what was known last.
    pub(crate) fn forget(&self, user: &UserId) {
        self.fresh.forget(user);
    }

    /// Every value may have changed.
    pub(crate) fn forget_all(&self) {
        self.fresh.forget_all();
    }

    /// There is none any more, and none is shown any more.
    pub(crate) fn drop(&self, user: &UserId) {
        self.fresh.forget(user);
        self.last.forget(user);
    }
}
