//! Lines on standard error.

use std::io::{self, IsTerminal};

use echo_domain::trace;
use tracing::Subscriber;
use tracing_subscriber::{
    EnvFilter, Layer, fmt, layer::SubscriberExt, registry, registry::LookupSpan, util::SubscriberInitExt,
};

use crate::{line::Line, traces::Traces};

/// How a line of the log looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    Readable,
    Json,
}

#[derive(Debug, thiserror::Error)]
#[error("this is no filter such as info,echo::request=debug")]
pub struct BadFilter;

/// Starts logging what `filter` lets through, and exporting spans to `traces`, if there are any to be.
///
/// # Errors
/// [`BadFilter`]
pub fn log(filter: &str, format: Format, traces: Option<&Traces>) -> Result<(), BadFilter> {
    let not_for_the_log = format!("{}=off", trace::TARGET).parse().map_err(|_| BadFilter)?;
    let filter = EnvFilter::try_new(filter).map_err(|_| BadFilter)?.add_directive(not_for_the_log);
    match traces {
        // The filter is for all, and what it does not let through costs nothing.
        None => registry().with(filter).with(lines(format)).init(),
        Some(traces) => registry().with(lines(format).with_filter(filter)).with(traces.layer()).init(),
    }
    Ok(())
}

fn lines<S: Subscriber + for<'a> LookupSpan<'a>>(format: Format) -> impl Layer<S> {
    let lines = fmt::layer().event_format(Line(format)).with_writer(io::stderr);
    let is_read_by_people = format == Format::Readable && io::stderr().is_terminal();
    // With colours, unless NO_COLOR is set.
    if is_read_by_people { lines } else { lines.with_ansi(false) }
}
