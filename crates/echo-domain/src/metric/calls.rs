//! Calls of stores as operators see them, whichever technology keeps what is stored: timed, and each a span.

use std::time::Instant;

use tracing::{Instrument, field::Empty};

use crate::{Error, Result, trace};

use super::{Declared, Metric, Spreads};

static STORE_SECONDS: Metric<3> = Metric::seconds(
    "echo_store_seconds",
    ["backend", "op", "outcome"],
    "How long calls of stores took, with the wait for their turn.",
);

/// What every call of a backend goes through.
#[derive(Debug)]
pub struct StoreCalls {
    backend: &'static str,
    system: &'static str,
    seconds: Spreads<3>,
}

impl StoreCalls {
    /// What is measured of any store.
    pub const METRICS: [Declared; 1] = [STORE_SECONDS.declared()];

    /// Of a backend under the name that figures have for it, and that of OpenTelemetry's `db.system.name`.
    #[must_use]
    pub fn new(backend: &'static str, system: &'static str) -> Self {
        Self { backend, system, seconds: Spreads::of(&STORE_SECONDS) }
    }

    /// Makes a call such as `posts.add`, within its span and its timing.
    ///
    /// # Errors
    /// Of the call.
    pub async fn make<T>(&self, op: &'static str, call: impl Future<Output = Result<T>>) -> Result<T> {
        let started = Instant::now();
        let span = tracing::debug_span!(
            target: trace::TARGET,
            "store",
            otel.name = op,
            otel.kind = "client",
            db.system.name = self.system,
            db.operation.name = op,
            otel.status_code = Empty,
            "error.type" = Empty,
        );
        let result = call.instrument(span.clone()).await;
        trace::note(&span, &result);
        self.seconds.record([self.backend, op, outcome(&result)], started.elapsed());
        result
    }
}

/// What came of something, as all families say it: `refused` is what the caller may not do, `unavailable` what may work
/// later, `failed` our own fault.
pub fn outcome<T>(result: &Result<T>) -> &'static str {
    match result {
        Ok(_) => "ok",
        Err(Error::Unavailable { .. } | Error::StorageFull) => "unavailable",
        Err(Error::Internal(_)) => "failed",
        Err(_) => "refused",
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::contract::Figures;

    #[tokio::test]
    async fn calls_are_told_apart_by_what_came_of_them() {
        let figures = Figures::default();
        let _counting = figures.count_here();
        let calls = StoreCalls::new("test", "test");
        let unavailable = || Error::Unavailable { what: "it", retry_after: Duration::ZERO, source: None };

        for result in [Ok(()), Ok(()), Err(Error::conflict("no", "no")), Err(unavailable()), Err(Error::internal("no"))]
        {
            let _ = calls.make("posts.add", async { result }).await;
        }

        for (outcome, times) in [("ok", 2.0), ("refused", 1.0), ("unavailable", 1.0), ("failed", 1.0)] {
            let calls = format!("echo_store_seconds{{backend=test,op=posts.add,outcome={outcome}}}");
            assert_eq!(figures.get(&calls), times, "{outcome}");
        }
    }
}
