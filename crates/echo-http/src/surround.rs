//! What every request goes through on its way to a handler, and its reply on the way back.

use std::{convert::Infallible, sync::Arc, time::Duration};

use axum::{
    Router,
    extract::{DefaultBodyLimit, Request, State},
    http::{HeaderName, HeaderValue, Method, header, request::Parts},
    middleware::{Next, from_fn_with_state},
    response::{IntoResponse, Response},
};
use echo_domain::limits::RateLimiter;
use tower::{Layer, ServiceExt, service_fn};
use tower_http::cors::{AllowOrigin, CorsLayer};

use crate::{
    caller::Callers,
    error::ApiError,
    etag,
    extract::NewIds,
    hear_out::hear_out,
    idempotency::Idempotency,
    limits::limit,
    multipart,
    observe::{Bounds, observe},
    shed,
    took::Took,
};

/// What surrounds every request.
pub struct Surroundings {
    /// Makes the ids of requests.
    pub ids: NewIds,
    pub bounds: Bounds,
    pub callers: Callers,
    /// Whether every change is refused.
    pub read_only: bool,
    /// `None` counts nobody.
    pub limiter: Option<Arc<dyn RateLimiter>>,
    pub idempotency: Idempotency,
    /// Origins of web pages that may call with credentials.
    pub cors_origins: Arc<[HeaderValue]>,
}

/// The same for every request, made once.
struct Around {
    cors: CorsLayer,
    took: Took,
    surroundings: Surroundings,
}

/// One layer for all of it: for every request, each layer of a router copies all that is inside it.
pub(crate) fn surround(router: Router, surroundings: Surroundings) -> Router {
    shed::begin();
    let around = Around { cors: cors(surroundings.cors_origins.clone()), took: Took::default(), surroundings };
    router
        .fallback(async || ApiError::RouteNotFound)
        .method_not_allowed_fallback(async || ApiError::MethodNotAllowed)
        .layer(DefaultBodyLimit::max(multipart::FORM_LIMIT))
        .layer(from_fn_with_state(Arc::new(around), pass))
}

async fn pass(State(around): State<Arc<Around>>, request: Request, next: Next) -> Response {
    let (mut request, heard_out) = hear_out(request);
    around.surroundings.callers.identify(&mut request);
    let Surroundings { ids, bounds, .. } = &around.surroundings;
    let response = observe(ids, &around.took, bounds.deadline, request, async |request| {
        if request.headers().contains_key(header::ORIGIN) {
            return around.to_web_page(request, next).await;
        }
        let mut response = around.surroundings.answer(request, next).await;
        // Whoever keeps the reply must not give it to a web page.
        response.headers_mut().append(header::VARY, HeaderValue::from_static("origin"));
        response
    })
    .await;
    heard_out.await;
    response
}

impl Around {
    /// Tells the browser, too, what the page may read of the reply.
    async fn to_web_page(&self, request: Request, next: Next) -> Response {
        let answered = service_fn(|request| {
            let next = next.clone();
            async { Ok(self.surroundings.answer(request, next).await) }
        });
        self.cors.layer(answered).oneshot(request).await.unwrap_or_else(|never: Infallible| match never {})
    }
}

impl Surroundings {
    async fn answer(&self, request: Request, next: Next) -> Response {
        self.bounds.keep(request, |request| self.admit(request, next)).await
    }

    async fn admit(&self, request: Request, next: Next) -> Response {
        if let Some(limiter) = &self.limiter
            && let Err(limited) = limit(&**limiter, request.method(), request.extensions()).await
        {
            return limited.into_response();
        }
        match *request.method() {
            Method::GET | Method::HEAD => etag::validate(request, next).await,
            _ if self.read_only => ApiError::ReadOnly.into_response(),
            Method::POST => self.idempotency.once(request, next).await,
            _ => next.run(request).await,
        }
    }
}

fn cors(origins: Arc<[HeaderValue]>) -> CorsLayer {
    let field = HeaderName::from_static;
    CorsLayer::new()
        .allow_origin(AllowOrigin::predicate(move |origin: &HeaderValue, _: &Parts| origins.contains(origin)))
        .allow_credentials(true)
        .allow_methods([Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE])
        .allow_headers([
            header::AUTHORIZATION,
            header::CONTENT_TYPE,
            header::IF_NONE_MATCH,
            header::IF_RANGE,
            header::RANGE,
            field("idempotency-key"),
            field("x-request-id"),
        ])
        .expose_headers([
            header::CONTENT_RANGE,
            header::ETAG,
            header::RETRY_AFTER,
            field("idempotency-replayed"),
            field("ratelimit"),
            field("ratelimit-policy"),
            field("x-request-id"),
        ])
        .max_age(Duration::from_secs(3600))
}
