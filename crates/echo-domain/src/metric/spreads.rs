//! Histograms whose labels are known only when something has happened.

use std::sync::{PoisonError, RwLock};

use metrics::{Histogram, IntoF64};

use crate::IdMap;

use super::Metric;

/// The histograms of a family that are in use: to name one anew each time would make and hash its labels.
#[derive(Debug)]
pub struct Spreads<const N: usize> {
    family: &'static Metric<N>,
    known: RwLock<IdMap<[&'static str; N], Histogram>>,
}

impl<const N: usize> Spreads<N> {
    #[must_use]
    pub fn of(family: &'static Metric<N>) -> Self {
        Self { family, known: RwLock::default() }
    }

    /// Notes a value of the histogram with these labels.
    pub fn record(&self, labels: [&'static str; N], value: impl IntoF64) {
        if let Some(known) = self.known.read().unwrap_or_else(PoisonError::into_inner).get(&labels) {
            return known.record(value);
        }
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        known.entry(labels).or_insert_with(|| self.family.spread(labels)).record(value);
    }
}
