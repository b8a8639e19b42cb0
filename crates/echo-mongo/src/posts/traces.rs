//! Likes and comments: what people leave on posts, always with its count.

use bson::{doc, oid::ObjectId};
use echo_domain::{
    CommentId,
    posts::{Comment, Like, LikeState, post_not_found},
};

use crate::{bars, collections::POST_WRITERS, documents::oid, error::Outcome, transaction::Tx};

use super::{
    rows::{CommentRow, LikeRow, PostKey},
    tally::{COMMENT, LIKE},
};

// In each of these the post comes last: it is what many change at once, and so is held for the shortest time.

/// Likes or no longer likes, and counts it when that is a change.
pub(super) async fn set_like(mut tx: Tx<'_>, post: PostKey, like: Like, liked: bool) -> Outcome<LikeState> {
    bars::pass(&mut tx, &POST_WRITERS, like.user, "traces").await?;
    let count = match liked {
        true => add_like(&mut tx, post, like).await?,
        false => match take_like(&mut tx, like).await? {
            Some(removed) => LIKE.count_down(&mut tx, post, removed).await?,
            None => LIKE.counted(&mut tx, post).await?,
        },
    };
    state(count, liked)
}

/// Likes what was not liked, and the other way round.
pub(super) async fn toggle_like(mut tx: Tx<'_>, post: PostKey, like: Like) -> Outcome<LikeState> {
    bars::pass(&mut tx, &POST_WRITERS, like.user, "traces").await?;
    match take_like(&mut tx, like).await? {
        Some(removed) => state(LIKE.count_down(&mut tx, post, removed).await?, false),
        None => state(add_like(&mut tx, post, like).await?, true),
    }
}

/// The error undoes what was done to the likes of a post that is gone.
fn state(count: Option<u64>, liked: bool) -> Outcome<LikeState> {
    Ok(LikeState { count: count.ok_or_else(post_not_found)?, liked })
}

/// How many likes there are then; `None` when the post is gone.
async fn add_like(tx: &mut Tx<'_>, post: PostKey, like: Like) -> Outcome<Option<u64>> {
    let row = LikeRow::from(like);
    let added = LIKE.put(tx, doc! { "post": row.post, "user": row.user }, doc! { "_id": row.id }).await?;
    if added { LIKE.count_up(tx, post, &row).await } else { LIKE.counted(tx, post).await }
}

async fn take_like(tx: &mut Tx<'_>, like: Like) -> Outcome<Option<ObjectId>> {
    LIKE.take(tx, doc! { "post": oid(like.post), "user": oid(like.user) }).await
}

/// Adds the comment and counts it, unless it is there.
pub(super) async fn add_comment(mut tx: Tx<'_>, post: PostKey, comment: &Comment) -> Outcome<()> {
    bars::pass(&mut tx, &POST_WRITERS, comment.author, "traces").await?;
    let row = CommentRow::from(comment);
    let rest = doc! { "author": row.author, "content": &row.content, "created": row.created };
    if COMMENT.put(&mut tx, doc! { "_id": row.id, "post": row.post }, rest).await? {
        COMMENT.count_up(&mut tx, post, &row).await?.ok_or_else(post_not_found)?;
    }
    Ok(())
}

/// Removes the comment and counts it down; `false` when it, or its post, is gone already.
pub(super) async fn remove_comment(mut tx: Tx<'_>, post: PostKey, comment: CommentId) -> Outcome<bool> {
    match COMMENT.take(&mut tx, doc! { "_id": oid(comment), "post": post.id }).await? {
        Some(removed) => Ok(COMMENT.count_down(&mut tx, post, removed).await?.is_some()),
        None => Ok(false),
    }
}
