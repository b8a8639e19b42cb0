//! What Echo tells its operators: logs, metrics for Prometheus, and traces for whoever takes OTLP.

mod collector;
mod line;
mod log;
mod metrics;
mod sampling;
mod traces;

pub use self::metrics::{AlreadyCounting, Exposition, METRICS, Metrics, TraceNow, metrics};
pub use log::{BadFilter, Format, log};
pub use sampling::{Sampling, Share};
pub use traces::{BadCollector, Collector, TRACES, Traces};
