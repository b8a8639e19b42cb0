//! Around every request: an id, a trace, a line in the log, a deadline, and a limit to how many run at once.

use std::{
    panic::AssertUnwindSafe,
    sync::Arc,
    time::{Duration, Instant},
};

use axum::{
    extract::{MatchedPath, Request},
    http::{HeaderName, HeaderValue, Method},
    response::{IntoResponse, Response},
};
use echo_domain::{
    Errand, Error, RawId, UserId,
    metric::Metric,
    trace::{self, Trace},
};
use futures_util::FutureExt;
use tokio::{sync::Semaphore, task::JoinHandle, time};
use tracing::{
    Instrument, Span,
    field::{Empty, display},
};

use crate::{
    caller::Caller,
    error::{ApiError, Cause, Concern},
    extract::NewIds,
    room::BodyRoom,
    shed,
    took::{self, Took},
};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const TRACE: HeaderName = HeaderName::from_static("traceparent");
const TRACE_STATE: HeaderName = HeaderName::from_static("tracestate");

/// Read from [`Bounds::running`], by whoever has that.
pub static IN_FLIGHT: Metric<0> =
    Metric::gauge("echo_http_requests_in_flight", [], "Requests that are being answered, until their reply begins.");

/// The id of the request that this task works for.
pub(crate) fn request_id() -> String {
    Errand::current().request.as_ref().to_owned()
}

/// Makes `work` a task of its own that belongs to the same request: it goes on when the client has gone.
pub(crate) fn detached<T: Send + 'static>(work: impl Future<Output = T> + Send + 'static) -> JoinHandle<T> {
    tokio::spawn(Errand::current().to_the_end().run(work).instrument(Span::current()))
}

/// How much may go on, and for how long.
pub struct Bounds {
    /// One permit per request that may run; the rest is turned away at once.
    pub running: Arc<Semaphore>,
    /// How long a reply may take to begin.
    pub deadline: Duration,
    pub bodies: BodyRoom,
}

/// Gives a request an id, which its reply carries, and tells of it. Within `deadline` the reply is to begin.
pub(crate) async fn observe<F: Future<Output = Response>>(
    ids: &NewIds,
    seconds: &Took,
    deadline: Duration,
    request: Request,
    answer: impl FnOnce(Request) -> F,
) -> Response {
    let id = sent_id(&request).unwrap_or_else(|| ids.next::<RawId>().to_string());
    let sent = sent_trace(&request);
    let told = Told {
        method: request.method().clone(),
        route: request.extensions().get::<MatchedPath>().map_or("none", MatchedPath::as_str).to_owned(),
        user: Caller::of(request.extensions()).viewer().ok().flatten().map(|viewer| viewer.id),
    };
    let traced = trace::following(sent.as_ref(), || told.traced(&id));

    let started = Instant::now();
    let errand = Errand {
        request: id.as_str().into(),
        deadline: Some(time::Instant::from_std(started) + deadline),
        trace: sent,
    };
    let answered = async {
        let response = answer(request).await;
        let took = started.elapsed();
        // Here, so that the trace is known.
        seconds.note(&told.route, &told.method, response.status(), took);
        told.tell(&response, took);
        response
    };
    let mut response = errand.run(answered).instrument(traced.clone()).await;
    told.note(&traced, &response);
    if let Ok(id) = HeaderValue::try_from(id) {
        response.headers_mut().insert(REQUEST_ID, id);
    }
    response
}

/// What operators are told of a request: nothing that a client wrote, but for its own id for it.
struct Told {
    method: Method,
    route: String,
    user: Option<UserId>,
}

impl Told {
    /// One line: what became of it, and who has to do something about that. Most requests are reads that succeed; to tell of each
    /// would take more than all else that operators are told.
    fn tell(&self, response: &Response, took: Duration) {
        let Self { method, route, user } = self;
        let (status, duration_ms) = (response.status().as_u16(), took.as_secs_f64() * 1000.0);
        let cause = Cause::of(response);
        let only_read = method.is_safe() && status < 400;
        let (method, user) = (took::label(method), user.map(display));
        let error = cause.map(ApiError::told);
        macro_rules! tell {
            ($level:ident, $message:literal) => {
                tracing::$level!(
                    target: "echo::request", method, route, status, duration_ms, user.id = user, error, $message
                )
            };
        }
        match cause.map(ApiError::concern) {
            Some(Concern::Ours) => tell!(error, "request failed"),
            Some(Concern::Degraded) => tell!(warn, "request refused for now"),
            Some(Concern::Callers) => tell!(info, "request refused"),
            None if only_read => tell!(debug, "request answered"),
            None => tell!(info, "request answered"),
        }
    }

    /// <https://opentelemetry.io/docs/specs/semconv/http/http-spans/>
    fn traced(&self, id: &str) -> Span {
        let Self { method, route, user } = self;
        let (method, user) = (took::label(method), user.map(display));
        tracing::debug_span!(
            target: trace::TARGET,
            "request",
            otel.name = format!("{method} {route}"),
            otel.kind = "server",
            http.request.method = method,
            http.route = route,
            http.response.status_code = Empty,
            echo.request.id = id,
            user.id = user,
            otel.status_code = Empty,
            "error.type" = Empty,
        )
    }

    fn note(&self, traced: &Span, response: &Response) {
        let status = response.status();
        traced.record("http.response.status_code", status.as_u16());
        if status.is_server_error() {
            trace::failed(traced, status.as_str());
        }
    }
}

impl Bounds {
    /// Answers a request within these bounds, whatever happens in it, with a reply.
    pub(crate) async fn keep<F: Future<Output = Response>>(
        &self,
        mut request: Request,
        answer: impl FnOnce(Request) -> F,
    ) -> Response {
        self.bodies.enter(&mut request);
        let Ok(_running) = self.running.try_acquire() else {
            return ApiError::Overloaded { reason: shed::RUNNING }.into_response();
        };
        let reply = AssertUnwindSafe(answer(request)).catch_unwind();
        match time::timeout(self.deadline, reply).await {
            Ok(Ok(response)) => response,
            // The panic's own message is in the log already, by the panic hook.
            Ok(Err(_)) => ApiError::Domain(Error::internal("a request panicked")).into_response(),
            Err(_) => ApiError::Timeout.into_response(),
        }
    }
}

/// The client's own id for the request, if it is fit for a log: up to 128 of `[A-Za-z0-9._-]`.
fn sent_id(request: &Request) -> Option<String> {
    let id = request.headers().get(REQUEST_ID)?.to_str().ok()?;
    let fit = |c: u8| c.is_ascii_alphanumeric() || b"._-".contains(&c);
    ((1..=128).contains(&id.len()) && id.bytes().all(fit)).then(|| id.to_owned())
}

/// Where the client's trace has come to.
fn sent_trace(request: &Request) -> Option<Trace> {
    let text = |name: &HeaderName| request.headers().get(name)?.to_str().ok();
    Trace::parse(text(&TRACE)?, text(&TRACE_STATE))
}
