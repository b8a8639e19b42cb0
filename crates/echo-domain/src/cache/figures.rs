//! What a cache tells of itself.

use metrics::{Counter, Gauge};
use quick_cache::{Lifecycle, sync::DefaultLifecycle};

use crate::metric::{Declared, Metric};

static HITS: Metric<1> =
    Metric::counter("echo_cache_hits_total", ["cache"], "Values that a cache was asked for and had.");
static MISSES: Metric<1> =
    Metric::counter("echo_cache_misses_total", ["cache"], "Values that a cache was asked for and did not have.");
static EVICTIONS: Metric<1> =
    Metric::counter("echo_cache_evictions_total", ["cache"], "Values that a cache gave up for want of room.");
static BYTES: Metric<1> =
    Metric::gauge("echo_cache_bytes", ["cache"], "Bytes that the values in a cache take, roughly.");
static ENTRIES: Metric<1> = Metric::gauge("echo_cache_entries", ["cache"], "Values in a cache.");

/// The figures of one cache of this process, which has a name of its own.
pub struct CacheFigures {
    lookups: Lookups,
    evictions: Counter,
    bytes: Gauge,
    entries: Gauge,
}

/// Those of a cache that is elsewhere.
pub struct Lookups {
    hits: Counter,
    misses: Counter,
}

/// Counts what a cache gives up.
#[derive(Clone)]
pub struct Evictions(Counter);

impl CacheFigures {
    /// What is measured of any cache.
    pub const METRICS: [Declared; 5] =
        [HITS.declared(), MISSES.declared(), EVICTIONS.declared(), BYTES.declared(), ENTRIES.declared()];

    #[must_use]
    pub fn of(cache: &'static str) -> Self {
        Self {
            lookups: Lookups::of(cache),
            evictions: EVICTIONS.count([cache]),
            bytes: BYTES.level([cache]),
            entries: ENTRIES.level([cache]),
        }
    }

    /// As [`Lookups::asked`].
    pub fn asked(&self, wanted: usize, found: usize) {
        self.lookups.asked(wanted, found);
    }

    /// What is in the cache, after a change of it.
    pub fn holds(&self, bytes: u64, entries: usize) {
        self.bytes.set(bytes as f64);
        self.entries.set(entries as f64);
    }

    /// For the cache itself.
    #[must_use]
    pub fn evictions(&self) -> Evictions {
        Evictions(self.evictions.clone())
    }
}

impl Lookups {
    #[must_use]
    pub fn of(cache: &'static str) -> Self {
        Self { hits: HITS.count([cache]), misses: MISSES.count([cache]) }
    }

    /// So many values were asked for, of which so many were there: once for a batch.
    pub fn asked(&self, wanted: usize, found: usize) {
        if found > 0 {
            self.hits.increment(found as u64);
        }
        if wanted > found {
            self.misses.increment((wanted - found) as u64);
        }
    }
}

impl<K, V> Lifecycle<K, V> for Evictions {
    type RequestState = <DefaultLifecycle<K, V> as Lifecycle<K, V>>::RequestState;

    fn on_evict(&self, state: &mut Self::RequestState, key: K, value: V) {
        self.0.increment(1);
        // Which lets go of them outside of the cache's locks.
        DefaultLifecycle::default().on_evict(state, key, value);
    }
}
