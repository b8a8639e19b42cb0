//! Around every request: an id, a span, a line in the log, a deadline, and a limit to how many run at once.

use std::{
    panic::AssertUnwindSafe,
    time::{Duration, Instant},
};

use axum::{
    extract::{MatchedPath, Request},
    http::{HeaderName, HeaderValue, StatusCode},
    response::{IntoResponse, Response},
};
use echo_domain::{Error, RawId};
use futures_util::FutureExt;
use tokio::{sync::Semaphore, task::JoinHandle};
use tracing::{Instrument, Span, field::display};

use crate::{caller::Caller, error::ApiError, extract::NewIds, room::BodyRoom, took::Took};

tokio::task_local! {
    static REQUEST_ID: String;
}

const REQUEST_ID_FIELD: HeaderName = HeaderName::from_static("x-request-id");

/// The id of the request that this task works for.
pub(crate) fn request_id() -> String {
    REQUEST_ID.try_with(Clone::clone).unwrap_or_default()
}

/// Makes `work` a task of its own that belongs to the same request: it goes on when the client has gone.
pub(crate) fn detached<T: Send + 'static>(work: impl Future<Output = T> + Send + 'static) -> JoinHandle<T> {
    tokio::spawn(REQUEST_ID.scope(request_id(), work).instrument(Span::current()))
}

/// How much may go on, and for how long.
pub struct Bounds {
    /// One permit per request that may run; the rest is turned away at once.
    pub running: Semaphore,
    /// How long a reply may take to begin.
    pub deadline: Duration,
    pub bodies: BodyRoom,
}

/// Gives a request an id, which its reply carries, and tells of it.
pub(crate) async fn observe<F: Future<Output = Response>>(
    ids: &NewIds,
    seconds: &Took,
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
    let mut response = REQUEST_ID.scope(id.clone(), answer(request)).instrument(span.clone()).await;

    let (status, took) = (response.status(), started.elapsed());
    let user = viewer.map(|viewer| display(viewer.id));
    span.in_scope(|| {
        if status == StatusCode::INTERNAL_SERVER_ERROR {
            tracing::error!(%method, route, user.id = user, "this request failed");
        }
        let duration_ms = took.as_secs_f64() * 1000.0;
        tracing::debug!(%method, route, status = status.as_u16(), user.id = user, duration_ms, "request answered");
    });
    seconds.note(&route, &method, status, took);
    if let Ok(id) = HeaderValue::try_from(id) {
        response.headers_mut().insert(REQUEST_ID_FIELD, id);
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
            return ApiError::Overloaded.into_response();
        };
        let reply = AssertUnwindSafe(answer(request)).catch_unwind();
        match tokio::time::timeout(self.deadline, reply).await {
            Ok(Ok(response)) => response,
            // The panic's own message is in the log already, by the panic hook.
            Ok(Err(_)) => ApiError::Domain(Error::internal("a request panicked")).into_response(),
            Err(_) => ApiError::Timeout.into_response(),
        }
    }
}

/// The client's own id for the request, if it is fit for a log: up to 128 of `[A-Za-z0-9._-]`.
fn sent_id(request: &Request) -> Option<String> {
    let id = request.headers().get(REQUEST_ID_FIELD)?.to_str().ok()?;
    let fit = |c: u8| c.is_ascii_alphanumeric() || b"._-".contains(&c);
    ((1..=128).contains(&id.len()) && id.bytes().all(fit)).then(|| id.to_owned())
}
