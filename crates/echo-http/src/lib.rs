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
mod shed;
mod surround;
mod took;
mod users;

use std::sync::Arc;

use axum::Router;
use echo_domain::metric::Declared;
use tower_http::normalize_path::NormalizePath;
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;

pub use auth::{AuthApi, Cookies, PublicKey, PublicKeys};
pub use caller::Callers;
pub use cursor::Cursors;
pub use export::ExportApi;
pub use extract::NewIds;
pub use feed::FeedApi;
pub use idempotency::Idempotency;
pub use media::{Links, MediaApi};
pub use observe::{Bounds, IN_FLIGHT};
pub use operations::{Dependency, FrontPage, Leaving, OperationsApi};
pub use posts::{PostsApi, ReadyPosts};
pub use room::BodyRoom;
pub use surround::Surroundings;
pub use users::UsersApi;

/// What this crate measures.
pub static METRICS: [Declared; 3] = [took::REQUEST_SECONDS.declared(), IN_FLIGHT.declared(), shed::SHED.declared()];

/// The areas that a process serves; the others are described all the same.
pub struct Areas {
    pub auth: Option<Arc<AuthApi>>,
    pub users: Option<Arc<UsersApi>>,
    pub export: Option<Arc<ExportApi>>,
    pub posts: Option<Arc<PostsApi>>,
    pub feed: Option<Arc<FeedApi>>,
    pub media: Option<Arc<MediaApi>>,
    pub operations: OperationsApi,
}

/// The API as one service: a trailing slash means the same as none.
pub fn app(areas: Areas, around: Surroundings) -> NormalizePath<Router> {
    let description = openapi::Finished::default();
    let reader = openapi::router(description.clone());
    let Whole { routes, mut document } = Whole { routes: Router::new(), document: openapi::empty() }
        .with(auth::router(), areas.auth)
        .with(export::router(), areas.export)
        .with(users::router(), areas.users)
        .with(posts::router(), areas.posts)
        .with(feed::router(), areas.feed)
        .with(media::router(), areas.media)
        .with(operations::router(), Some(areas.operations))
        .with(reader, Some(()));
    openapi::complete(&mut document);
    let document = document.to_json().expect("a document of strings and numbers is JSON");
    description.get_or_init(|| document.into());
    NormalizePath::trim_trailing_slash(surround::surround(routes, around))
}

/// The routes of the areas that are here, and the description of all.
struct Whole {
    routes: Router,
    document: OpenApi,
}

impl Whole {
    fn with<S: Clone + Send + Sync + 'static>(mut self, area: OpenApiRouter<S>, api: Option<S>) -> Self {
        let (routes, document) = area.split_for_parts();
        self.document.merge(document);
        if let Some(api) = api {
            self.routes = self.routes.merge(routes.with_state(api));
        }
        self
    }
}
