//! `/api/feed`: the home timeline.

use std::sync::Arc;

use axum::extract::{FromRef, State};
use echo_domain::feed::FeedService;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    cursor::{Cursors, List, ListQuery, PageBody},
    error::ApiResult,
    extract::{ApiQuery, CurrentUser},
    media::Links,
    posts::{AuthorBody, PostBody},
    reply::{Envelope, Reply},
};

/// What the feed routes need.
#[derive(Clone, FromRef)]
pub struct FeedApi {
    pub feed: Arc<FeedService>,
    pub cursors: Cursors,
    pub links: Links,
}

pub(crate) fn router(api: FeedApi) -> OpenApiRouter {
    OpenApiRouter::new().routes(routes!(home)).with_state(api)
}

/// Home timeline
///
/// Posts by the people one follows and by oneself, newest first.
#[utoipa::path(get, path = "/api/feed", tag = "feed", security(("bearer" = [])), params(ListQuery),
    responses((status = 200, description = "A page of posts", body = Envelope<PageBody<PostBody<AuthorBody>>>)))]
async fn home(
    State(feed): State<Arc<FeedService>>,
    State(cursors): State<Cursors>,
    State(links): State<Links>,
    CurrentUser(viewer): CurrentUser,
    ApiQuery(query): ApiQuery<ListQuery>,
) -> ApiResult<Reply<PageBody<PostBody<AuthorBody>>>> {
    let page = feed.home(viewer, cursors.read(List::Home, &query)?).await?;
    let body = cursors.page(List::Home, page, |view| PostBody::new(view, &links));
    Ok(Reply::ok("Feed retrieved successfully", body))
}
