//! `/api/posts`: posts, likes, comments.

mod body;
mod form;
mod ready;

use std::sync::Arc;

use axum::extract::{FromRef, State};
use echo_domain::{
    CommentId, PageRequest, PostId,
    posts::{LikeState, PostService},
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

pub(crate) use body::{AuthorBody, CommentBody, PostBody};
use form::{NewPost, NewPostForm, NewPostMultipart};
pub(crate) use ready::ReadyPost;
pub use ready::ReadyPosts;

use crate::{
    cursor::{Cursors, List, ListQuery, PageBody, limit},
    error::ApiResult,
    extract::{ApiJson, ApiPath, ApiQuery, CurrentUser, MaybeUser, NewId, NewIds},
    media::Links,
    reply::{Envelope, Reply},
    users::PersonBody,
};

/// What the post routes need.
pub struct PostsApi {
    pub posts: Arc<PostService>,
    pub cursors: Cursors,
    pub links: Links,
    pub ready: ReadyPosts,
    pub ids: NewIds,
}

impl FromRef<Arc<PostsApi>> for NewIds {
    fn from_ref(api: &Arc<PostsApi>) -> Self {
        api.ids.clone()
    }
}

pub(crate) fn router() -> OpenApiRouter<Arc<PostsApi>> {
    OpenApiRouter::new()
        .routes(routes!(feed, publish))
        .routes(routes!(show, delete))
        .routes(routes!(toggle_like, like, unlike))
        .routes(routes!(likes))
        .routes(routes!(comment))
        .routes(routes!(delete_comment))
        .routes(routes!(comments))
}

/// Publish a post
///
/// As JSON, where an image's `value` is the `_id` from `POST /api/media`; or as a form of `content[i][type]`,
/// `content[i][value]` (a text, or the file of an image) and `content[i][alt]`.
#[utoipa::path(post, path = "/api/posts", tag = "posts", security(("bearer" = [])),
    request_body(content(
        (NewPostForm = "application/json"),
        (NewPostMultipart = "multipart/form-data"))),
    responses(
        (status = 201, description = "Post created successfully", body = Envelope<PostBody<String>>),
        (status = 507, description = "No room for more media")))]
async fn publish(
    State(api): State<Arc<PostsApi>>,
    CurrentUser(viewer): CurrentUser,
    NewId(id): NewId<PostId>,
    NewPost(draft): NewPost,
) -> ApiResult<Reply<PostBody<String>>> {
    let post = api.posts.publish(id, viewer, draft).await?;
    Ok(Reply::created("Post created successfully", PostBody::published(post, &api.links)))
}

/// Everyone's posts
///
/// Newest first.
#[utoipa::path(get, path = "/api/posts", tag = "posts", security((), ("bearer" = [])), params(FeedQuery),
    responses((status = 200, description = "A page of posts", body = Envelope<FeedBody>)))]
async fn feed(
    State(api): State<Arc<PostsApi>>,
    MaybeUser(viewer): MaybeUser,
    ApiQuery(query): ApiQuery<FeedQuery>,
) -> ApiResult<Reply<FeedBody>> {
    let before = query.last_post_id.as_deref().map(|id| api.cursors.read_id("lastPostId", id)).transpose()?;
    let page = PageRequest { before, limit: limit(query.limit.as_deref(), 10)? };
    let page = api.posts.feed(viewer.map(|viewer| viewer.id), page).await?;
    let body = FeedBody {
        total_posts: api.posts.total().await?,
        has_next_page: page.next.is_some(),
        next_cursor: page.next.map(|id| id.to_string()),
        posts: api.ready.all(page.items)?,
    };
    Ok(Reply::ok("Posts retrieved successfully", body))
}

/// A post
#[utoipa::path(get, path = "/api/posts/{id}", tag = "posts", security((), ("bearer" = [])),
    params(("id" = String, Path, description = "The post", pattern = "^[0-9a-f]{24}$")),
    responses((status = 200, description = "Post retrieved successfully", body = Envelope<PostBody<AuthorBody>>)))]
