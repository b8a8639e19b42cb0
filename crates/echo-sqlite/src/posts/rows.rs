//! How posts, likes and comments lie in their rows.

use echo_domain::{
    BlockId,
    posts::{Block, Comment, Content, Like, Post},
};
use rusqlite::{Result, Row};
use serde::{Deserialize, Serialize};

use crate::{media::ImageColumn, sql};

/// A block as a column keeps it, in JSON.
#[derive(Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum BlockColumn {
    Text { id: BlockId, text: String },
    Image { id: BlockId, image: ImageColumn },
}

/// A post's blocks as their column keeps them.
pub(super) fn content(post: &Post) -> Result<String> {
    sql::to_json(&post.blocks.iter().cloned().map(BlockColumn::from).collect::<Vec<_>>())
}

/// From the columns `id, author, created, content`.
pub(crate) fn post_of(row: &Row<'_>) -> Result<Post> {
    let blocks: Vec<BlockColumn> = sql::from_json(row, 3)?;
    Ok(Post {
        id: sql::id(row, 0)?,
        author: sql::id(row, 1)?,
        created: sql::time(row, 2)?,
        blocks: blocks.into_iter().map(Block::from).collect(),
    })
}

/// From the columns `id, post, user`.
pub(crate) fn like_of(row: &Row<'_>) -> Result<Like> {
    Ok(Like { id: sql::id(row, 0)?, post: sql::id(row, 1)?, user: sql::id(row, 2)? })
}

/// From the columns `id, post, author, content, created`.
pub(crate) fn comment_of(row: &Row<'_>) -> Result<Comment> {
    Ok(Comment {
        id: sql::id(row, 0)?,
        post: sql::id(row, 1)?,
        author: sql::id(row, 2)?,
        content: row.get(3)?,
        created: sql::time(row, 4)?,
    })
}

impl From<Block> for BlockColumn {
    fn from(Block { id, content }: Block) -> Self {
        match content {
            Content::Text(text) => Self::Text { id, text },
            Content::Image(image) => Self::Image { id, image: image.into() },
        }
    }
}

impl From<BlockColumn> for Block {
    fn from(column: BlockColumn) -> Self {
        match column {
            BlockColumn::Text { id, text } => Self { id, content: Content::Text(text) },
            BlockColumn::Image { id, image } => Self { id, content: Content::Image(image.into()) },
        }
    }
}
