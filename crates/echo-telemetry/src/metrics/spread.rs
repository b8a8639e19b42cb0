//! Histograms: how many values there were up to each of some bounds, and the last trace behind each.

use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicU64, Ordering},
};

use echo_domain::{Clock, Timestamp, metric::Kind};
use metrics::{GaugeFn, HistogramFn};

use super::TraceNow;

/// From 2⁻¹⁴ to 2⁴.
const SECONDS: [f64; 19] = doubling(1.0 / 16384.0);
/// From 1 to 2¹⁰.
const SIZES: [f64; 11] = doubling(1.0);

const fn doubling<const N: usize>(first: f64) -> [f64; N] {
    let mut bounds = [first; N];
    let mut at = 1;
    while at < N {
        bounds[at] = bounds[at - 1] * 2.0;
        at += 1;
    }
    bounds
}

/// A histogram. To record is a search among a few bounds and two atomic additions.
pub(super) struct Spread {
    bounds: &'static [f64],
    /// One more than bounds: the last is for what is beyond all.
    buckets: Box<[Bucket]>,
    /// The bits of an `f64`.
    sum: AtomicU64,
    clock: Arc<dyn Clock>,
    trace: TraceNow,
}

#[derive(Default)]
struct Bucket {
    count: AtomicU64,
    exemplar: Mutex<Option<Exemplar>>,
}

/// A value, and the trace that tells how it came about.
#[derive(Debug, Clone, Copy)]
pub(super) struct Exemplar {
    pub(super) trace: [u8; 16],
    pub(super) value: f64,
    pub(super) at: Timestamp,
}

/// A bucket as it is told: its upper bound, and how many values there were up to that.
pub(super) struct UpTo {
    pub(super) bound: f64,
    pub(super) count: u64,
    pub(super) exemplar: Option<Exemplar>,
}

impl Spread {
    /// `None` when this kind is no histogram.
    pub(super) fn new(kind: Kind, clock: Arc<dyn Clock>, trace: TraceNow) -> Option<Self> {
        let bounds: &[f64] = match kind {
            Kind::Counter | Kind::Gauge => return None,
            Kind::Seconds => &SECONDS,
            Kind::Sizes => &SIZES,
        };
        let buckets = (0..=bounds.len()).map(|_| Bucket::default()).collect();
        Some(Self { bounds, buckets, sum: AtomicU64::default(), clock, trace })
    }

    /// The last one is of all values.
    pub(super) fn buckets(&self) -> impl Iterator<Item = UpTo> {
        let bounds = self.bounds.iter().copied().chain([f64::INFINITY]);
        self.buckets.iter().zip(bounds).scan(0, |sum, (bucket, bound)| {
            *sum += bucket.count.load(Ordering::Relaxed);
            let exemplar = *bucket.exemplar.lock().unwrap_or_else(PoisonError::into_inner);
            Some(UpTo { bound, count: *sum, exemplar })
        })
    }

    pub(super) fn sum(&self) -> f64 {
        f64::from_bits(self.sum.load(Ordering::Relaxed))
    }
}

impl HistogramFn for Spread {
    fn record(&self, value: f64) {
        let bucket = &self.buckets[self.bounds.partition_point(|bound| *bound < value)];
        bucket.count.fetch_add(1, Ordering::Relaxed);
        GaugeFn::increment(&self.sum, value);
        // One is as good as another: nobody waits to leave theirs.
        if let Some(trace) = (self.trace)()
            && let Ok(mut exemplar) = bucket.exemplar.try_lock()
        {
            *exemplar = Some(Exemplar { trace, value, at: self.clock.now() });
        }
    }
}
