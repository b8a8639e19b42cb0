//! Logs and metrics as the settings have them.

use std::sync::Arc;

use anyhow::{Context, Result};
use echo_domain::{
    CacheFigures, Relay, auth, feed,
    media::MeasuredBlobs,
    metric::{Declared, Metric, StoreCalls},
};
use echo_telemetry::{Format, Metrics};

use crate::{
    config::{Log, LogFormat, Settings, Switch},
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
const FAMILIES: [(&str, &[Declared]); 16] = [
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
];

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

/// Starts counting, for `/metrics`, unless that is off.
///
/// # Errors
/// When something else in this process counts already.
pub(crate) fn metrics(settings: &Settings) -> Result<Option<Metrics>> {
    if settings.log.metrics == Switch::Off {
        return Ok(None);
    }
    let families = FAMILIES.into_iter().flat_map(|(_, families)| families).copied().collect();
    let metrics = echo_telemetry::metrics(families, Arc::new(SystemClock), || None)?;
    let roles = settings.cluster.roles;
    let roles = if roles.is_split() { roles.to_string() } else { "all".to_owned() };
    BUILD_INFO.level([env!("CARGO_PKG_VERSION").to_owned(), roles]).set(1);
    Ok(Some(metrics))
}

#[cfg(test)]
mod tests;
