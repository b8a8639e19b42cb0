//! Logs, traces and metrics as the settings have them.

use anyhow::{Context, Result};
use echo_telemetry::{Collector, Format, Metrics, Traces};
use tokio::runtime::Handle;

use crate::config::{LogFormat, Settings};

/// Starts logging to standard error, and exporting traces, if there is a collector for them.
///
/// # Errors
/// Naming the setting that cannot be used.
pub(crate) fn start(settings: &Settings, runtime: &Handle) -> Result<Option<Traces>> {
    let format = match settings.log.log_format {
        LogFormat::Readable => Format::Readable,
        LogFormat::Json => Format::Json,
    };
    let traces = traces(settings, runtime)?;
    echo_telemetry::log(&settings.log.rust_log, format, traces.as_ref()).context("RUST_LOG")?;
    Ok(traces)
}

fn traces(settings: &Settings, runtime: &Handle) -> Result<Option<Traces>> {
    let Some(endpoint) = &settings.traces.otel_exporter_otlp_endpoint else { return Ok(None) };
    let collector = Collector {
        endpoint: endpoint.as_str().to_owned(),
        headers: settings.traces.headers()?,
        sampling: settings.traces.sampling(),
        service: settings.traces.otel_service_name.clone(),
        version: env!("CARGO_PKG_VERSION"),
        instance: format!("{:032x}", u128::from_be_bytes(echo_crypto::random_bytes())),
        roles: settings.cluster.roles.to_string(),
    };
    Traces::start(collector, runtime.clone()).map(Some).context("OTEL_EXPORTER_OTLP_ENDPOINT")
}

/// Starts counting, for `/metrics`.
///
/// # Errors
/// When something else in this process counts already.
pub(crate) fn metrics() -> Result<Metrics> {
    Ok(echo_telemetry::metrics()?)
}
