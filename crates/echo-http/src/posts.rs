//! `/api/posts`: posts, likes, comments.

use std::{collections::BTreeMap, sync::Arc};

use axum::extract::{FromRef, FromRequest, Request, State};
use echo_domain::{
    CommentId, MediaId, PageRequest, PostId,
    posts::{Block, Comment, Content, Draft, DraftContent, LikeState, Post, PostService, PostView},
    users::UserCard,
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    cursor::{Cursors, List, ListQuery, PageBody, limit},
    error::{ApiError, ApiResult},
    extract::{ApiJson, ApiPath, ApiQuery, CurrentUser, MaybeUser, NewId, NewIds},
    media::{ImageFields, Links, PictureBody},
    multipart::{Form, Part, is_form},
    reply::{Envelope, Moment, Reply},
    users::PersonBody,
};

/// What the post routes need.
#[derive(Clone, FromRef)]
pub struct PostsApi {
    pub posts: Arc<PostService>,
    pub cursors: Cursors,
    pub links: Links,
    pub ids: NewIds,
}

pub(crate) fn router(api: PostsApi) -> OpenApiRouter {
    OpenApiRouter::new()
        .routes(routes!(feed, publish))
        .routes(routes!(show, delete))
        .routes(routes!(toggle_like, like, unlike))
        .routes(routes!(likes))
        .routes(routes!(comment))
        .routes(routes!(delete_comment))
        .routes(routes!(comments))
        .with_state(api)
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
    State(posts): State<Arc<PostService>>,
    State(links): State<Links>,
    CurrentUser(viewer): CurrentUser,
    NewId(id): NewId<PostId>,
    NewPost(draft): NewPost,
) -> ApiResult<Reply<PostBody<String>>> {
    let post = posts.publish(id, viewer, draft).await?;
    Ok(Reply::created("Post created successfully", PostBody::published(post, &links)))
}

/// Everyone's posts
///
/// Newest first.
#[utoipa::path(get, path = "/api/posts", tag = "posts", security((), ("bearer" = [])), params(FeedQuery),
    responses((status = 200, description = "A page of posts", body = Envelope<FeedBody>)))]
async fn feed(
    State(posts): State<Arc<PostService>>,
    State(cursors): State<Cursors>,
    State(links): State<Links>,
    MaybeUser(viewer): MaybeUser,
    ApiQuery(query): ApiQuery<FeedQuery>,
) -> ApiResult<Reply<FeedBody>> {
    let before = query.last_post_id.as_deref().map(|id| cursors.read_id("lastPostId", id)).transpose()?;
    let page = PageRequest { before, limit: limit(query.limit.as_deref(), 10)? };
    let page = posts.feed(viewer.map(|viewer| viewer.id), page).await?;
    let body = FeedBody {
        total_posts: posts.total().await?,
        has_next_page: page.next.is_some(),
        next_cursor: page.next.map(|id| id.to_string()),
        posts: page.items.into_iter().map(|view| PostBody::new(view, &links)).collect(),
    };
    Ok(Reply::ok("Posts retrieved successfully", body))
}

/// A post
#[utoipa::path(get, path = "/api/posts/{id}", tag = "posts", security((), ("bearer" = [])),
    params(("id" = String, Path, description = "The post")),
    responses((status = 200, description = "Post retrieved successfully", body = Envelope<PostBody<AuthorBody>>)))]
async fn show(
    State(posts): State<Arc<PostService>>,
    State(links): State<Links>,
    MaybeUser(viewer): MaybeUser,
    ApiPath(id): ApiPath<PostId>,
) -> ApiResult<Reply<PostBody<AuthorBody>>> {
    let view = posts.show(viewer.map(|viewer| viewer.id), id).await?;
    Ok(Reply::ok("Post retrieved successfully", PostBody::new(view, &links)))
}

/// Delete a post
///
/// The author's or a moderator's right. Its images go too.
#[utoipa::path(delete, path = "/api/posts/{id}", tag = "posts", security(("bearer" = [])),
    params(("id" = String, Path, description = "The post")),
    responses(
        (status = 200, description = "Post deleted successfully", body = Envelope<Option<String>>),
        (status = 403, description = "Not one's own")))]
async fn delete(
    State(posts): State<Arc<PostService>>,
    CurrentUser(viewer): CurrentUser,
    ApiPath(id): ApiPath<PostId>,
) -> ApiResult<Reply<()>> {
    posts.delete(viewer, id).await?;
    Ok(Reply::ok("Post deleted successfully", ()))
}

/// Like, or no longer like
#[utoipa::path(patch, path = "/api/posts/{id}/like", tag = "posts", security(("bearer" = [])),
    params(("id" = String, Path, description = "The post")),
    responses((status = 200, description = "Post liked / Post unliked", body = Envelope<LikeBody>)))]
