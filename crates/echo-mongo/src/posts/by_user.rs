//! What somebody left under any post, without what is under posts that are gone.

use bson::{Document, doc, oid::ObjectId};
use echo_domain::{CommentId, Page, PageRequest, PostId, RawId, UserId};
use futures_util::TryStreamExt;
use mongodb::Collection;
use serde::{Deserialize, de::DeserializeOwned};

use crate::{
    Mongo,
    collections::{COMMENTS, LIKES},
    documents::{before, id, oid, oids, one_more},
    error::Outcome,
};

use super::{
    keys_of,
    rows::{CommentRow, LikeRow},
};

/// All of a like that the index of a user's likes holds.
#[derive(Debug, Deserialize)]
struct LikedRow {
    post: ObjectId,
}

pub(super) async fn likes(mongo: &Mongo, user: UserId, page: PageRequest<PostId>) -> Outcome<Page<LikeRow, PostId>> {
    let list = List { kept: mongo.collection(&LIKES), of: doc! { "user": oid(user) }, order: "post" };
    list.page(mongo, page, |like: &LikeRow| like.post, |like| id(like.post)).await
}

/// Those of the posts that the user likes, whether or not they are gone.
pub(super) async fn liked(mongo: &Mongo, user: UserId, posts: &[PostId]) -> Outcome<Vec<ObjectId>> {
    let likes = mongo.collection::<LikedRow>(&LIKES);
    let found = likes.find(doc! { "user": oid(user), "post": { "$in": oids(posts) } });
    Ok(found.projection(doc! { "_id": 0, "post": 1 }).await?.map_ok(|like| like.post).try_collect().await?)
}

pub(super) async fn comments(
    mongo: &Mongo,
    user: UserId,
    page: PageRequest<CommentId>,
) -> Outcome<Page<CommentRow, CommentId>> {
    let list = List { kept: mongo.collection(&COMMENTS), of: doc! { "author": oid(user) }, order: "_id" };
    list.page(mongo, page, |comment: &CommentRow| comment.post, |comment| id(comment.id)).await
}

struct List<T: Send + Sync> {
    kept: Collection<T>,
    of: Document,
    order: &'static str,
}

impl<T: DeserializeOwned + Send + Sync> List<T> {
    /// Reads on until the page is full: what lies under removed posts is on its way out.
    async fn page<Id: Copy + From<RawId> + Into<RawId>>(
        &self,
        mongo: &Mongo,
        mut page: PageRequest<Id>,
        post: impl Fn(&T) -> ObjectId,
        key: impl Fn(&T) -> Id,
    ) -> Outcome<Page<T, Id>> {
        let mut shown = Vec::new();
        loop {
            let rows = self.rows(&page).await?;
            let is_last = rows.len() < page.one_more();
            page.before = rows.last().map(&key);
            let posts = keys_of(mongo, rows.iter().map(&post).collect()).await?;
            shown.extend(rows.into_iter().filter(|row| posts.contains_key(&post(row))));
            if is_last || shown.len() > page.limit {
                return Ok(Page::cut(shown, page.limit, key));
            }
        }
    }

    async fn rows<Id: Copy + Into<RawId>>(&self, page: &PageRequest<Id>) -> Outcome<Vec<T>> {
        let found = self.kept.find(before(self.of.clone(), self.order, page)).sort(doc! { self.order: -1 });
        Ok(found.limit(one_more(page)).await?.try_collect().await?)
    }
}
