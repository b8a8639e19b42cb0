//! What is measured: each family is declared once, beside the code that measures it.
//!
//! A crate lists its families in `METRICS`; the program describes all of them at `/metrics`, and docs/metrics.md is made
//! from them. Names and units follow <https://prometheus.io/docs/practices/naming/>. Values of labels come from closed
//! sets: never an id, an address or what somebody wrote.

use metrics::{Counter, Gauge, Histogram, Label, SharedString};

/// A family of figures that differ in the values of its `N` labels.
#[derive(Debug)]
pub struct Metric<const N: usize> {
    name: &'static str,
    kind: Kind,
    labels: [&'static str; N],
    help: &'static str,
}

/// How a figure behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Only grows, from 0 at the start of the process. Its name ends in `_total`.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Durations in seconds, by the powers of two from 2⁻¹⁴ (61 µs) to 2⁴: the bounds of native histograms of schema 0
    /// (<https://prometheus.io/docs/specs/native_histograms/#schema>).
    Seconds,
    /// Numbers of things, by the powers of two from 1 to 2¹⁰.
    Sizes,
}

/// What there is to say about a family, whatever its labels.
#[derive(Debug, Clone, Copy)]
pub struct Declared {
    pub name: &'static str,
    pub kind: Kind,
    pub labels: &'static [&'static str],
    /// One sentence in plain words.
    pub help: &'static str,
}

impl<const N: usize> Metric<N> {
    #[must_use]
    pub const fn counter(name: &'static str, labels: [&'static str; N], help: &'static str) -> Self {
        Self { name, kind: Kind::Counter, labels, help }
    }

    #[must_use]
    pub const fn gauge(name: &'static str, labels: [&'static str; N], help: &'static str) -> Self {
        Self { name, kind: Kind::Gauge, labels, help }
    }

    #[must_use]
    pub const fn seconds(name: &'static str, labels: [&'static str; N], help: &'static str) -> Self {
        Self { name, kind: Kind::Seconds, labels, help }
    }

    #[must_use]
    pub const fn sizes(name: &'static str, labels: [&'static str; N], help: &'static str) -> Self {
        Self { name, kind: Kind::Sizes, labels, help }
    }

    /// For the list of a crate's families.
    #[must_use]
    pub const fn declared(&'static self) -> Declared {
        Declared { name: self.name, kind: self.kind, labels: &self.labels, help: self.help }
    }

    /// The counter with these labels. To find it costs more than to count: keep it where requests are counted.
    pub fn count<V: Into<SharedString>>(&self, values: [V; N]) -> Counter {
        debug_assert!(self.kind == Kind::Counter, "{} counts nothing", self.name);
        metrics::counter!(self.name, self.labelled(values))
    }

    /// The counter with these labels, if something else counts: it is set to what that has come to, with fractions.
    pub fn read<V: Into<SharedString>>(&self, values: [V; N]) -> Gauge {
        debug_assert!(self.kind == Kind::Counter, "{} counts nothing", self.name);
        metrics::gauge!(self.name, self.labelled(values))
    }

    /// The gauge with these labels, to be kept likewise.
    pub fn level<V: Into<SharedString>>(&self, values: [V; N]) -> Gauge {
        debug_assert!(self.kind == Kind::Gauge, "{} has no level", self.name);
        metrics::gauge!(self.name, self.labelled(values))
    }

    /// The histogram with these labels, to be kept likewise.
    pub fn spread<V: Into<SharedString>>(&self, values: [V; N]) -> Histogram {
        debug_assert!(matches!(self.kind, Kind::Seconds | Kind::Sizes), "{} is no histogram", self.name);
        metrics::histogram!(self.name, self.labelled(values))
    }

    fn labelled<V: Into<SharedString>>(&self, values: [V; N]) -> Vec<Label> {
        self.labels.iter().zip(values).map(|(&label, value)| Label::new(label, value)).collect()
    }
}
