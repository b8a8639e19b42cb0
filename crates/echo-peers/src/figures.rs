//! How a neighbour fares, as this process sees it.

use std::time::Duration;

use echo_domain::{
    Result,
    metric::{Metric, Spreads, outcome},
};
use metrics::{Counter, Gauge};

pub(crate) static SECONDS: Metric<3> = Metric::seconds(
    "echo_peer_seconds",
    ["peer", "call", "outcome"],
    "How long calls of neighbours took, with all tries.",
);
pub(crate) static RETRIES: Metric<1> =
    Metric::counter("echo_peer_retries_total", ["peer"], "Calls of a neighbour that were made once more.");
pub(crate) static UP: Metric<1> = Metric::gauge(
    "echo_peer_up",
    ["peer"],
    "0 while a neighbour is left alone since it did not answer several times, else 1.",
);

#[derive(Debug)]
pub(crate) struct Figures {
    peer: &'static str,
    seconds: Spreads<3>,
    pub(crate) retries: Counter,
    up: Gauge,
}

impl Figures {
    pub(crate) fn of(peer: &'static str) -> Self {
        let figures =
            Self { peer, seconds: Spreads::of(&SECONDS), retries: RETRIES.count([peer]), up: UP.level([peer]) };
        figures.is_up(true);
        figures
    }

    pub(crate) fn is_up(&self, is: bool) {
        self.up.set(if is { 1 } else { 0 });
    }

    pub(crate) fn called<T>(&self, call: &'static str, took: Duration, result: &Result<T>) {
        self.seconds.record([self.peer, call, outcome(result)], took);
    }
}
