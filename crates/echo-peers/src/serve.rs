//! What neighbours may ask of this process.

use std::{panic::AssertUnwindSafe, sync::Arc, time::Duration};

use axum::{
    Json, Router,
    extract::{DefaultBodyLimit, Request, State},
    http::{HeaderMap, HeaderName, StatusCode},
    middleware::{Next, from_fn_with_state},
    response::{IntoResponse, Response},
    routing::post,
};
use bytes::Bytes;
use echo_domain::{
    Errand, Error, Result,
    auth::Lookup,
    media::MediaDesk,
    posts::Catalog,
    trace::{self, Trace},
    users::Directory,
};
use futures_util::FutureExt;
use tokio::{
    sync::Semaphore,
    time::{Instant, timeout_at},
};
use tracing::{Instrument, Span, field::Empty};

use crate::{auth, call::Call, fields, media, outcome::ErrorBody, posts, token::ServiceToken, users};

/// The areas of this process, as its neighbours see them; `None` for those that are elsewhere.
#[derive(Clone, Default)]
pub struct Served {
    pub lookup: Option<Arc<dyn Lookup>>,
    pub directory: Option<Arc<dyn Directory>>,
    pub catalog: Option<Arc<dyn Catalog>>,
    pub desk: Option<Arc<dyn MediaDesk>>,
}

/// Calls that run at a time; more are turned away.
const RUNNING: usize = 2048;
/// The longest body of a call, in bytes, but for images: everybody whom somebody follows, twice over.
const LONGEST: usize = 512 << 10;
/// How long a call may take that does not say how long it is waited for.
const UNHURRIED: Duration = Duration::from_secs(20);

struct Door {
    token: ServiceToken,
    running: Semaphore,
}

/// Answers whoever has the token, below `/internal`; for a listener that the outside does not reach.
///
/// What is not answered when its caller waits no longer is broken off.
pub fn router(served: Served, token: &ServiceToken) -> Router {
    let Served { lookup, directory, catalog, desk } = served;
    let areas = [
        lookup.map(|it| auth::routes(&it)),
        directory.map(|it| users::routes(&it)),
        catalog.map(|it| posts::routes(&it)),
        desk.map(|it| media::routes(&it)),
    ];
    let door = Door { token: token.clone(), running: Semaphore::new(RUNNING) };
    areas
        .into_iter()
        .flatten()
        .fold(Router::new(), Router::merge)
        .route("/internal/check", post(async || StatusCode::NO_CONTENT))
        .layer(DefaultBodyLimit::max(LONGEST))
        .route_layer(from_fn_with_state(Arc::new(door), enter))
}

/// A route for one call, which `act` has done by the area.
pub(crate) fn answer<T, C, F>(area: &Arc<T>, act: impl Fn(Arc<T>, C) -> F + Clone + Send + Sync + 'static) -> Router
where
    T: ?Sized + Send + Sync + 'static,
    C: Call,
    F: Future<Output = Result<C::Answer>> + Send + 'static,
{
    let area = area.clone();
    let handle = async move |body: Bytes| match serde_json::from_slice(&body) {
        Ok(call) => reply(act(area.clone(), call).await.map(Json)),
        Err(error) => unreadable(&error),
    };
    Router::new().route(C::MANNER.path, post(handle))
}

pub(crate) fn reply(outcome: Result<impl IntoResponse>) -> Response {
    outcome.map_or_else(|error| ErrorBody::from(error).into_response(), IntoResponse::into_response)
}

/// A neighbour of another version, most likely.
pub(crate) fn unreadable(error: &dyn std::error::Error) -> Response {
    (StatusCode::BAD_REQUEST, error.to_string()).into_response()
}

/// Lets in who has the token, and bounds what goes on.
async fn enter(State(door): State<Arc<Door>>, request: Request, next: Next) -> Response {
    if !door.token.is_sent_by(request.headers().get(axum::http::header::AUTHORIZATION)) {
        tracing::warn!(path = request.uri().path(), "a call without this Echo's SERVICE_TOKEN is refused");
        return StatusCode::UNAUTHORIZED.into_response();
    }
    let Ok(_running) = door.running.try_acquire() else { return reply(Err::<(), _>(overloaded())) };
    let errand = errand(request.headers());
    let deadline = errand.deadline.unwrap_or_else(|| Instant::now() + UNHURRIED);
    let traced = trace::following(errand.trace.as_ref(), || server_span(request.uri().path()));
    let work = AssertUnwindSafe(errand.run(next.run(request))).catch_unwind();
    let response = match timeout_at(deadline, work.instrument(traced.clone())).await {
        Ok(Ok(response)) => response,
        // The panic's own message is in the log already, by the panic hook.
        Ok(Err(_)) => reply(Err::<(), _>(Error::internal("a call panicked"))),
        Err(_) => StatusCode::GATEWAY_TIMEOUT.into_response(),
    };
    traced.record("http.response.status_code", response.status().as_u16());
    if response.status().is_server_error() {
        trace::failed(&traced, response.status().as_str());
    }
    response
}

/// `route` is one of [`router`]'s: none has parameters in its path.
fn server_span(route: &str) -> Span {
    tracing::debug_span!(
        target: trace::TARGET,
        "call",
        otel.name = format!("POST {route}"),
        otel.kind = "server",
        http.request.method = "POST",
        http.route = route,
        http.response.status_code = Empty,
        otel.status_code = Empty,
        "error.type" = Empty,
    )
}

fn errand(headers: &HeaderMap) -> Errand {
    let text = |name: HeaderName| headers.get(name)?.to_str().ok();
    let left = text(fields::DEADLINE).and_then(|left| left.parse().ok()).map(Duration::from_millis);
    Errand {
        request: text(fields::REQUEST_ID).unwrap_or_default().into(),
        deadline: left.and_then(|left| Instant::now().checked_add(left)),
        trace: text(fields::TRACE).and_then(|trace| Trace::parse(trace, text(fields::TRACE_STATE))),
    }
}

pub(crate) fn overloaded() -> Error {
    let source = Some("as many calls run as may".into());
    Error::Unavailable { what: "a service of Echo", retry_after: Duration::from_secs(1), source }
}
