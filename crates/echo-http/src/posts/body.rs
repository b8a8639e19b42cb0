//! Posts and comments as JSON shows them.

use std::sync::Arc;

use echo_domain::{
    UserId,
    posts::{Block, Comment, Content, Post, PostDetail, PostView},
    users::Profile,
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
    #[schema(value_type = Vec<String>)]
    likes: Vec<UserId>,
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

/// A part of a post. From `public_id` on, only images have it. Those from the first Echo may lack `width`, `height` and
/// `blurhash`.
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
            content: post.blocks.iter().map(|block| BlockBody::new(block, links)).collect(),
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
    pub(crate) fn new(view: &PostView, links: &Links) -> Self {
        let PostDetail { post, like_count, comment_count, likers, comments } = &*view.detail;
        let comment = |(comment, author): (&Comment, &Option<Arc<Profile>>)| {
            author.as_ref().map(|author| CommentBody::new(comment.clone(), author, links))
        };
        Self {
            id: post.id.to_string(),
            user: AuthorBody::new(&view.author, links),
            content: post.blocks.iter().map(|block| BlockBody::new(block, links)).collect(),
            likes: likers.iter().rev().copied().collect(),
            comments: comments.iter().zip(&view.commenters).filter_map(comment).collect(),
            like_count: *like_count,
            comment_count: *comment_count,
            is_liked: view.is_liked,
            created_at: post.created.into(),
            updated_at: post.created.into(),
        }
    }
}

impl BlockBody {
    fn new(block: &Block, links: &Links) -> Self {
        let id = block.id.to_string();
        match &block.content {
            Content::Text(text) => Self { id, kind: "text", value: text.clone(), ..Self::default() },
            Content::Image(image) => Self {
                id,
                kind: "image",
                value: links.to(&image.location),
                public_id: Some(image.id.to_string()),
                width: known(image.width),
                height: known(image.height),
                variants: Some(VariantBody::all(&image.variants, links)),
                blurhash: Some(image.blurhash.clone()).filter(|hash| !hash.is_empty()),
                alt: Some(image.alt.clone()),
            },
        }
    }
}

/// Of an image that the first Echo left with another service, nothing but its address is known.
fn known(pixels: u32) -> Option<u32> {
    (pixels > 0).then_some(pixels)
}

impl AuthorBody {
    fn new(author: &Profile, links: &Links) -> Self {
        Self {
            id: author.id.to_string(),
            profile_picture: PictureBody::new(author.picture.as_ref(), links),
            username: author.username.clone(),
        }
    }
}

impl CommentBody {
    pub(crate) fn new(comment: Comment, author: &Profile, links: &Links) -> Self {
        Self {
            id: comment.id.to_string(),
            user: AuthorBody::new(author, links),
            content: comment.content,
            created_at: comment.created.into(),
        }
    }
}
