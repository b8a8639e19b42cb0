//! Logs and metrics as the settings have them.

use anyhow::{Context, Result};
use echo_telemetry::{Format, Metrics};

use crate::config::{Log, LogFormat};

/// Starts logging to standard error.
///
/// # Errors
/// When `RUST_LOG` is no filter.
pub(crate) fn log(settings: &Log) -> Result<()> {
    let format = match settings.log_format {
        LogFormat::Readable => Format::Readable,
        LogFormat::Json => Format::Json,
    };
    echo_telemetry::log(&settings.rust_log, format).context("RUST_LOG")
}

/// Starts counting, for `/metrics`.
///
/// # Errors
/// When something else in this process counts already.
pub(crate) fn metrics() -> Result<Metrics> {
    Ok(echo_telemetry::metrics()?)
}
