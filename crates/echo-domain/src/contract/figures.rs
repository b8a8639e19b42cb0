//! What is counted in a test.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
};

use metrics::{
    Counter, Gauge, Histogram, HistogramFn, Key, KeyName, LocalRecorderGuard, Metadata, Recorder, SharedString, Unit,
};

/// The figures of whatever was made on the thread of a test while it counted.
#[derive(Default)]
pub struct Figures(Mutex<BTreeMap<String, Figure>>);

#[derive(Clone)]
enum Figure {
    Counter(Arc<AtomicU64>),
    Gauge(Arc<AtomicU64>),
    Histogram(Arc<Values>),
}

#[derive(Default)]
struct Values(Mutex<Vec<f64>>);

impl Figures {
    /// Counts here until what this returns is dropped.
    pub fn count_here(&self) -> LocalRecorderGuard<'_> {
        metrics::set_default_local_recorder(self)
    }

    /// The figure such as `echo_blob_bytes_total{place=files,way=read}`: of a histogram, how many values it has.
    ///
    /// # Panics
    /// When there is none.
    pub fn get(&self, name: &str) -> f64 {
        match self.find(name) {
            Figure::Counter(count) => count.load(Ordering::Relaxed) as f64,
            Figure::Gauge(level) => f64::from_bits(level.load(Ordering::Relaxed)),
            Figure::Histogram(values) => values.0.lock().unwrap().len() as f64,
        }
    }

    /// The values of a histogram.
    ///
    /// # Panics
    /// When there is none.
    pub fn values(&self, name: &str) -> Vec<f64> {
        match self.find(name) {
            Figure::Histogram(values) => values.0.lock().unwrap().clone(),
            _ => panic!("{name} is no histogram"),
        }
    }

    fn find(&self, name: &str) -> Figure {
        let figures = self.0.lock().unwrap();
        figures.get(name).cloned().unwrap_or_else(|| panic!("no {name} among {:?}", figures.keys()))
    }

    fn register<T: Default>(&self, key: &Key, figure: fn(Arc<T>) -> Figure) -> Figure {
        let labels: Vec<_> = key.labels().map(|label| format!("{}={}", label.key(), label.value())).collect();
        let labels = if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) };
        let name = format!("{}{labels}", key.name());
        self.0.lock().unwrap().entry(name).or_insert_with(|| figure(Arc::default())).clone()
    }
}

impl HistogramFn for Values {
    fn record(&self, value: f64) {
        self.0.lock().unwrap().push(value);
    }
}

impl Recorder for Figures {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        match self.register(key, Figure::Counter) {
            Figure::Counter(count) => count.into(),
            _ => panic!("{} is no counter", key.name()),
        }
    }

    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
        match self.register(key, Figure::Gauge) {
            Figure::Gauge(level) => level.into(),
            _ => panic!("{} is no gauge", key.name()),
        }
    }

    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
        match self.register(key, Figure::Histogram) {
            Figure::Histogram(values) => values.into(),
            _ => panic!("{} is no histogram", key.name()),
        }
    }
}
