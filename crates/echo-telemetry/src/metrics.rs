//! Figures for Prometheus.

use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};

/// Seconds: from a cached read to a slow upload.
const SECONDS: [f64; 14] = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

#[derive(Debug, thiserror::Error)]
#[error("something else in this process counts already")]
pub struct AlreadyCounting;

/// What was counted in this process.
#[derive(Clone)]
pub struct Metrics(PrometheusHandle);

/// Starts counting.
///
/// # Errors
/// [`AlreadyCounting`]
pub fn metrics() -> Result<Metrics, AlreadyCounting> {
    PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &SECONDS)
        .and_then(PrometheusBuilder::install_recorder)
        .map(Metrics)
        .map_err(|_| AlreadyCounting)
}

impl Metrics {
    /// As Prometheus reads it.
    #[must_use]
    pub fn render(&self) -> String {
        self.0.render()
    }

    /// Adds up what was counted since the last time: every few seconds, so that it takes no more memory.
    pub fn tidy(&self) {
        self.0.run_upkeep();
    }
}
