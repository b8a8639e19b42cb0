//! A page of metrics larger than Echo's own, made and served by the same code, as a process of its own.

use std::sync::Arc;

use anyhow::Result;
use axum::{Router, http::header, routing::get};
use echo_domain::{
    Clock, Timestamp,
    metric::{Declared, Metric},
};
use echo_telemetry::{Exposition, Metrics};

use crate::bare;

static SECONDS: Metric<3> = Metric::seconds(
    "echo_http_request_seconds",
    ["route", "method", "status"],
    "How long requests took until their reply began.",
);
const STATUSES: [&str; 5] = ["200", "304", "401", "404", "503"];

#[derive(Debug, clap::Args)]
pub(crate) struct Counted {
    #[arg(long)]
    pub(crate) routes: usize,
}

struct Noon;

impl Clock for Noon {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(1_700_000_000_000)
    }
}

impl Counted {
    /// Prints where it is, and serves until it is killed.
    ///
    /// # Errors
    /// When it cannot listen.
    pub(crate) fn serve(self) -> Result<()> {
        tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(async {
            let metrics = self.count()?;
            let page = async move || {
                let form = Exposition::OpenMetrics;
                let page = tokio::task::spawn_blocking(move || metrics.page(form)).await.unwrap_or_default();
                ([(header::CONTENT_TYPE, form.content_type())], page)
            };
            bare::accept(Router::new().route("/metrics", get(page))).await
        })
    }

    /// In every bucket something, with a trace: the longest page that there can be.
    fn count(&self) -> Result<Metrics> {
        let families: Vec<Declared> = echo_telemetry::METRICS.into_iter().chain([SECONDS.declared()]).collect();
        let metrics = echo_telemetry::metrics(families, Arc::new(Noon), || Some([7; 16]))?;
        for route in 0..self.routes {
            for status in STATUSES {
                let labels = [format!("/api/things/{{id}}/parts/{route}"), "GET".to_owned(), status.to_owned()];
                let seconds = SECONDS.spread(labels);
                (-15..=5).for_each(|power| seconds.record(2_f64.powi(power)));
            }
        }
        Ok(metrics)
    }
}
