//! How long calls of stores take, whichever technology keeps them.

use std::time::Instant;

use crate::{Error, Result};

use super::{Declared, Metric, Spreads};

static STORE_SECONDS: Metric<3> = Metric::seconds(
    "echo_store_seconds",
    ["backend", "op", "outcome"],
    "How long calls of stores took, with the wait for their turn.",
);

/// Notes the calls of a backend.
#[derive(Debug)]
pub struct StoreCalls {
    backend: &'static str,
    seconds: Spreads<3>,
}

impl StoreCalls {
    /// What is measured of any store.
    pub const METRICS: [Declared; 1] = [STORE_SECONDS.declared()];

    #[must_use]
    pub fn new(backend: &'static str) -> Self {
        Self { backend, seconds: Spreads::of(&STORE_SECONDS) }
    }

    /// Notes a call such as `posts.add`, which came to this.
    pub fn note<T>(&self, op: &'static str, started: Instant, result: &Result<T>) {
        self.seconds.record([self.backend, op, outcome(result)], started.elapsed());
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

    #[test]
    fn calls_are_told_apart_by_what_came_of_them() {
        let figures = Figures::default();
        let _counting = figures.count_here();
        let calls = StoreCalls::new("test");
        let unavailable = || Error::Unavailable { what: "it", retry_after: Duration::ZERO, source: None };

        for result in [Ok(()), Ok(()), Err(Error::conflict("no", "no")), Err(unavailable()), Err(Error::internal("no"))]
        {
            calls.note("posts.add", Instant::now(), &result);
        }

        for (outcome, times) in [("ok", 2.0), ("refused", 1.0), ("unavailable", 1.0), ("failed", 1.0)] {
            let calls = format!("echo_store_seconds{{backend=test,op=posts.add,outcome={outcome}}}");
            assert_eq!(figures.get(&calls), times, "{outcome}");
        }
    }
}
