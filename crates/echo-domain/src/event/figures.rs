//! How far a consumer of events is, and how it fares.

use std::sync::atomic::{AtomicI64, Ordering};

use metrics::{Counter, Gauge};

use crate::{
    Result, Timestamp,
    metric::{Metric, Spreads, outcome},
};

use super::Recorded;

pub(super) static SECONDS: Metric<2> = Metric::seconds(
    "echo_event_seconds",
    ["consumer", "outcome"],
    "How long a consumer took for an event, each time that it was tried.",
);
pub(super) static LAG: Metric<1> = Metric::gauge(
    "echo_event_lag_seconds",
    ["consumer"],
    "How old the oldest event is that this process knows of and the consumer is not done with; 0 when there is none.",
);
pub(super) static RETRIES: Metric<1> =
    Metric::counter("echo_event_retries_total", ["consumer"], "Events that failed and will be tried again.");
pub(super) static SET_ASIDE: Metric<1> = Metric::counter(
    "echo_events_set_aside_total",
    ["consumer"],
    "Events that kept failing and were set aside for a person to look at.",
);

/// The figures of one consumer.
pub(super) struct ConsumerFigures {
    consumer: &'static str,
    seconds: Spreads<2>,
    lag: Gauge,
    pub(super) retries: Counter,
    pub(super) set_aside: Counter,
    /// Since when the oldest event waits, in milliseconds since 1970.
    oldest: AtomicI64,
}

impl ConsumerFigures {
    /// When nothing waits.
    const NEVER: i64 = i64::MAX;

    pub(super) fn of(consumer: &'static str) -> Self {
        Self {
            consumer,
            seconds: Spreads::of(&SECONDS),
            lag: LAG.level([consumer]),
            retries: RETRIES.count([consumer]),
            set_aside: SET_ASIDE.count([consumer]),
            oldest: AtomicI64::new(Self::NEVER),
        }
    }

    pub(super) fn tried(&self, started: std::time::Instant, result: &Result<()>) {
        self.seconds.record([self.consumer, outcome(result)], started.elapsed());
    }

    /// These wait, oldest first.
    pub(super) fn wait(&self, events: &[Recorded]) {
        let oldest = events.first().map_or(Self::NEVER, |event| event.at.millis());
        self.oldest.store(oldest, Ordering::Relaxed);
    }

    /// Again and again, for what waits grows older by itself.
    pub(super) fn tell_lag(&self, now: Timestamp) {
        let oldest = Timestamp::from_millis(self.oldest.load(Ordering::Relaxed));
        self.lag.set(now.since(oldest).as_secs_f64());
    }
}
