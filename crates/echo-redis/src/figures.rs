//! How Redis fares.

use echo_domain::{
    Error, Result,
    metric::{Metric, NONE},
};
use fred::{clients::Client, interfaces::EventInterface};
use metrics::Gauge;

pub(crate) static UP: Metric<0> = Metric::gauge("echo_redis_up", [], "1 if Redis answered the last call, else 0.");
pub(crate) static RECONNECTS: Metric<0> =
    Metric::counter("echo_redis_reconnects_total", [], "Connections to Redis that were lost and made anew.");
pub(crate) static ALONE: Metric<0> = Metric::counter(
    "echo_limits_alone_total",
    [],
    "Requests that this process counted by itself alone for a limit, since Redis did not answer.",
);

/// Whether it answers.
pub(crate) struct Up(Gauge);

impl Up {
    /// It has just answered.
    pub(crate) fn new() -> Self {
        let up = UP.level(NONE);
        up.set(1);
        Self(up)
    }

    pub(crate) fn note<T>(&self, result: &Result<T>) {
        self.0.set(if matches!(result, Err(Error::Unavailable { .. })) { 0 } else { 1 });
    }
}

/// Counts from now on until the client ends.
pub(crate) fn count_reconnects(client: &Client) {
    let reconnects = RECONNECTS.count(NONE);
    client.on_reconnect(move |_| {
        reconnects.increment(1);
        async { Ok(()) }
    });
}
