//! What was read from a store, kept in this process until it changes.

mod figures;

use std::{hash::Hash, sync::Arc, time::Duration};

use futures_util::future::BoxFuture;
use quick_cache::{
    DefaultHashBuilder, Weighter,
    sync::{GuardResult, PlaceholderGuard},
};
use tracing::{Instrument, Span};

use crate::{Clock, Errand, Error, IdMap, Result, Timestamp};

pub use figures::{CacheFigures, Evictions, Lookups};

/// Values by key: at most so many bytes of them, each for at most so long, and each read by one caller while others wait.
///
/// Whoever changes what a value was made from calls [`Cache::forget`] after the change is kept and before it is
/// acknowledged. A value that was being read meanwhile is not kept.
pub struct Cache<K, V> {
    values: Values<K, V>,
    clock: Arc<dyn Clock>,
    lifetime: Duration,
    figures: CacheFigures,
}

type Values<K, V> = quick_cache::sync::Cache<K, Kept<V>, Weigh<V>, DefaultHashBuilder, Evictions>;
type Guard<'a, K, V> = PlaceholderGuard<'a, K, Kept<V>, Weigh<V>, DefaultHashBuilder, Evictions>;

type Found<'a, K, V> = GuardResult<'a, K, Kept<V>, Weigh<V>, DefaultHashBuilder, Evictions>;

#[derive(Clone)]
struct Kept<V> {
    value: V,
    until: Timestamp,
}

/// Tells how many bytes a value takes.
struct Weigh<V>(fn(&V) -> usize);

impl<V> Clone for Weigh<V> {
    fn clone(&self) -> Self {
        Self(self.0)
    }
}

impl<K, V> Weighter<K, Kept<V>> for Weigh<V> {
    fn weight(&self, _: &K, kept: &Kept<V>) -> u64 {
        // The key, the moment, and the cache's own record of it.
        const EACH: u64 = 96;
        EACH + u64::try_from((self.0)(&kept.value)).unwrap_or(u64::MAX / 2)
    }
}

/// Runs a change to its end even if its caller goes away: what is known of it must be forgotten once it is kept.
///
/// # Errors
/// Of the change.
pub async fn to_the_end<T: Send + 'static>(change: impl Future<Output = Result<T>> + Send + 'static) -> Result<T> {
    let change = Errand::current().to_the_end().run(change).instrument(Span::current());
    tokio::spawn(change).await.map_err(Error::internal)?
}

impl<K: Clone + Eq + Hash + Send + Sync, V: Clone + Send + Sync> Cache<K, V> {
    /// Room for `bytes`, which `weigh` counts beside what every entry takes. Values live for `lifetime`, in case a change
    /// elsewhere is not heard of. `name` is that of its figures.
    pub fn new(
        name: &'static str,
        bytes: u64,
        lifetime: Duration,
        clock: Arc<dyn Clock>,
        weigh: fn(&V) -> usize,
    ) -> Self {
        const TYPICAL: u64 = 512;
        let items = usize::try_from(bytes / TYPICAL).unwrap_or(usize::MAX);
        let figures = CacheFigures::of(name);
        let values = Values::with(items, bytes, Weigh(weigh), DefaultHashBuilder::default(), figures.evictions());
        Self { values, clock, lifetime, figures }
    }

