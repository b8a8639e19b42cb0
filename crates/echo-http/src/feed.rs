//! `/api/feed`: the home timeline.

use std::sync::Arc;

use axum::extract::State;
use echo_domain::{
    MalformedId, Page, PostId,
    feed::{FeedService, Reason},
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    cursor::{Cursors, List, ListQuery, PageBody},
    error::{ApiError, ApiResult},
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

pub(crate) fn router() -> OpenApiRouter<Arc<FeedApi>> {
    OpenApiRouter::new().routes(routes!(home)).routes(routes!(explain))
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

/// Why a post is in the home timeline
///
/// Or why it is not.
#[utoipa::path(get, path = "/api/feed/explain", tag = "feed", security(("bearer" = [])), params(ExplainQuery),
    responses((status = 200, description = "Whether it is there, and why", body = Envelope<ExplanationBody>)))]
async fn explain(
    State(api): State<Arc<FeedApi>>,
    CurrentUser(viewer): CurrentUser,
    ApiQuery(query): ApiQuery<ExplainQuery>,
) -> ApiResult<Reply<ExplanationBody>> {
    let post = query.post()?;
    let reason = api.feed.explain(viewer, post).await?;
    Ok(Reply::ok("Post explained", ExplanationBody::new(post, reason)))
}

/// Which post is asked about.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct ExplainQuery {
    /// Its id.
    #[param(required, pattern = "^[0-9a-f]{24}$")]
    post: Option<String>,
}

impl ExplainQuery {
    /// # Errors
    /// 400 on `post`.
    fn post(&self) -> ApiResult<PostId> {
        let post = self.post.as_deref().ok_or_else(|| ApiError::malformed("post", "is missing"))?;
        post.parse().map_err(|error: MalformedId| ApiError::malformed("post", error.to_string()))
    }
}

/// Whether a post is in the home timeline, and why.
#[derive(Serialize, ToSchema)]
struct ExplanationBody {
    post: String,
    shown: bool,
    reason: ReasonBody,
    /// The reason for people.
    explanation: &'static str,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum ReasonBody {
    Own,
    FollowedPushed,
    FollowedPulled,
    OnItsWay,
    NotFollowed,
    PostGone,
}

impl ExplanationBody {
    fn new(post: PostId, reason: Reason) -> Self {
        Self { post: post.to_string(), shown: reason.shown(), reason: reason.into(), explanation: reason.sentence() }
    }
}

impl From<Reason> for ReasonBody {
    fn from(reason: Reason) -> Self {
        match reason {
            Reason::Own => Self::Own,
            Reason::FollowedPushed => Self::FollowedPushed,
            Reason::FollowedPulled => Self::FollowedPulled,
            Reason::OnItsWay => Self::OnItsWay,
            Reason::NotFollowed => Self::NotFollowed,
            Reason::PostGone => Self::PostGone,
        }
    }
}