async fn show(
    State(api): State<Arc<PostsApi>>,
    MaybeUser(viewer): MaybeUser,
    ApiPath(id): ApiPath<PostId>,
) -> ApiResult<Reply<ReadyPost>> {
    let view = api.posts.show(viewer.map(|viewer| viewer.id), id).await?;
    Ok(Reply::ok("Post retrieved successfully", api.ready.of(view)?))
}

/// Delete a post
///
/// The author's or a moderator's right. Its images go too.
#[utoipa::path(delete, path = "/api/posts/{id}", tag = "posts", security(("bearer" = [])),
    params(("id" = String, Path, description = "The post", pattern = "^[0-9a-f]{24}$")),
    responses(
        (status = 200, description = "Post deleted successfully", body = Envelope<Option<String>>),
        (status = 403, description = "Not one's own")))]
async fn delete(
    State(api): State<Arc<PostsApi>>,
    CurrentUser(viewer): CurrentUser,
    ApiPath(id): ApiPath<PostId>,
) -> ApiResult<Reply<()>> {
    api.posts.delete(viewer, id).await?;
    Ok(Reply::ok("Post deleted successfully", ()))
}

/// Like, or no longer like
#[utoipa::path(patch, path = "/api/posts/{id}/like", tag = "posts", security(("bearer" = [])),
    params(("id" = String, Path, description = "The post", pattern = "^[0-9a-f]{24}$")),
    responses((status = 200, description = "Post liked / Post unliked", body = Envelope<LikeBody>)))]
async fn toggle_like(
    State(api): State<Arc<PostsApi>>,
    CurrentUser(viewer): CurrentUser,
    ApiPath(id): ApiPath<PostId>,
) -> ApiResult<Reply<LikeBody>> {
    Ok(liked(api.posts.toggle_like(viewer, id).await?))
}

/// Like
///
/// Doing it again changes nothing.
#[utoipa::path(put, path = "/api/posts/{id}/like", tag = "posts", security(("bearer" = [])),
    params(("id" = String, Path, description = "The post", pattern = "^[0-9a-f]{24}$")),
    responses((status = 200, description = "Post liked", body = Envelope<LikeBody>)))]
async fn like(
    State(api): State<Arc<PostsApi>>,
    CurrentUser(viewer): CurrentUser,
    ApiPath(id): ApiPath<PostId>,
) -> ApiResult<Reply<LikeBody>> {
    Ok(liked(api.posts.set_like(viewer, id, true).await?))
}

/// No longer like
///
/// Doing it again changes nothing.
#[utoipa::path(delete, path = "/api/posts/{id}/like", tag = "posts", security(("bearer" = [])),
    params(("id" = String, Path, description = "The post", pattern = "^[0-9a-f]{24}$")),
    responses((status = 200, description = "Post unliked", body = Envelope<LikeBody>)))]
async fn unlike(
    State(api): State<Arc<PostsApi>>,
    CurrentUser(viewer): CurrentUser,
    ApiPath(id): ApiPath<PostId>,
) -> ApiResult<Reply<LikeBody>> {
    Ok(liked(api.posts.set_like(viewer, id, false).await?))
}

/// Who likes a post
///
/// Newest first.
#[utoipa::path(get, path = "/api/posts/{id}/likes", tag = "posts",
    params(("id" = String, Path, description = "The post", pattern = "^[0-9a-f]{24}$"), ListQuery),
    responses((status = 200, description = "A page of people", body = Envelope<PageBody<PersonBody>>)))]
async fn likes(
    State(api): State<Arc<PostsApi>>,
    ApiPath(id): ApiPath<PostId>,
    ApiQuery(query): ApiQuery<ListQuery>,
) -> ApiResult<Reply<PageBody<PersonBody>>> {
    let page = api.posts.likes(id, api.cursors.read(List::Likes, &query)?).await?;
    let body = api.cursors.page(List::Likes, page, |person| PersonBody::new(&person, &api.links));
    Ok(Reply::ok("Likes retrieved successfully", body))
}

