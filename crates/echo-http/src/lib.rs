//! Echo over HTTP: routes, JSON, and what surrounds every request. The contract is docs/api.md.

mod auth;
mod caller;
mod cursor;
mod error;
mod etag;
mod export;
mod extract;
mod feed;
mod gather;
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
mod surround;
mod took;
mod users;

use axum::Router;
use tower_http::normalize_path::NormalizePath;
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
pub use surround::Surroundings;
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
    NormalizePath::trim_trailing_slash(surround::surround(router, around))
}
