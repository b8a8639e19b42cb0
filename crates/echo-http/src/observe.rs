//! Around every request: an id, a span, a line in the log, a deadline, and a limit to how many run at once.

use std::{
    panic::AssertUnwindSafe,
    sync::Arc,
    time::{Duration, Instant},
};

use axum::{
    extract::{MatchedPath, Request},
    http::{HeaderName, HeaderValue, StatusCode},
    response::{IntoResponse, Response},
};
use echo_domain::{Errand, Error, RawId, metric::Metric};
use futures_util::FutureExt;
use tokio::{sync::Semaphore, task::JoinHandle, time};
use tracing::{Instrument, Span, field::display};

use crate::{caller::Caller, error::ApiError, extract::NewIds, room::BodyRoom, shed, took::Took};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const TRACE: HeaderName = HeaderName::from_static("traceparent");

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
    let method = request.method().clone();
    let route = request.extensions().get::<MatchedPath>().map_or("none", MatchedPath::as_str).to_owned();
    let viewer = Caller::of(request.extensions()).viewer().ok().flatten();
    // Nothing else in it: it is written out for every request, whether or not anything is logged.
    let span = tracing::info_span!("request", %id);

    let started = Instant::now();
    let errand = Errand {
        request: id.as_str().into(),
        deadline: Some(time::Instant::from_std(started) + deadline),
        trace: sent_trace(&request).map(Into::into),
    };
    let mut response = errand.run(answer(request)).instrument(span.clone()).await;

    let (status, took) = (response.status(), started.elapsed());
    let user = viewer.map(|viewer| display(viewer.id));
    span.in_scope(|| {
        if status == StatusCode::INTERNAL_SERVER_ERROR {
            tracing::error!(%method, route, user.id = user, "this request failed");
        }
        // Here, so that the trace is known.
        seconds.note(&route, &method, status, took);
        let duration_ms = took.as_secs_f64() * 1000.0;
        tracing::debug!(%method, route, status = status.as_u16(), user.id = user, duration_ms, "request answered");
    });
    if let Ok(id) = HeaderValue::try_from(id) {
        response.headers_mut().insert(REQUEST_ID, id);
    }
    response
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

/// Where the client's trace has come to, if it has the form that passes on: `00-<trace>-<parent>-<flags>`.
fn sent_trace(request: &Request) -> Option<&str> {
    let trace = request.headers().get(TRACE)?.to_str().ok()?;
    let hex = |c: u8| matches!(c, b'0'..=b'9' | b'a'..=b'f');
    let part = |part: &str, length| part.len() == length && part.bytes().all(hex);
    let mut parts = trace.split('-');
    let fits = [2, 32, 16, 2].into_iter().all(|length| parts.next().is_some_and(|it| part(it, length)));
    (fits && parts.next().is_none()).then_some(trace)
}

#[cfg(test)]
mod tests {
    use axum::body::Body;

    use super::*;

    #[test]
    fn a_trace_goes_on_if_it_has_the_form_of_one() {
        let sent = |trace: &str| {
            let request = Request::builder().header(TRACE, trace).body(Body::empty()).unwrap();
            sent_trace(&request).map(str::to_owned)
        };
        let trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

        assert_eq!(sent(trace).as_deref(), Some(trace));
        for bad in ["", "00-0af7", &trace.to_uppercase(), &format!("{trace}-x"), &trace.replace('-', "_")] {
            assert_eq!(sent(bad), None, "{bad}");
        }
    }
}
