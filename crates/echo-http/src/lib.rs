//! Echo over HTTP: routes, JSON, and what surrounds every request. The contract is docs/api.md.

mod auth;
mod caller;
mod cursor;
mod error;
mod etag;
mod export;
mod extract;
mod feed;
mod hear_out;
mod idempotency;
mod limits;
mod media;
mod multipart;
mod observe;
mod openapi;
mod operations;
mod posts;
mod reply;
mod room;
mod users;

use std::sync::Arc;

use axum::{
    Router,
    extract::DefaultBodyLimit,
    http::{HeaderName, HeaderValue, Method, header},
    middleware::{from_fn, from_fn_with_state},
};
use echo_domain::limits::RateLimiter;
use tower_http::{
    cors::{AllowOrigin, CorsLayer},
    normalize_path::NormalizePath,
};
use utoipa_axum::router::OpenApiRouter;

pub use auth::{AuthApi, Cookies, PublicKey, PublicKeys};
pub use caller::Callers;
pub use cursor::Cursors;
pub use export::ExportApi;
pub use extract::NewIds;
pub use feed::FeedApi;
pub use idempotency::Idempotency;
pub use media::{Links, MediaApi};
pub use observe::Bounds;
pub use operations::{Dependency, FrontPage, OperationsApi};
pub use posts::{PostsApi, ReadyPosts};
pub use room::BodyRoom;
pub use users::UsersApi;

/// The areas that a process serves.
pub struct Areas {
    pub auth: AuthApi,
    pub users: UsersApi,
    pub export: ExportApi,
    pub posts: PostsApi,
    pub feed: FeedApi,
    pub media: MediaApi,
    pub operations: OperationsApi,
}

/// What surrounds every request.
pub struct Surroundings {
    pub bounds: Bounds,
    pub callers: Callers,
    /// `None` counts nobody.
    pub limiter: Option<Arc<dyn RateLimiter>>,
    pub idempotency: Idempotency,
    /// Origins of web pages that may call with credentials.
    pub cors_origins: Vec<HeaderValue>,
}

/// The whole API as one service: a trailing slash means the same as none.
pub fn app(areas: Areas, around: Surroundings) -> NormalizePath<Router> {
    let described = openapi::Finished::default();
    let (router, mut document) = OpenApiRouter::with_openapi(openapi::empty())
        .merge(auth::router(areas.auth))
        .merge(export::router(areas.export))
        .merge(users::router(areas.users))
        .merge(posts::router(areas.posts))
        .merge(feed::router(areas.feed))
        .merge(media::router(areas.media))
        .merge(operations::router(areas.operations))
        .merge(openapi::router(described.clone()))
        .split_for_parts();
    openapi::complete(&mut document);
    let document = document.to_json().expect("a document of strings and numbers is JSON");
    described.get_or_init(|| document.into());
    NormalizePath::trim_trailing_slash(surround(router, around))
}

/// From the inside out: the last layer here is the first that a request meets.
fn surround(router: Router, around: Surroundings) -> Router {
    let cors = cors(around.cors_origins);
    let mut router = router
        .fallback(async || error::ApiError::RouteNotFound)
        .method_not_allowed_fallback(async || error::ApiError::MethodNotAllowed)
        .layer(DefaultBodyLimit::max(multipart::FORM_LIMIT))
        .layer(from_fn(etag::validate))
        .layer(from_fn_with_state(around.idempotency, idempotency::once));
    if let Some(limiter) = around.limiter {
        router = router.layer(from_fn_with_state(limiter, limits::limit));
    }
    router
        .layer(from_fn_with_state(around.bounds.clone(), observe::bound))
        .layer(cors)
        .layer(from_fn_with_state(around.bounds, observe::observe))
        .layer(from_fn_with_state(around.callers, caller::identify))
        .layer(from_fn(hear_out::hear_out))
}

fn cors(origins: Vec<HeaderValue>) -> CorsLayer {
    let field = HeaderName::from_static;
    CorsLayer::new()
        .allow_origin(AllowOrigin::list(origins))
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
        .max_age(std::time::Duration::from_secs(3600))
}
