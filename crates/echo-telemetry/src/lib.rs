//! What Echo tells its operators: logs, and metrics for Prometheus.

mod log;
mod metrics;

pub use log::{BadFilter, Format, log};
pub use metrics::{AlreadyCounting, Metrics, metrics};
