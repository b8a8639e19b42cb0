//! What is counted when posts, likes and comments come from elsewhere, many at a time.

use std::collections::BTreeMap;

use bson::{Bson, Document, doc, oid::ObjectId};
use echo_domain::Error;
use futures_util::TryStreamExt;

use crate::{
    collections::{POST_TOTALS, POST_WRITERS, POSTS},
    error::Outcome,
    transaction::Tx,
};

use super::{PostKey, tally::Kind};

/// Counts posts in all, and how many more each author has.
pub(crate) async fn count_posts(tx: &mut Tx<'_>, posts: &[ObjectId], authors: &BTreeMap<ObjectId, i64>) -> Outcome<()> {
    let writers = tx.mongo.collection::<Document>(&POST_WRITERS);
    for (author, more) in authors {
        let counting = writers.update_one(doc! { "_id": author }, doc! { "$inc": { "posts": more } }).upsert(true);
        counting.session(&mut *tx.session).await?;
    }
    let mut parts: BTreeMap<i32, i64> = BTreeMap::new();
    for post in posts {
        let [.., last] = post.bytes();
        *parts.entry(i32::from(last)).or_default() += 1;
    }
    let totals = tx.mongo.collection::<Document>(&POST_TOTALS);
    for (part, more) in parts {
        let counting = totals.update_one(doc! { "_id": part }, doc! { "$inc": { "posts": more } }).upsert(true);
        counting.session(&mut *tx.session).await?;
    }
    Ok(())
}

/// Counts likes or comments that were added, on those of their posts that are there.
pub(crate) async fn count_added(tx: &mut Tx<'_>, kind: &Kind, added: Vec<Document>) -> Outcome<()> {
    let mut by_post: BTreeMap<ObjectId, Vec<Bson>> = BTreeMap::new();
    for row in added {
        by_post.entry(row.get_object_id("post").map_err(Error::internal)?).or_default().push(row.into());
    }
    if by_post.is_empty() {
        return Ok(());
    }
    let posts: Vec<_> = by_post.keys().copied().collect();
    let kept = tx.mongo.collection::<PostKey>(&POSTS);
    let found = kept.find(doc! { "_id": { "$in": posts } }).projection(doc! { "author": 1 });
    let mut found = found.session(&mut *tx.session).await?;
    let keys: Vec<PostKey> = found.stream(&mut *tx.session).try_collect().await?;
    for key in keys {
        if let Some(rows) = by_post.remove(&key.id) {
            kind.count_all(tx, key, rows).await?;
        }
    }
    Ok(())
}
