//! Likes and comments come and go in the transaction that counts them, and that keeps the copies of the newest ones in
//! their post.

use bson::{Bson, Document, doc, oid::ObjectId};
use echo_domain::{Error, posts::PostDetail};
use futures_util::TryStreamExt;
use mongodb::options::ReturnDocument;
use serde::Serialize;

use crate::{
    collections::{COMMENTS, LIKES, POSTS},
    documents::{count, limit},
    error::Outcome,
    indexes::Declared,
    transaction::Tx,
};

use super::rows::PostKey;

/// What people leave on posts, and where a post keeps how many there are, and the newest.
#[derive(Debug)]
pub(crate) struct Kind {
    pub declared: &'static Declared,
    /// The field that says who left it.
    pub user: &'static str,
    pub count: &'static str,
    /// Where the copies of the newest are, newest first.
    pub newest: &'static str,
    /// As many as are copied at most.
    pub shown: usize,
}

pub(crate) const LIKE: Kind =
    Kind { declared: &LIKES, user: "user", count: "like_count", newest: "newest_likes", shown: PostDetail::LIKERS };

pub(crate) const COMMENT: Kind = Kind {
    declared: &COMMENTS,
    user: "author",
    count: "comment_count",
    newest: "newest_comments",
    shown: PostDetail::COMMENTS,
};

impl Kind {
    /// Adds what `filter` and `rest` say, unless `filter` finds it; whether it was added.
    pub(super) async fn put(&self, tx: &mut Tx<'_>, filter: Document, rest: Document) -> Outcome<bool> {
        let kept = tx.mongo.collection::<Document>(self.declared);
        let adding = kept.update_one(filter, doc! { "$setOnInsert": rest }).upsert(true);
        Ok(adding.session(&mut *tx.session).await?.upserted_id.is_some())
    }

    /// Removes the one that `filter` finds; its id, if there was one.
    pub(super) async fn take(&self, tx: &mut Tx<'_>, filter: Document) -> Outcome<Option<ObjectId>> {
        let kept = tx.mongo.collection::<Document>(self.declared);
        let taking = kept.find_one_and_delete(filter).projection(doc! { "_id": 1 });
        let taken = taking.session(&mut *tx.session).await?;
        taken.map(|row| row.get_object_id("_id").map_err(|error| Error::internal(error).into())).transpose()
    }

    /// Counts one more, `row`; how many there are then, or `None` when the post is gone.
    pub(super) async fn count_up(&self, tx: &mut Tx<'_>, post: PostKey, row: &impl Serialize) -> Outcome<Option<u64>> {
        self.count_all(tx, post, vec![bson::serialize_to_bson(row)?]).await
    }

    /// The same for several.
    pub(super) async fn count_all(&self, tx: &mut Tx<'_>, post: PostKey, rows: Vec<Bson>) -> Outcome<Option<u64>> {
        let more = limit(rows.len());
        let newest = doc! { "$each": rows, "$sort": { "_id": -1 }, "$slice": limit(self.shown) };
        self.change(tx, post, doc! { "$inc": { self.count: more }, "$push": { self.newest: newest } }).await
    }

    /// Counts one less, that of this id; how many are left, or `None` when the post is gone.
    pub(super) async fn count_down(&self, tx: &mut Tx<'_>, post: PostKey, id: ObjectId) -> Outcome<Option<u64>> {
        let gone = doc! { "$inc": { self.count: -1_i64 }, "$pull": { self.newest: { "_id": id } } };
        let left = self.change(tx, post, gone).await?;
        if left.is_some_and(|left| left >= self.shown as u64) {
            self.copy_newest(tx, post).await?;
        }
        Ok(left)
    }

    /// How many there are, or `None` when the post is gone.
    pub(super) async fn counted(&self, tx: &mut Tx<'_>, post: PostKey) -> Outcome<Option<u64>> {
        let posts = tx.mongo.collection::<Document>(&POSTS);
        let found = posts.find_one(post.filter()).projection(doc! { self.count: 1 }).session(&mut *tx.session).await?;
        found.map(|post| self.count_of(&post)).transpose()
    }

    /// Counts all of them again, and copies the newest.
    pub(crate) async fn count_again(&self, tx: &mut Tx<'_>, post: PostKey) -> Outcome<()> {
        let kept = tx.mongo.collection::<Document>(self.declared);
        let n = kept.count_documents(doc! { "post": post.id }).session(&mut *tx.session).await?;
        let n = i64::try_from(n).unwrap_or(i64::MAX);
        self.change(tx, post, doc! { "$set": { self.count: n } }).await?;
        self.copy_newest(tx, post).await
    }

    async fn change(&self, tx: &mut Tx<'_>, post: PostKey, change: Document) -> Outcome<Option<u64>> {
        let posts = tx.mongo.collection::<Document>(&POSTS);
        let changing = posts
            .find_one_and_update(post.filter(), change)
            .return_document(ReturnDocument::After)
            .projection(doc! { self.count: 1 })
            .session(&mut *tx.session);
        changing.await?.map(|post| self.count_of(&post)).transpose()
    }

    /// An older one is among the newest, now that a newer one is gone.
    async fn copy_newest(&self, tx: &mut Tx<'_>, post: PostKey) -> Outcome<()> {
        let kept = tx.mongo.collection::<Document>(self.declared);
        let newest = kept.find(doc! { "post": post.id }).sort(doc! { "_id": -1 }).limit(limit(self.shown));
        let mut newest = newest.session(&mut *tx.session).await?;
        let newest: Vec<_> = newest.stream(tx.session).map_ok(Bson::from).try_collect().await?;
        let posts = tx.mongo.collection::<Document>(&POSTS);
        posts.update_one(post.filter(), doc! { "$set": { self.newest: newest } }).session(&mut *tx.session).await?;
        Ok(())
    }

    fn count_of(&self, post: &Document) -> Outcome<u64> {
        count(post.get_i64(self.count).map_err(Error::internal)?)
    }
}
