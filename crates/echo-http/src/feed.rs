//! `/api/feed`: the home timeline.

use std::sync::Arc;

use axum::extract::State;
use echo_domain::{Page, feed::FeedService};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    cursor::{Cursors, List, ListQuery, PageBody},
    error::ApiResult,
    extract::{ApiQuery, CurrentUser},
    posts::{ReadyPost, ReadyPosts},
    reply::{Envelope, Reply},
};

/// What the feed routes need.
pub struct FeedApi {
    pub feed: Arc<FeedService>,
    pub cursors: Cursors,
    pub ready: ReadyPosts,
}

pub(crate) fn router(api: FeedApi) -> OpenApiRouter {
    OpenApiRouter::new().routes(routes!(home)).with_state(Arc::new(api))
}

/// Home timeline
///
/// Posts by the people one follows and by oneself, newest first.
#[utoipa::path(get, path = "/api/feed", tag = "feed", security(("bearer" = [])), params(ListQuery),
    responses((status = 200, description = "A page of posts", body = Envelope<PageBody<ReadyPost>>)))]
async fn home(
    State(api): State<Arc<FeedApi>>,
    CurrentUser(viewer): CurrentUser,
    ApiQuery(query): ApiQuery<ListQuery>,
) -> ApiResult<Reply<PageBody<ReadyPost>>> {
    let page = api.feed.home(viewer, api.cursors.read(List::Home, &query)?).await?;
    let posts = Page { items: api.ready.all(page.items)?, next: page.next };
    Ok(Reply::ok("Feed retrieved successfully", api.cursors.page(List::Home, posts, |post| post)))
}
