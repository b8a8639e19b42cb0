//! The newest posts, of all or of some authors, by their indexes alone.

use std::{cmp::Reverse, collections::BinaryHeap};

use bson::{Document, doc, oid::ObjectId};
use echo_domain::{Page, PageRequest, PostId, UserId};
use futures_util::{TryStreamExt, future::try_join_all};
use serde::Deserialize;

use crate::{
    Mongo,
    collections::POSTS,
    documents::{before, id, oid, oids, one_more},
    error::Outcome,
};

/// All of a post that the indexes hold.
#[derive(Debug, Deserialize)]
struct IdRow {
    #[serde(rename = "_id")]
    id: ObjectId,
}

/// MongoDB merges the index's parts of up to 200 authors without sorting (`internalQueryMaxScansToExplode`).
const AUTHORS_PER_QUERY: usize = 100;
const QUERIES_AT_ONCE: usize = 8;

pub(super) async fn of_all(mongo: &Mongo, page: PageRequest<PostId>) -> Outcome<Page<PostId, PostId>> {
    let posts = ids(mongo, before(doc! {}, "_id", &page), &page).await?;
    Ok(Page::cut(posts, page.limit, |post| *post))
}

/// A few queries at once. As soon as there are enough posts, the next ones read only newer ones than the oldest of them,
/// which most authors do not have.
pub(super) async fn by(mongo: &Mongo, authors: &[UserId], page: PageRequest<PostId>) -> Outcome<Page<PostId, PostId>> {
    // Twice the same author, in two queries, would be twice the same posts.
    let mut authors = authors.to_vec();
    authors.sort_unstable();
    authors.dedup();
    let wanted = page.one_more();
    let mut newest = BinaryHeap::with_capacity(wanted + 1);
    for some in authors.chunks(AUTHORS_PER_QUERY * QUERIES_AT_ONCE) {
        let floor = if newest.len() == wanted { newest.peek().map(|Reverse(post)| *post) } else { None };
        let queries = some.chunks(AUTHORS_PER_QUERY).map(|authors| ids(mongo, of(authors, floor, &page), &page));
        for post in try_join_all(queries).await?.into_iter().flatten() {
            newest.push(Reverse(post));
            if newest.len() > wanted {
                newest.pop();
            }
        }
    }
    let posts = newest.into_sorted_vec().into_iter().map(|Reverse(post)| post).collect();
    Ok(Page::cut(posts, page.limit, |post| *post))
}

fn of(authors: &[UserId], floor: Option<PostId>, page: &PageRequest<PostId>) -> Document {
    let mut range = Document::new();
    if let Some(before) = page.before {
        range.insert("$lt", oid(before));
    }
    if let Some(floor) = floor {
        range.insert("$gt", oid(floor));
    }
    let mut filter = doc! { "author": { "$in": oids(authors) } };
    if !range.is_empty() {
        filter.insert("_id", range);
    }
    filter
}

async fn ids(mongo: &Mongo, filter: Document, page: &PageRequest<PostId>) -> Outcome<Vec<PostId>> {
    let posts = mongo.collection::<IdRow>(&POSTS);
    let found = posts.find(filter).sort(doc! { "_id": -1 }).limit(one_more(page)).projection(doc! { "_id": 1 });
    Ok(found.await?.map_ok(|row| id::<PostId>(row.id)).try_collect().await?)
}
