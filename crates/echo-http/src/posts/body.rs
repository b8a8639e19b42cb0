//! Posts and comments as JSON shows them.

use echo_domain::{
    posts::{Block, Comment, Content, Post, PostView},
    users::UserCard,
};
use serde::Serialize;
use utoipa::ToSchema;

use super::form::BlockKind;
use crate::{
    media::{Links, PictureBody, VariantBody},
    reply::Moment,
};

/// A post. `U` is its author: their id right after publishing, themself everywhere else.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PostBody<U> {
    #[serde(rename = "_id")]
    id: String,
    user: U,
    content: Vec<BlockBody>,
    /// Who likes it: the newest 50, oldest first.
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

/// A part of a post. From `public_id` on, only images have it.
#[derive(Default, Serialize, ToSchema)]
pub(crate) struct BlockBody {
    #[serde(rename = "_id")]
    id: String,
    #[serde(rename = "type")]
    #[schema(value_type = BlockKind)]
    kind: &'static str,
    /// The text, or the image's address.
    value: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    public_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    width: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    height: Option<u32>,
    /// <https://blurha.sh>
    #[serde(skip_serializing_if = "Option::is_none")]
    blurhash: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    alt: Option<String>,
    /// Narrower copies.
    #[serde(skip_serializing_if = "Option::is_none")]
    variants: Option<Vec<VariantBody>>,
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

impl PostBody<String> {
    pub(super) fn published(post: Post, links: &Links) -> Self {
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
            likes: view.likers.iter().rev().map(ToString::to_string).collect(),
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
            Content::Text(value) => Self { id, kind: "text", value, ..Self::default() },
            Content::Image(image) => Self {
                id,
                kind: "image",
                value: links.to(&image.location),
                public_id: Some(image.id.to_string()),
                width: Some(image.width),
                height: Some(image.height),
                variants: Some(VariantBody::all(&image.variants, links)),
                blurhash: Some(image.blurhash),
                alt: Some(image.alt),
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