async fn toggle_like(
    State(posts): State<Arc<PostService>>,
    CurrentUser(viewer): CurrentUser,
    ApiPath(id): ApiPath<PostId>,
) -> ApiResult<Reply<LikeBody>> {
    Ok(liked(posts.toggle_like(viewer, id).await?))
}

/// Like
///
/// Doing it again changes nothing.
#[utoipa::path(put, path = "/api/posts/{id}/like", tag = "posts", security(("bearer" = [])),
    params(("id" = String, Path, description = "The post")),
    responses((status = 200, description = "Post liked", body = Envelope<LikeBody>)))]
async fn like(
    State(posts): State<Arc<PostService>>,
    CurrentUser(viewer): CurrentUser,
    ApiPath(id): ApiPath<PostId>,
) -> ApiResult<Reply<LikeBody>> {
    Ok(liked(posts.set_like(viewer, id, true).await?))
}

/// No longer like
///
/// Doing it again changes nothing.
#[utoipa::path(delete, path = "/api/posts/{id}/like", tag = "posts", security(("bearer" = [])),
    params(("id" = String, Path, description = "The post")),
    responses((status = 200, description = "Post unliked", body = Envelope<LikeBody>)))]
async fn unlike(
    State(posts): State<Arc<PostService>>,
    CurrentUser(viewer): CurrentUser,
    ApiPath(id): ApiPath<PostId>,
) -> ApiResult<Reply<LikeBody>> {
    Ok(liked(posts.set_like(viewer, id, false).await?))
}

/// Who likes a post
///
/// Newest first.
#[utoipa::path(get, path = "/api/posts/{id}/likes", tag = "posts",
    params(("id" = String, Path, description = "The post"), ListQuery),
    responses((status = 200, description = "A page of people", body = Envelope<PageBody<PersonBody>>)))]
async fn likes(
    State(posts): State<Arc<PostService>>,
    State(cursors): State<Cursors>,
    State(links): State<Links>,
    ApiPath(id): ApiPath<PostId>,
    ApiQuery(query): ApiQuery<ListQuery>,
) -> ApiResult<Reply<PageBody<PersonBody>>> {
    let page = posts.likes(id, cursors.read(List::Likes, &query)?).await?;
    let body = cursors.page(List::Likes, page, |card| PersonBody::new(card, &links));
    Ok(Reply::ok("Likes retrieved successfully", body))
}

/// Comment on a post
///
/// Gives the newest 20 comments, oldest first.
#[utoipa::path(patch, path = "/api/posts/{id}/comment", tag = "posts", security(("bearer" = [])),
    params(("id" = String, Path, description = "The post")), request_body = CommentForm,
    responses((status = 200, description = "Comment added successfully", body = Envelope<Vec<CommentBody>>)))]
async fn comment(
    State(posts): State<Arc<PostService>>,
    State(links): State<Links>,
    CurrentUser(viewer): CurrentUser,
    ApiPath(id): ApiPath<PostId>,
    ApiJson(form): ApiJson<CommentForm>,
) -> ApiResult<Reply<Vec<CommentBody>>> {
    let newest = posts.comment(viewer, id, &form.content).await?;
    let body = newest.into_iter().map(|(comment, author)| CommentBody::new(comment, author, &links)).collect();
    Ok(Reply::ok("Comment added successfully", body))
}

/// Delete a comment
///
/// Its author's, the post's author's or a moderator's right.
#[utoipa::path(delete, path = "/api/posts/{post_id}/comment/{comment_id}", tag = "posts", security(("bearer" = [])),
    params(("post_id" = String, Path, description = "The post"), ("comment_id" = String, Path, description = "The comment")),
    responses(
        (status = 200, description = "Comment deleted successfully", body = Envelope<Option<String>>),
        (status = 403, description = "Not one's own")))]
async fn delete_comment(
    State(posts): State<Arc<PostService>>,
    CurrentUser(viewer): CurrentUser,
    ApiPath((post, comment)): ApiPath<(PostId, CommentId)>,
) -> ApiResult<Reply<()>> {
    posts.delete_comment(viewer, post, comment).await?;
    Ok(Reply::ok("Comment deleted successfully", ()))
}

/// Comments on a post
///
/// Newest first.
#[utoipa::path(get, path = "/api/posts/{id}/comments", tag = "posts",
    params(("id" = String, Path, description = "The post"), ListQuery),
    responses((status = 200, description = "A page of comments", body = Envelope<PageBody<CommentBody>>)))]
