//! A post as it is written down in the shared cache.

use echo_domain::{
    BlockId, CommentId, MediaId, PostId, Timestamp, UserId,
    media::{Image, Variant},
    posts::{Block, Comment, Content, Post, PostDetail},
};
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
pub(super) struct PostRow {
    id: PostId,
    author: UserId,
    created: Timestamp,
    blocks: Vec<BlockRow>,
    like_count: u64,
    comment_count: u64,
    likers: Vec<UserId>,
    comments: Vec<CommentRow>,
}

#[derive(Serialize, Deserialize)]
struct BlockRow {
    id: BlockId,
    content: ContentRow,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum ContentRow {
    Text(String),
    Image(ImageRow),
}

#[derive(Serialize, Deserialize)]
struct ImageRow {
    id: MediaId,
    location: String,
    width: u32,
    height: u32,
    blurhash: String,
    alt: String,
    /// By width.
    variants: Vec<(u32, String)>,
}

#[derive(Serialize, Deserialize)]
struct CommentRow {
    id: CommentId,
    author: UserId,
    content: String,
    created: Timestamp,
}

impl From<&PostDetail> for PostRow {
    fn from(detail: &PostDetail) -> Self {
        let comment = |it: &Comment| CommentRow {
            id: it.id,
            author: it.author,
            content: it.content.clone(),
            created: it.created,
        };
        Self {
            id: detail.post.id,
            author: detail.post.author,
            created: detail.post.created,
            blocks: detail.post.blocks.iter().map(BlockRow::from).collect(),
            like_count: detail.like_count,
            comment_count: detail.comment_count,
            likers: detail.likers.clone(),
            comments: detail.comments.iter().map(comment).collect(),
        }
    }
}

impl From<PostRow> for PostDetail {
    fn from(row: PostRow) -> Self {
        let post = row.id;
        let comment =
            |it: CommentRow| Comment { id: it.id, post, author: it.author, content: it.content, created: it.created };
        let blocks = row.blocks.into_iter().map(Block::from).collect();
        Self {
            post: Post { id: post, author: row.author, blocks, created: row.created },
            like_count: row.like_count,
            comment_count: row.comment_count,
            likers: row.likers,
            comments: row.comments.into_iter().map(comment).collect(),
        }
    }
}

impl From<&Block> for BlockRow {
    fn from(block: &Block) -> Self {
        let content = match &block.content {
            Content::Text(text) => ContentRow::Text(text.clone()),
            Content::Image(image) => ContentRow::Image(ImageRow::from(image)),
        };
        Self { id: block.id, content }
    }
}

impl From<BlockRow> for Block {
    fn from(row: BlockRow) -> Self {
        let content = match row.content {
            ContentRow::Text(text) => Content::Text(text),
            ContentRow::Image(image) => Content::Image(image.into()),
        };
        Self { id: row.id, content }
    }
}

impl From<&Image> for ImageRow {
    fn from(image: &Image) -> Self {
        Self {
            id: image.id,
            location: image.location.clone(),
            width: image.width,
            height: image.height,
            blurhash: image.blurhash.clone(),
            alt: image.alt.clone(),
            variants: image.variants.iter().map(|variant| (variant.width, variant.location.clone())).collect(),
        }
    }
}

impl From<ImageRow> for Image {
    fn from(row: ImageRow) -> Self {
        Self {
            id: row.id,
            location: row.location,
            width: row.width,
            height: row.height,
            blurhash: row.blurhash,
            alt: row.alt,
            variants: row.variants.into_iter().map(|(width, location)| Variant { width, location }).collect(),
        }
    }
}
