//! Logs and metrics.

use std::io::{self, IsTerminal};

use anyhow::{Result, anyhow};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use tracing_subscriber::{EnvFilter, fmt};

use crate::config::{Log, LogFormat};

/// Seconds: from a cached read to a slow upload.
const SECONDS: [f64; 14] = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

/// Starts logging to standard error.
///
/// # Errors
/// When `RUST_LOG` is no filter.
pub(crate) fn log(settings: &Log) -> Result<()> {
    let filter = EnvFilter::try_new(&settings.rust_log)
        .map_err(|_| anyhow!("RUST_LOG is no filter such as info,echo_http=debug"))?;
    let log = fmt().with_env_filter(filter).with_writer(io::stderr).with_ansi(io::stderr().is_terminal());
    match settings.log_format {
        LogFormat::Readable => log.with_target(false).init(),
        LogFormat::Json => log.json().flatten_event(true).init(),
    }
    Ok(())
}

/// Starts counting, for `/metrics`.
///
/// # Errors
/// When something else in this process counts already.
pub(crate) fn metrics() -> Result<PrometheusHandle> {
    let suffix = Matcher::Suffix("_seconds".to_owned());
    Ok(PrometheusBuilder::new().set_buckets_for_metric(suffix, &SECONDS)?.install_recorder()?)
}
