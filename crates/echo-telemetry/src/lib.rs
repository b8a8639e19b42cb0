//! What Echo tells its operators: logs, and metrics for Prometheus.

mod log;
mod metrics;

pub use self::metrics::{AlreadyCounting, Exposition, METRICS, Metrics, TraceNow, metrics};
pub use log::{BadFilter, Format, log};
