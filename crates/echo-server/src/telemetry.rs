//! Logs, traces and metrics as the settings have them.

use std::sync::Arc;

use anyhow::{Context, Result};
use echo_domain::{
    CacheFigures, Relay, auth, feed,
    media::MeasuredBlobs,
    metric::{Declared, Metric, StoreCalls},
    trace,
};
use echo_telemetry::{Collector, Format, Metrics, Traces};
use tokio::runtime::Handle;

use crate::{
    config::{LogFormat, Settings, Switch},
    listener,
    system::SystemClock,
};

static BUILD_INFO: Metric<2> = Metric::gauge(
    "echo_build_info",
    ["version", "roles"],
    "Always 1: which version runs, and as what, `all` if it is everything.",
);

/// What the program itself measures.
static METRICS: [Declared; 2] = [BUILD_INFO.declared(), listener::CONNECTIONS_OPEN.declared()];

/// Every family there is, by what it is about, as docs/metrics.md has them.
const FAMILIES: [(&str, &[Declared]); 17] = [
    ("The program", &METRICS),
    ("Requests", &echo_http::METRICS),
    ("People and posts", &echo_domain::Census::METRICS),
    ("Sessions", &auth::METRICS),
    ("Passwords", &echo_crypto::METRICS),
    ("Home timelines", &feed::METRICS),
    ("What follows from events", &Relay::METRICS),
    ("Images", &echo_media::METRICS),
    ("Where images are", &MeasuredBlobs::METRICS),
    ("Caches", &CacheFigures::METRICS),
    ("Stores", &StoreCalls::METRICS),
    ("SQLite", &echo_sqlite::METRICS),
    ("MongoDB", &echo_mongo::METRICS),
    ("Redis", &echo_redis::METRICS),
    ("Neighbours", &echo_peers::METRICS),
    ("The process and its threads", &echo_telemetry::METRICS),
    ("Traces", &echo_telemetry::TRACES),
];

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

/// Starts counting, for `/metrics`, unless that is off.
///
/// # Errors
/// When something else in this process counts already.
pub(crate) fn metrics(settings: &Settings) -> Result<Option<Metrics>> {
    if settings.log.metrics == Switch::Off {
        return Ok(None);
    }
    let families = FAMILIES.into_iter().flat_map(|(_, families)| families).copied().collect();
    let metrics = echo_telemetry::metrics(families, Arc::new(SystemClock), trace::sampled)?;
    let roles = settings.cluster.roles;
    let roles = if roles.is_split() { roles.to_string() } else { "all".to_owned() };
    BUILD_INFO.level([env!("CARGO_PKG_VERSION").to_owned(), roles]).set(1);
    Ok(Some(metrics))
}

#[cfg(test)]
mod tests;