async fn comments(
    State(posts): State<Arc<PostService>>,
    State(cursors): State<Cursors>,
    State(links): State<Links>,
    ApiPath(id): ApiPath<PostId>,
    ApiQuery(query): ApiQuery<ListQuery>,
) -> ApiResult<Reply<PageBody<CommentBody>>> {
    let page = posts.comments(id, cursors.read(List::Comments, &query)?).await?;
    let body = cursors.page(List::Comments, page, |(comment, author)| CommentBody::new(comment, author, &links));
    Ok(Reply::ok("Comments retrieved successfully", body))
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
    posts: Vec<PostBody<AuthorBody>>,
    total_posts: u64,
    has_next_page: bool,
    next_cursor: Option<String>,
}

/// A post as JSON brings it.
#[derive(Deserialize, ToSchema)]
struct NewPostForm {
    #[schema(min_items = 1, max_items = 20)]
    content: Vec<NewBlockForm>,
}

#[derive(Deserialize, ToSchema)]
struct NewBlockForm {
    /// `text` or `image`.
    #[serde(rename = "type")]
    #[schema(value_type = BlockKind)]
    kind: String,
    /// A text of up to 5,000 characters, or the `_id` of an image.
    #[schema(example = "Good morning")]
    value: String,
}

#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
#[expect(dead_code, reason = "only describes what `draft` reads")]
enum BlockKind {
    Text,
    Image,
}

/// A post as a form brings it: for i from 0 to 19.
#[derive(ToSchema)]
#[expect(dead_code, reason = "only describes the form; `NewPost` reads it")]
struct NewPostMultipart {
    /// `text` or `image`
    #[schema(rename = "content[0][type]", example = "text")]
    kind: String,
    /// A text, or the file of an image.
    #[schema(rename = "content[0][value]", example = "Good morning")]
    value: String,
    /// What the image shows, in up to 1,000 characters.
    #[schema(rename = "content[0][alt]")]
    alt: Option<String>,
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

/// A post. `U` is its author: their id right after publishing, themself everywhere else.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PostBody<U> {
    #[serde(rename = "_id")]
    id: String,
    user: U,
    content: Vec<BlockBody>,
    /// Who likes it: the newest 50, newest first.
    likes: Vec<String>,
    /// The newest 20, oldest first.
    comments: Vec<CommentBody>,
    like_count: u64,
    comment_count: u64,
    /// Whether the viewer likes it.
    is_liked: bool,
    #[schema(value_type = String, format = DateTime)]
    created_at: Moment,
    #[schema(value_type = String, format = DateTime)]
    updated_at: Moment,
}

/// Whose post it is.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AuthorBody {
    #[serde(rename = "_id")]
    id: String,
    username: String,
    profile_picture: PictureBody,
}

