//! Lines on standard error.

use std::io::{self, IsTerminal};

use tracing_subscriber::{EnvFilter, fmt};

/// How a line of the log looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    Readable,
    Json,
}

#[derive(Debug, thiserror::Error)]
#[error("this is no filter such as info,echo_http=debug")]
pub struct BadFilter;

/// Starts logging what `filter` lets through.
///
/// # Errors
/// [`BadFilter`]
pub fn log(filter: &str, format: Format) -> Result<(), BadFilter> {
    let filter = EnvFilter::try_new(filter).map_err(|_| BadFilter)?;
    let log = fmt().with_env_filter(filter).with_writer(io::stderr).with_ansi(io::stderr().is_terminal());
    match format {
        Format::Readable => log.with_target(false).init(),
        Format::Json => log.json().flatten_event(true).init(),
    }
    Ok(())
}
