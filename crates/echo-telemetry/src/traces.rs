//! Spans on their way to a collector.

use std::{collections::HashMap, time::Duration};

use echo_domain::metric::Declared;
use opentelemetry::{KeyValue, trace::TracerProvider};
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::{
    Resource,
    trace::{BatchConfigBuilder, BatchSpanProcessor, SdkTracerProvider},
};
use tokio::runtime::Handle;
use tracing::{Level, Subscriber, level_filters::LevelFilter};
use tracing_opentelemetry::OpenTelemetryLayer;
use tracing_subscriber::{Layer, filter::filter_fn, registry::LookupSpan};

use crate::{
    collector::{Counted, Post, QUEUE, Queue, SPANS},
    sampling::Sampling,
};

/// What is counted of them.
pub static TRACES: [Declared; 1] = [SPANS.declared()];

/// Where traces go, and what all of them say of this process.
#[derive(Debug)]
pub struct Collector {
    /// Without `/v1/traces` and without a slash at its end.
    pub endpoint: String,
    /// What every export is sent with, as to prove who sends it.
    pub headers: HashMap<String, String>,
    pub sampling: Sampling,
    pub service: String,
    pub version: &'static str,
    /// Tells this process from others of the same service.
    pub instance: String,
    pub roles: String,
}

#[derive(Debug, thiserror::Error)]
#[error("traces cannot be sent there: {0}")]
pub struct BadCollector(Box<dyn std::error::Error + Send + Sync>);

/// Traces of this process, as they are exported.
#[derive(Debug)]
pub struct Traces(SdkTracerProvider);

impl Traces {
    /// As many spans go at a time.
    const BATCH: usize = 512;
    /// How long a span may wait for others to go with it.
    const DELAY: Duration = Duration::from_secs(1);
    /// How long the last ones may take at the end.
    const LAST: Duration = Duration::from_secs(3);

    /// Exports from now on: on a thread of its own, by way of the runtime. No span waits for the collector, and no more than
    /// `QUEUE` wait to be sent.
    ///
    /// # Errors
    /// [`BadCollector`]
    pub fn start(collector: Collector, runtime: Handle) -> Result<Self, BadCollector> {
        let sampling = collector.sampling;
        let resource = Resource::builder()
            .with_service_name(collector.service)
            .with_attribute(KeyValue::new("service.version", collector.version))
            .with_attribute(KeyValue::new("service.instance.id", collector.instance))
            .with_attribute(KeyValue::new("echo.roles", collector.roles))
            .build();
        let exporter = SpanExporter::builder()
            .with_http()
            .with_protocol(Protocol::HttpBinary)
            .with_endpoint(format!("{}/v1/traces", collector.endpoint))
            .with_headers(collector.headers)
            .with_timeout(Post::PATIENCE)
            .with_http_client(Post::new(runtime).map_err(|error| BadCollector(error.into()))?)
            .build()
            .map_err(|error| BadCollector(error.into()))?;
        let batches = BatchConfigBuilder::default()
            .with_max_queue_size(QUEUE)
            .with_max_export_batch_size(Self::BATCH)
            .with_scheduled_delay(Self::DELAY)
            .build();
        let queue = Queue::new(|waiting| {
            BatchSpanProcessor::builder(Counted::new(exporter, waiting)).with_batch_config(batches).build()
        });
        let provider =
            SdkTracerProvider::builder().with_resource(resource).with_sampler(sampling).with_span_processor(queue);
        Ok(Self(provider.build()))
    }

    /// What takes spans from `tracing`. Lines of the log are none of them.
    pub(crate) fn layer<S: Subscriber + for<'a> LookupSpan<'a>>(&self) -> impl Layer<S> + use<S> {
        let exported =
            |it: &tracing::Metadata<'_>| it.is_span() && *it.level() == Level::DEBUG && it.target().starts_with("echo");
        OpenTelemetryLayer::new(self.0.tracer("echo"))
            .with_location(false)
            .with_threads(false)
            .with_target(false)
            .with_tracked_inactivity(false)
            .with_filter(filter_fn(exported).with_max_level_hint(LevelFilter::DEBUG))
    }

    /// Sends what is left; a collector that does not take it soon does not hold up the end.
    pub fn end(self) {
        if let Err(error) = self.0.shutdown_with_timeout(Self::LAST) {
            tracing::warn!(error = error.to_string(), "the last traces were not sent");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        io::{BufRead, BufReader, Read, Write},
        net::TcpListener,
        thread,
    };

    use opentelemetry::trace::Tracer;

    use super::*;
    use crate::sampling::Share;

    /// The head and the body of the first thing that it is sent.
    fn first_of(listener: TcpListener) -> (String, Vec<u8>) {
        let (mut connection, _) = listener.accept().unwrap();
        let mut reader = BufReader::new(connection.try_clone().unwrap());
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            reader.read_line(&mut head).unwrap();
        }
        let head = head.to_lowercase();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap().parse().unwrap();
        let mut body = vec![0; length];
        reader.read_exact(&mut body).unwrap();
        connection.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").unwrap();
        (head, body)
    }

    #[test]
    fn an_export_says_who_sends_it_and_the_last_spans_go_at_the_end() {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let collector = Collector {
            endpoint: format!("http://{}", listener.local_addr().unwrap()),
            headers: HashMap::from([("authorization".to_owned(), "Basic abc".to_owned())]),
            sampling: Sampling { share: Share::ALL, as_sent: true },
            service: "the-service".to_owned(),
            version: "the-version",
            instance: "the-instance".to_owned(),
            roles: "auth,users".to_owned(),
        };
        let received = thread::spawn(move || first_of(listener));

        let traces = Traces::start(collector, runtime.handle().clone()).unwrap();
        let tracer = traces.0.tracer("test");
        drop(tracer.build(tracer.span_builder("the-span").with_kind(opentelemetry::trace::SpanKind::Server)));
        traces.end();

        let (head, body) = received.join().unwrap();
        assert!(head.starts_with("post /v1/traces ") && head.contains("authorization: basic abc"), "{head}");
        let body = String::from_utf8_lossy(&body);
        for word in
            ["service.name", "the-service", "the-version", "the-instance", "echo.roles", "auth,users", "the-span"]
        {
            assert!(body.contains(word), "no {word} in {body}");
        }
    }
}