/// A part of a post.
#[derive(Serialize, ToSchema)]
struct BlockBody {
    #[serde(rename = "_id")]
    id: String,
    #[serde(rename = "type")]
    #[schema(value_type = BlockKind)]
    kind: &'static str,
    /// The text, or the image's address.
    value: String,
    #[serde(flatten)]
    image: Option<ImageFields>,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CommentBody {
    #[serde(rename = "_id")]
    id: String,
    user: AuthorBody,
    content: String,
    #[schema(value_type = String, format = DateTime)]
    created_at: Moment,
}

/// The body of a new post, in either form.
struct NewPost(Draft);

impl<S: Send + Sync> FromRequest<S> for NewPost {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> ApiResult<Self> {
        let blocks = if is_form(request.headers()) {
            form_blocks(Form::from_request(request, state).await?)?
        } else {
            let ApiJson(NewPostForm { content }) = ApiJson::from_request(request, state).await?;
            content.into_iter().enumerate().map(|(i, block)| Ok((i, block.draft(i)?))).collect::<ApiResult<_>>()?
        };
        Ok(Self(Draft::parse(blocks)?))
    }
}

impl NewBlockForm {
    fn draft(self, index: usize) -> ApiResult<DraftContent> {
        match self.kind.as_str() {
            "text" => Ok(DraftContent::Text(self.value)),
            "image" => Ok(DraftContent::Uploaded(media_id(&self.value, index)?)),
            _ => Err(unknown_type(index)),
        }
    }
}

/// The parts of one block, as they arrive.
#[derive(Default)]
struct BlockParts {
    kind: Option<Part>,
    value: Option<Part>,
    alt: Option<Part>,
}

/// Puts together what belongs to one block, by the number in its name, whatever order the parts came in.
fn form_blocks(form: Form) -> ApiResult<BTreeMap<usize, DraftContent>> {
    let mut blocks: BTreeMap<usize, BlockParts> = BTreeMap::new();
    for (name, part) in form.into_parts() {
        let Some((index, key)) = block_part(&name) else { continue };
        let block = blocks.entry(index).or_default();
        match key {
            "type" => block.kind = Some(part),
            "value" => block.value = Some(part),
            "alt" => block.alt = Some(part),
            _ => return Err(ApiError::malformed(name, "must be type, value or alt of a block")),
        }
    }
    blocks.into_iter().map(|(index, block)| Ok((index, block.draft(index)?))).collect()
}

/// `content[12][value]` taken apart: 12 and `value`.
fn block_part(name: &str) -> Option<(usize, &str)> {
    let (index, key) = name.strip_prefix("content[")?.strip_suffix(']')?.split_once("][")?;
    let digits = (1..=9).contains(&index.len()) && index.bytes().all(|c| c.is_ascii_digit());
    Some((index.parse().ok().filter(|_| digits)?, key))
}

impl BlockParts {
    fn draft(self, index: usize) -> ApiResult<DraftContent> {
        let field = |key: &str| format!("content[{index}].{key}");
        let kind = self.kind.ok_or_else(|| unknown_type(index))?.into_text(field("type"))?;
        let alt = self.alt.map(|alt| alt.into_text(field("alt"))).transpose()?.unwrap_or_default();
        match (kind.trim(), self.value) {
            ("text", None) => Err(ApiError::malformed(field("value"), "must not be empty")),
            ("text", Some(value)) => Ok(DraftContent::Text(value.into_text(field("value"))?)),
            ("image", Some(Part { bytes, is_file: true })) if !bytes.is_empty() => {
                Ok(DraftContent::Upload { bytes, alt })
            }
            ("image", Some(value)) if !value.is_file && !value.bytes.is_empty() => {
                Ok(DraftContent::Uploaded(media_id(&value.into_text(field("value"))?, index)?))
            }
            ("image", _) => Err(ApiError::malformed(field("value"), "must be the file of an image")),
            _ => Err(unknown_type(index)),
        }
    }
}

fn media_id(text: &str, index: usize) -> ApiResult<MediaId> {
    let malformed = |_| ApiError::malformed(format!("content[{index}].value"), "must be the _id of an uploaded image");
    text.trim().parse().map_err(malformed)
}

fn unknown_type(index: usize) -> ApiError {
    ApiError::malformed(format!("content[{index}].type"), "must be text or image")
}

fn liked(state: LikeState) -> Reply<LikeBody> {
    let message = if state.liked { "Post liked" } else { "Post unliked" };
    Reply::ok(message, LikeBody { likes_count: state.count, liked: state.liked })
}

impl PostBody<String> {
    fn published(post: Post, links: &Links) -> Self {
        Self {
            id: post.id.to_string(),
            user: post.author.to_string(),
            content: post.blocks.into_iter().map(|block| BlockBody::new(block, links)).collect(),
            likes: Vec::new(),
            comments: Vec::new(),
            like_count: 0,
            comment_count: 0,
            is_liked: false,
            created_at: post.created.into(),
            updated_at: post.created.into(),
        }
    }
}

impl PostBody<AuthorBody> {
    pub(crate) fn new(view: PostView, links: &Links) -> Self {
        let comment = |(comment, author)| CommentBody::new(comment, author, links);
        Self {
            user: AuthorBody::new(view.author, links),
            likes: view.likers.iter().map(ToString::to_string).collect(),
            comments: view.comments.into_iter().map(comment).collect(),
            like_count: view.like_count,
            comment_count: view.comment_count,
            is_liked: view.is_liked,
            id: view.post.id.to_string(),
            content: view.post.blocks.into_iter().map(|block| BlockBody::new(block, links)).collect(),
            created_at: view.post.created.into(),
            updated_at: view.post.created.into(),
        }
    }
}

impl BlockBody {
    fn new(block: Block, links: &Links) -> Self {
        let id = block.id.to_string();
        match block.content {
            Content::Text(text) => Self { id, kind: "text", value: text, image: None },
            Content::Image(image) => Self {
                id,
                kind: "image",
                value: links.to(&image.location),
                image: Some(ImageFields::new(image, links)),
            },
        }
    }
}

impl AuthorBody {
    fn new(card: UserCard, links: &Links) -> Self {
        Self {
            id: card.id.to_string(),
            profile_picture: PictureBody::new(card.picture.as_ref(), links),
            username: card.username,
        }
    }
}

impl CommentBody {
    pub(crate) fn new(comment: Comment, author: UserCard, links: &Links) -> Self {
        Self {
            id: comment.id.to_string(),
            user: AuthorBody::new(author, links),
            content: comment.content,
            created_at: comment.created.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_belongs_to_the_block_of_its_number() {
        assert_eq!(block_part("content[10][value]"), Some((10, "value")));
        for name in
            ["content", "content[]", "content[][value]", "content[-1][value]", "content[x][value]", "content[1]value"]
        {
            assert_eq!(block_part(name), None, "{name}");
        }
    }
}