/// Comment on a post
///
/// Gives the newest 20 comments, oldest first.
#[utoipa::path(patch, path = "/api/posts/{id}/comment", tag = "posts", security(("bearer" = [])),
    params(("id" = String, Path, description = "The post", pattern = "^[0-9a-f]{24}$")), request_body = CommentForm,
    responses((status = 200, description = "Comment added successfully", body = Envelope<Vec<CommentBody>>)))]
async fn comment(
    State(api): State<Arc<PostsApi>>,
    CurrentUser(viewer): CurrentUser,
    ApiPath(id): ApiPath<PostId>,
    ApiJson(form): ApiJson<CommentForm>,
) -> ApiResult<Reply<Vec<CommentBody>>> {
    let newest = api.posts.comment(viewer, id, &form.content).await?;
    let body = newest.into_iter().map(|(comment, author)| CommentBody::new(comment, &author, &api.links)).collect();
    Ok(Reply::ok("Comment added successfully", body))
}

/// Delete a comment
///
/// Its author's, the post's author's or a moderator's right.
#[utoipa::path(delete, path = "/api/posts/{post_id}/comment/{comment_id}", tag = "posts", security(("bearer" = [])),
    params(("post_id" = String, Path, description = "The post", pattern = "^[0-9a-f]{24}$"), ("comment_id" = String, Path, description = "The comment", pattern = "^[0-9a-f]{24}$")),
    responses(
        (status = 200, description = "Comment deleted successfully", body = Envelope<Option<String>>),
        (status = 403, description = "Not one's own")))]
async fn delete_comment(
    State(api): State<Arc<PostsApi>>,
    CurrentUser(viewer): CurrentUser,
    ApiPath((post, comment)): ApiPath<(PostId, CommentId)>,
) -> ApiResult<Reply<()>> {
    api.posts.delete_comment(viewer, post, comment).await?;
    Ok(Reply::ok("Comment deleted successfully", ()))
}

/// Comments on a post
///
/// Newest first.
#[utoipa::path(get, path = "/api/posts/{id}/comments", tag = "posts",
    params(("id" = String, Path, description = "The post", pattern = "^[0-9a-f]{24}$"), ListQuery),
    responses((status = 200, description = "A page of comments", body = Envelope<PageBody<CommentBody>>)))]
async fn comments(
    State(api): State<Arc<PostsApi>>,
    ApiPath(id): ApiPath<PostId>,
    ApiQuery(query): ApiQuery<ListQuery>,
) -> ApiResult<Reply<PageBody<CommentBody>>> {
    let page = api.posts.comments(id, api.cursors.read(List::Comments, &query)?).await?;
    let body =
        api.cursors.page(List::Comments, page, |(comment, author)| CommentBody::new(comment, &author, &api.links));
    Ok(Reply::ok("Comments retrieved successfully", body))
}

fn liked(state: LikeState) -> Reply<LikeBody> {
    let message = if state.liked { "Post liked" } else { "Post unliked" };
    Reply::ok(message, LikeBody { likes_count: state.count, liked: state.liked })
}

#[derive(Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query, rename_all = "camelCase")]
struct FeedQuery {
    #[param(value_type = Option<u8>, minimum = 1, maximum = 100, default = 10)]
    limit: Option<String>,
    /// `nextCursor` of the page before: the `_id` of its last post.
    last_post_id: Option<String>,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct FeedBody {
    posts: Vec<ReadyPost>,
    total_posts: u64,
    has_next_page: bool,
    next_cursor: Option<String>,
}

#[derive(Deserialize, ToSchema)]
struct CommentForm {
    #[schema(min_length = 1, max_length = 300, example = "Lovely")]
    content: String,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct LikeBody {
    likes_count: u64,
    /// Whether the viewer likes it now.
    liked: bool,
}
