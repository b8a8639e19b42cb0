//! Likes and comments: what people leave on posts, always with its count.

use echo_domain::{
    CommentId, PostId, UserId,
    auth::account_deleted,
    posts::{Comment, Like, LikeState},
};
use rusqlite::params;

use crate::{
    error::Outcome,
    sql::{self, Sql, key},
    writer::Tx,
};

use super::{exists, post_not_found};

/// Whoever is being erased makes nothing new.
pub(super) fn refuse_barred(tx: &Tx<'_>, user: UserId) -> Outcome<()> {
    if tx.any("SELECT 1 FROM posts_barred WHERE user = ?1", [key(user)])? {
        return Err(account_deleted().into());
    }
    Ok(())
}

/// Likes or no longer likes, and counts it when that is a change.
pub(super) fn set_like(tx: &Tx<'_>, like: Like, liked: bool) -> Outcome<LikeState> {
    refuse_barred(tx, like.user)?;
    let by = if liked { add_like(tx, like)? } else { -remove_like(tx, like.user, like.post)? };
    let sql = "UPDATE posts SET like_count = like_count + ?2 WHERE id = ?1 RETURNING like_count";
    let count = tx.one(sql, params![key(like.post), by], |row| sql::count(row, 0))?;
    // The error undoes what was done to the likes of a post that is gone.
    Ok(LikeState { count: count.ok_or_else(post_not_found)?, liked })
}

/// Adds the like, whosever it is, and counts it where the post is there to count.
pub(crate) fn take_like(tx: &Tx<'_>, like: Like) -> Outcome<()> {
    if add_like(tx, like)? > 0 {
        tx.run("UPDATE posts SET like_count = like_count + 1 WHERE id = ?1", [key(like.post)])?;
    }
    Ok(())
}

/// How many likes there are more: one or none.
fn add_like(tx: &Tx<'_>, like: Like) -> Outcome<i64> {
    let sql = "INSERT INTO likes (post, id, user) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING";
    Ok(i64::from(tx.run(sql, [key(like.post), key(like.id), key(like.user)])? > 0))
}

/// How many likes there are less: one or none.
fn remove_like(tx: &Tx<'_>, user: UserId, post: PostId) -> Outcome<i64> {
    let removed = tx.run("DELETE FROM likes WHERE user = ?1 AND post = ?2", [key(user), key(post)])?;
    Ok(i64::from(removed > 0))
}

/// Adds the comment and counts it, unless it is there.
pub(super) fn add_comment(tx: &Tx<'_>, comment: &Comment) -> Outcome<()> {
    refuse_barred(tx, comment.author)?;
    if !exists(tx, comment.post)? {
        return Err(post_not_found());
    }
    take_comment(tx, comment)
}

/// Adds the comment, whoever wrote it, and counts it where the post is there to count.
pub(crate) fn take_comment(tx: &Tx<'_>, comment: &Comment) -> Outcome<()> {
    let added = tx.run(
        "INSERT INTO comments (post, id, author, content, created) VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT DO NOTHING",
        params![key(comment.post), key(comment.id), key(comment.author), comment.content, comment.created.millis()],
    )?;
    if added > 0 {
        tx.run("UPDATE posts SET comment_count = comment_count + 1 WHERE id = ?1", [key(comment.post)])?;
    }
    Ok(())
}

/// Removes the comment and counts it down, where the post is still there to count.
pub(super) fn remove_comment(tx: &Tx<'_>, post: PostId, comment: CommentId) -> Outcome<bool> {
    let removed = tx.run("DELETE FROM comments WHERE post = ?1 AND id = ?2", [key(post), key(comment)])? > 0;
    if removed {
        tx.run("UPDATE posts SET comment_count = comment_count - 1 WHERE id = ?1", [key(post)])?;
    }
    Ok(removed)
}

/// Removes what the user left anywhere; counts it down where the post is still there to count.
pub(super) fn erase_traces(tx: &Tx<'_>, user: UserId, limit: usize) -> Outcome<usize> {
    const LIKES: &str = "SELECT post FROM likes WHERE user = ?1 LIMIT ?2";
    const COMMENTS: &str = "SELECT post, id FROM comments WHERE author = ?1 LIMIT ?2";
    const COUNT_DOWN: &str = "UPDATE posts SET like_count = like_count - 1 WHERE id = ?1";
    let likes: Vec<PostId> = tx.all(LIKES, params![key(user), sql::limit(limit)], |row| sql::id(row, 0))?;
    for post in &likes {
        remove_like(tx, user, *post)?;
        tx.run(COUNT_DOWN, [key(*post)])?;
    }
    let left = sql::limit(limit - likes.len());
    let comments: Vec<(PostId, CommentId)> =
        tx.all(COMMENTS, params![key(user), left], |row| Ok((sql::id(row, 0)?, sql::id(row, 1)?)))?;
    for (post, comment) in &comments {
        remove_comment(tx, *post, *comment)?;
    }
    Ok(likes.len() + comments.len())
}
