//! Removing what a removed post, or an erased person, left: a bounded batch at a time.

use bson::{Document, doc, oid::ObjectId};
use echo_domain::{PostId, UserId};
use futures_util::{FutureExt, StreamExt, TryStreamExt, stream};
use serde::Deserialize;

use crate::{
    Mongo,
    documents::{limit, oid},
    error::Outcome,
    transaction::Tx,
};

use super::{
    key_of, keys_of,
    rows::PostKey,
    tally::{COMMENT, Kind, LIKE},
};

/// A like or a comment, wherever it was left.
#[derive(Debug, Clone, Copy, Deserialize)]
struct Trace {
    #[serde(rename = "_id")]
    id: ObjectId,
    post: ObjectId,
}

/// Removes likes and comments of a removed post, to which none is added any more.
pub(super) async fn purge(mongo: &Mongo, post: PostId, most: usize) -> Outcome<usize> {
    if key_of(mongo, post).await?.is_some() {
        return Ok(0);
    }
    let likes = purge_kind(mongo, &LIKE, oid(post), most).await?;
    Ok(likes + purge_kind(mongo, &COMMENT, oid(post), most - likes).await?)
}

async fn purge_kind(mongo: &Mongo, kind: &Kind, post: ObjectId, most: usize) -> Outcome<usize> {
    let left = left(mongo, kind, doc! { "post": post }, most).await?;
    if left.is_empty() {
        return Ok(0);
    }
    let ids: Vec<_> = left.iter().map(|trace| trace.id).collect();
    let kept = mongo.collection::<Document>(kind.declared);
    let deleted = kept.delete_many(doc! { "post": post, "_id": { "$in": ids } }).await?;
    Ok(usize::try_from(deleted.deleted_count).unwrap_or(usize::MAX))
}

/// Removes what the user left anywhere, each in a transaction of its own: one for all of them would change many posts,
/// and begin anew whenever somebody else changes one of these.
pub(super) async fn erase_traces(mongo: &Mongo, user: UserId, most: usize) -> Outcome<usize> {
    /// So many are removed well within the time that a call may take; more are left for the next.
    const MOST: usize = 100;
    let most = most.min(MOST);
    let likes = erase_kind(mongo, &LIKE, user, most).await?;
    Ok(likes + erase_kind(mongo, &COMMENT, user, most - likes).await?)
}

async fn erase_kind(mongo: &Mongo, kind: &Kind, user: UserId, most: usize) -> Outcome<usize> {
    const AT_ONCE: usize = 8;
    let traces = left(mongo, kind, doc! { kind.user: oid(user) }, most).await?;
    let posts = keys_of(mongo, traces.iter().map(|trace| trace.post).collect()).await?;
    let erasing = traces.into_iter().map(|trace| erase(mongo, kind, trace, posts.get(&trace.post).copied()));
    stream::iter(erasing).buffer_unordered(AT_ONCE).try_fold(0, async |sum, erased| Ok(sum + usize::from(erased))).await
}

/// Whether it was still there; it is counted down where its post is.
async fn erase(mongo: &Mongo, kind: &Kind, trace: Trace, post: Option<PostKey>) -> Outcome<bool> {
    let found = doc! { "_id": trace.id, "post": trace.post };
    let Some(post) = post else {
        let kept = mongo.collection::<Document>(kind.declared);
        return Ok(kept.delete_one(found).await?.deleted_count > 0);
    };
    let _turns = mongo.turns.take(&[post.id]).await;
    mongo.together((kind, post, found), |tx, (kind, post, found)| erase_counted(tx, kind, *post, found).boxed()).await
}

async fn erase_counted(mut tx: Tx<'_>, kind: &Kind, post: PostKey, found: &Document) -> Outcome<bool> {
    let Some(erased) = kind.take(&mut tx, found.clone()).await? else { return Ok(false) };
    kind.count_down(&mut tx, post, erased).await?;
    Ok(true)
}

async fn left(mongo: &Mongo, kind: &Kind, filter: Document, most: usize) -> Outcome<Vec<Trace>> {
    // To MongoDB, a limit of 0 means none.
    if most == 0 {
        return Ok(Vec::new());
    }
    let kept = mongo.collection::<Trace>(kind.declared);
    let found = kept.find(filter).projection(doc! { "post": 1 }).limit(limit(most));
    Ok(found.await?.try_collect().await?)
}
