//! The way to the collector: bounded, counted, and nobody waits for it.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use echo_domain::metric::Metric;
use opentelemetry::Context;
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use opentelemetry_sdk::{
    Resource,
    error::OTelSdkResult,
    trace::{BatchSpanProcessor, Span, SpanData, SpanExporter, SpanProcessor},
};
use tokio::runtime::Handle;

/// Spans that wait to be sent; more are dropped. Each takes about a kilobyte.
pub(crate) const QUEUE: usize = 8192;

pub(crate) static SPANS: Metric<1> = Metric::counter(
    "echo_trace_spans_total",
    ["outcome"],
    "Spans of traces: `sent` to the collector, `failed` where it did not take them, `dropped` where too many waited.",
);

/// Sends what the exporter's thread, which is none of the runtime's, hands it.
#[derive(Debug)]
pub(crate) struct Post {
    client: reqwest::Client,
    runtime: Handle,
}

impl Post {
    pub(crate) const PATIENCE: Duration = Duration::from_secs(5);

    pub(crate) fn new(runtime: Handle) -> reqwest::Result<Self> {
        let client = reqwest::Client::builder().timeout(Self::PATIENCE).redirect(reqwest::redirect::Policy::none());
        Ok(Self { client: client.build()?, runtime })
    }
}

#[async_trait]
impl HttpClient for Post {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let client = self.client.clone();
        self.runtime.spawn(async move { client.send_bytes(request).await }).await?
    }
}

/// What ended spans go through first: so many wait, and what does not fit is counted.
#[derive(Debug)]
pub(crate) struct Queue {
    batches: BatchSpanProcessor,
    waiting: Arc<AtomicUsize>,
}

impl Queue {
    /// `batches` makes what is behind it; its exporter takes what it sends off the count.
    pub(crate) fn new(batches: impl FnOnce(Arc<AtomicUsize>) -> BatchSpanProcessor) -> Self {
        let waiting = Arc::<AtomicUsize>::default();
        Self { batches: batches(waiting.clone()), waiting }
    }
}

impl SpanProcessor for Queue {
    fn on_start(&self, _: &mut Span, _: &Context) {}

    fn on_end(&self, span: SpanData) {
        if self.waiting.fetch_add(1, Ordering::Relaxed) < QUEUE {
            self.batches.on_end(span);
        } else {
            self.waiting.fetch_sub(1, Ordering::Relaxed);
            SPANS.count(["dropped"]).increment(1);
        }
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.batches.force_flush()
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.batches.shutdown_with_timeout(timeout)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.batches.set_resource(resource);
    }
}

/// Counts what becomes of spans, and says when the collector goes and comes back.
#[derive(Debug)]
pub(crate) struct Counted<E> {
    exporter: E,
    waiting: Arc<AtomicUsize>,
    answers: AtomicBool,
}

impl<E> Counted<E> {
    pub(crate) fn new(exporter: E, waiting: Arc<AtomicUsize>) -> Self {
        Self { exporter, waiting, answers: AtomicBool::new(true) }
    }
}

impl<E: SpanExporter> SpanExporter for Counted<E> {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let spans = batch.len();
        self.waiting.fetch_sub(spans, Ordering::Relaxed);
        let sent = self.exporter.export(batch).await;
        let outcome = if sent.is_ok() { "sent" } else { "failed" };
        SPANS.count([outcome]).increment(u64::try_from(spans).unwrap_or(u64::MAX));
        // Once, not for every batch for as long as it lasts.
        match (&sent, self.answers.swap(sent.is_ok(), Ordering::Relaxed)) {
            (Err(error), true) => {
                tracing::warn!(error = error.to_string(), "traces are lost: the collector does not take them");
            }
            (Ok(()), false) => tracing::info!("the collector takes traces again"),
            _ => {}
        }
        sent
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.exporter.shutdown_with_timeout(timeout)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.exporter.set_resource(resource);
    }
}
