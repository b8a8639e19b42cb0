//! The families that are declared, and the figures of each.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicBool, Ordering},
    },
};

use echo_domain::{
    Clock,
    metric::{Declared, Kind},
};
use metrics::{
    Counter, Gauge, Histogram, Key, KeyName, Label, Metadata, Recorder, SharedString, Unit, atomics::AtomicU64,
};

use super::{TraceNow, spread::Spread};

/// What the `metrics` facade counts in.
pub(super) struct Registry {
    families: BTreeMap<&'static str, Family>,
    clock: Arc<dyn Clock>,
    trace: TraceNow,
    complained: AtomicBool,
}

pub(super) struct Family {
    pub(super) declared: Declared,
    series: RwLock<BTreeMap<Key, Series>>,
    complained: AtomicBool,
}

/// The figure with certain labels.
#[derive(Clone)]
pub(super) enum Series {
    Count(Arc<AtomicU64>),
    /// The bits of an `f64`.
    Level(Arc<AtomicU64>),
    Spread(Arc<Spread>),
}

impl Registry {
    pub(super) fn new(families: Vec<Declared>, clock: Arc<dyn Clock>, trace: TraceNow) -> Self {
        let families = families.into_iter().map(|declared| (declared.name, Family::new(declared))).collect();
        Self { families, clock, trace, complained: AtomicBool::new(false) }
    }

    pub(super) fn families(&self) -> impl Iterator<Item = &Family> {
        self.families.values()
    }

    /// The series of this key; at its first use, what `make` has for this kind of family.
    fn series(&self, key: &Key, make: impl FnOnce(Kind) -> Option<Series>) -> Option<Series> {
        let family = self.families.get(key.name()).filter(|family| family.has_labels_of(key));
        let Some((family, series)) = family.and_then(|family| Some((family, make(family.declared.kind)?))) else {
            debug_assert!(false, "{key} is used as it is not declared");
            if !self.complained.swap(true, Ordering::Relaxed) {
                tracing::warn!(%key, "something is measured that is not declared, and so it is not told");
            }
            return None;
        };
        family.find(key).or_else(|| family.insert(key, series))
    }
}

impl Family {
    /// More are not counted: somebody puts into a label what is no closed set.
    const MAX: usize = 2000;

    fn new(declared: Declared) -> Self {
        Self { declared, series: RwLock::default(), complained: AtomicBool::new(false) }
    }

    fn has_labels_of(&self, key: &Key) -> bool {
        key.labels().map(Label::key).eq(self.declared.labels.iter().copied())
    }

    fn find(&self, key: &Key) -> Option<Series> {
        self.series.read().unwrap_or_else(PoisonError::into_inner).get(key).cloned()
    }

    fn insert(&self, key: &Key, new: Series) -> Option<Series> {
        let mut series = self.series.write().unwrap_or_else(PoisonError::into_inner);
        if series.len() < Self::MAX || series.contains_key(key) {
            return Some(series.entry(key.clone()).or_insert(new).clone());
        }
        if !self.complained.swap(true, Ordering::Relaxed) {
            tracing::warn!(family = self.declared.name, "too many values of labels: more of them are not counted");
        }
        None
    }

    /// All that was used so far, in order.
    pub(super) fn all(&self) -> Vec<(Key, Series)> {
        let series = self.series.read().unwrap_or_else(PoisonError::into_inner);
        series.iter().map(|(key, series)| (key.clone(), series.clone())).collect()
    }
}

impl Recorder for Registry {
    // What there is to say is declared.
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        let make = |kind| (kind == Kind::Counter).then(|| Series::Count(Arc::default()));
        match self.series(key, make) {
            Some(Series::Count(count)) => Counter::from_arc(count),
            _ => Counter::noop(),
        }
    }

    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
        // A counter, too, where somebody else counts and it is only read.
        let make = |kind| matches!(kind, Kind::Gauge | Kind::Counter).then(|| Series::Level(Arc::default()));
        match self.series(key, make) {
            Some(Series::Level(level)) => Gauge::from_arc(level),
            _ => Gauge::noop(),
        }
    }

    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
        let make = |kind| Some(Series::Spread(Arc::new(Spread::new(kind, self.clock.clone(), self.trace)?)));
        match self.series(key, make) {
            Some(Series::Spread(spread)) => Histogram::from_arc(spread),
            _ => Histogram::noop(),
        }
    }
}