    /// The value of each key, in their order. `load` reads those unknown, in one batch; it may leave some out.
    ///
    /// # Errors
    /// Of `load`.
    pub async fn get<'a>(
        &self,
        keys: &[K],
        load: impl Fn(Vec<K>) -> BoxFuture<'a, Result<IdMap<K, V>>>,
    ) -> Result<Vec<Option<V>>> {
        let now = self.clock.now();
        let mut values = Vec::with_capacity(keys.len());
        let (mut ours, mut others) = (IdMap::default(), Vec::new());
        for (place, key) in keys.iter().enumerate() {
            values.push(match self.look_up(key, now) {
                GuardResult::Value(kept) => Some(kept.value),
                GuardResult::Guard(guard) => {
                    ours.insert(key.clone(), guard);
                    None
                }
                GuardResult::Timeout => {
                    others.push(place);
                    None
                }
            });
        }
        self.figures.asked(keys.len(), keys.len() - ours.len() - others.len());
        if !ours.is_empty() {
            let loaded = self.fill(ours, &load).await?;
            for (key, value) in keys.iter().zip(&mut values).filter(|(_, value)| value.is_none()) {
                *value = loaded.get(key).cloned();
            }
        }
        // Only now, with nothing of ours open: two callers that waited for each other would wait forever.
        for place in others {
            let key = &keys[place];
            values[place] = match self.values.get_value_or_guard_async(key).await {
                Ok(kept) => Some(kept.value),
                Err(guard) => self.fill(IdMap::from_iter([(key.clone(), guard)]), &load).await?.remove(key),
            };
        }
        Ok(values)
    }

    /// The value, if it is known.
    pub fn peek(&self, key: &K) -> Option<V> {
        let now = self.clock.now();
        self.values.get(key).filter(|kept| kept.until > now).map(|kept| kept.value)
    }

    /// Keeps values that were not asked for here.
    pub fn put(&self, values: impl IntoIterator<Item = (K, V)>) {
        let until = self.clock.now() + self.lifetime;
        for (key, value) in values {
            self.values.insert(key, Kept { value, until });
        }
        self.tell_size();
    }

    /// The value has changed, or may have.
    pub fn forget(&self, key: &K) {
        self.values.remove(key);
    }

    /// Every value may have changed.
    pub fn forget_all(&self) {
        self.values.clear();
        self.tell_size();
    }

    /// Looks at every part of the cache: to be called beside a read of a store, which takes longer.
    fn tell_size(&self) {
        self.figures.holds(self.values.weight(), self.values.len());
    }

    fn look_up(&self, key: &K, now: Timestamp) -> Found<'_, K, V> {
        let known = self.values.get_value_or_guard(key, Some(Duration::ZERO));
        if matches!(&known, GuardResult::Value(kept) if kept.until <= now) {
            self.values.remove_if(key, |kept| kept.until <= now);
            return self.values.get_value_or_guard(key, Some(Duration::ZERO));
        }
        known
    }

    async fn fill<'a>(
        &self,
        mut places: IdMap<K, Guard<'_, K, V>>,
        load: impl Fn(Vec<K>) -> BoxFuture<'a, Result<IdMap<K, V>>>,
    ) -> Result<IdMap<K, V>> {
        let loaded = load(places.keys().cloned().collect()).await?;
        let until = self.clock.now() + self.lifetime;
        for (key, value) in &loaded {
            if let Some(place) = places.remove(key) {
                // Refused when the value was forgotten meanwhile: what was read may be what was before.
                let _ = place.insert(Kept { value: value.clone(), until });
            }
        }
        self.tell_size();
        Ok(loaded)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::{Figures, sample};

    struct Noon;

    impl Clock for Noon {
        fn now(&self) -> Timestamp {
            sample::NOW
        }
    }

    async fn ask(cache: &Cache<u8, u8>, keys: &[u8]) {
        let load = |keys: Vec<u8>| -> BoxFuture<'_, _> {
            Box::pin(async move { Ok(keys.into_iter().map(|key| (key, key)).collect()) })
        };
        cache.get(keys, load).await.unwrap();
    }

    #[tokio::test]
    async fn what_is_asked_for_is_counted() {
        let figures = Figures::default();
        let _counting = figures.count_here();
        let cache = Cache::new("test", 10_000, Duration::MAX, Arc::new(Noon), |_| 4);

        ask(&cache, &[1, 2, 3]).await;
        ask(&cache, &[2, 3, 4, 5]).await;

        assert_eq!(figures.get("echo_cache_hits_total{cache=test}"), 2.0);
        assert_eq!(figures.get("echo_cache_misses_total{cache=test}"), 5.0);
        assert_eq!(figures.get("echo_cache_entries{cache=test}"), 5.0);
        assert_eq!(figures.get("echo_cache_bytes{cache=test}"), 500.0);
        assert_eq!(figures.get("echo_cache_evictions_total{cache=test}"), 0.0);
        cache.forget_all();
        assert_eq!(figures.get("echo_cache_entries{cache=test}"), 0.0);
        cache.put([(1, 1)]);
        assert_eq!(figures.get("echo_cache_entries{cache=test}"), 1.0);
    }

    #[tokio::test]
    async fn what_there_is_no_room_for_is_counted() {
        let figures = Figures::default();
        let _counting = figures.count_here();
        let cache = Cache::new("test", 10_000, Duration::MAX, Arc::new(Noon), |_| 904);

        for key in 0..100 {
            ask(&cache, &[key]).await;
        }

        let left = figures.get("echo_cache_entries{cache=test}");
        assert!((1.0..=10.0).contains(&left), "{left}");
        assert_eq!(figures.get("echo_cache_evictions_total{cache=test}"), 100.0 - left);
    }
}
