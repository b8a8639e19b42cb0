//! How posts, likes and comments lie in their documents.

use bson::{DateTime, Document, doc, oid::ObjectId};
use echo_domain::posts::{Block, Comment, Content, Like, Post, PostDetail};
use serde::{Deserialize, Serialize};

use crate::{
    documents::{count, date, id, oid, time},
    error::Outcome,
    media::ImageRow,
};

/// A post with what is shown of its likes and comments, so that a page of posts is one query.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct PostRow {
    #[serde(rename = "_id")]
    id: ObjectId,
    author: ObjectId,
    created: DateTime,
    content: Vec<BlockRow>,
    like_count: i64,
    comment_count: i64,
    /// Copies of the newest [`PostDetail::LIKERS`], newest first.
    newest_likes: Vec<LikeRow>,
    /// Copies of the newest [`PostDetail::COMMENTS`], newest first.
    newest_comments: Vec<CommentRow>,
}

/// What a post is found by: its id, and its author, who names the shard.
#[derive(Debug, Clone, Copy, Deserialize)]
pub(crate) struct PostKey {
    #[serde(rename = "_id")]
    pub id: ObjectId,
    pub author: ObjectId,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum BlockRow {
    Text { id: ObjectId, text: String },
    Image { id: ObjectId, image: ImageRow },
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct LikeRow {
    #[serde(rename = "_id")]
    pub id: ObjectId,
    pub post: ObjectId,
    pub user: ObjectId,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct CommentRow {
    #[serde(rename = "_id")]
    pub id: ObjectId,
    pub post: ObjectId,
    pub author: ObjectId,
    pub content: String,
    pub created: DateTime,
}

impl PostKey {
    pub(super) fn filter(self) -> Document {
        doc! { "_id": self.id, "author": self.author }
    }
}

impl PostRow {
    /// A post that nobody has liked or commented on.
    pub(crate) fn new(post: &Post) -> Self {
        Self {
            id: oid(post.id),
            author: oid(post.author),
            created: date(post.created),
            content: post.blocks.iter().cloned().map(BlockRow::from).collect(),
            like_count: 0,
            comment_count: 0,
            newest_likes: Vec::new(),
            newest_comments: Vec::new(),
        }
    }

    pub(crate) fn read(self) -> Outcome<PostDetail> {
        Ok(PostDetail {
            post: Post {
                id: id(self.id),
                author: id(self.author),
                blocks: self.content.into_iter().map(Block::from).collect(),
                created: time(self.created),
            },
            like_count: count(self.like_count)?,
            comment_count: count(self.comment_count)?,
            likers: self.newest_likes.into_iter().map(|like| id(like.user)).collect(),
            comments: self.newest_comments.into_iter().rev().map(Comment::from).collect(),
        })
    }
}

impl From<Block> for BlockRow {
    fn from(Block { id, content }: Block) -> Self {
        match content {
            Content::Text(text) => Self::Text { id: oid(id), text },
            Content::Image(image) => Self::Image { id: oid(id), image: image.into() },
        }
    }
}

impl From<BlockRow> for Block {
    fn from(row: BlockRow) -> Self {
        match row {
            BlockRow::Text { id: block, text } => Self { id: id(block), content: Content::Text(text) },
            BlockRow::Image { id: block, image } => Self { id: id(block), content: Content::Image(image.into()) },
        }
    }
}

impl From<Like> for LikeRow {
    fn from(like: Like) -> Self {
        Self { id: oid(like.id), post: oid(like.post), user: oid(like.user) }
    }
}

impl From<LikeRow> for Like {
    fn from(row: LikeRow) -> Self {
        Self { id: id(row.id), post: id(row.post), user: id(row.user) }
    }
}

impl From<&Comment> for CommentRow {
    fn from(comment: &Comment) -> Self {
        Self {
            id: oid(comment.id),
            post: oid(comment.post),
            author: oid(comment.author),
            content: comment.content.clone(),
            created: date(comment.created),
        }
    }
}

impl From<CommentRow> for Comment {
    fn from(row: CommentRow) -> Self {
        Self {
            id: id(row.id),
            post: id(row.post),
            author: id(row.author),
            content: row.content,
            created: time(row.created),
        }
    }
}
