//! Posts, likes and comments.

mod by_user;
mod erasing;
mod newest;
mod rows;
mod taken;
mod tally;
mod traces;

use std::{collections::HashMap, sync::Arc};

use async_trait::async_trait;
use bson::{Document, doc, oid::ObjectId};
use echo_domain::{
    CommentId, Event, IdMap, IdSet, LikeId, Page, PageRequest, PostId, Result, UserId,
    posts::{Comment, Like, LikeState, Post, PostDetail, PostStore, post_not_found},
};
use futures_util::{FutureExt, TryStreamExt};
use serde::Deserialize;

use crate::{
    Mongo,
    areas::{Area, NotOpened},
    bars,
    collections::{COMMENTS, LIKES, POST_TOTALS, POST_WRITERS, POSTS},
    documents::{before, count, id, oid, oids, one_more},
    error::Outcome,
    events,
    transaction::Tx,
};

pub(crate) use rows::{CommentRow, LikeRow, PostKey, PostRow};
pub(crate) use taken::{count_added, count_posts};
pub(crate) use tally::{COMMENT, Kind, LIKE};
use traces::{add_comment, remove_comment, set_like, toggle_like};

/// Keeps posts, likes and comments in MongoDB.
pub struct MongoPosts(pub(crate) Arc<Mongo>);

impl MongoPosts {
    /// # Errors
    /// [`NotOpened`] when the process has not opened the area's database.
    pub fn new(mongo: Arc<Mongo>) -> Result<Self, NotOpened> {
        mongo.with([Area::Posts]).map(Self)
    }
}

/// Somebody who writes here, with the posts that they have.
#[derive(Debug, Deserialize)]
struct WriterRow {
    #[serde(rename = "_id")]
    id: ObjectId,
    #[serde(default)]
    posts: i64,
}

/// A part of the number of all posts: of those whose ids end alike, so that two which are published at once seldom
/// change the same.
#[derive(Debug, Deserialize)]
struct TotalRow {
    posts: i64,
}

#[async_trait]
impl PostStore for MongoPosts {
    async fn add(&self, post: &Post, news: &Event) -> Result<()> {
        let work = async {
            let _turns = self.0.turns.take(&[oid(post.author), oid(post.id)]).await;
            let added = self.0.together((post, news), |tx, &(post, news)| add(tx, post, news).boxed()).await;
            match added {
                Err(refused) if refused.duplicate().is_some() && key_of(&self.0, post.id).await?.is_some() => Ok(()),
                added => added,
            }
        };
        self.0.run("posts.add", work).await
    }

    async fn details(&self, posts: &[PostId]) -> Result<Vec<Arc<PostDetail>>> {
        let work = async {
            let kept = self.0.collection::<PostRow>(&POSTS);
            let rows: Vec<_> = kept.find(doc! { "_id": { "$in": oids(posts) } }).await?.try_collect().await?;
            rows.into_iter().map(|row| row.read().map(Arc::new)).collect()
        };
        self.0.run("posts.details", work).await
    }

    async fn newest(&self, page: PageRequest<PostId>) -> Result<Page<PostId, PostId>> {
        self.0.run("posts.newest", newest::of_all(&self.0, page)).await
    }

    async fn newest_by(&self, authors: &[UserId], page: PageRequest<PostId>) -> Result<Page<PostId, PostId>> {
        self.0.run("posts.newest_by", newest::by(&self.0, authors, page)).await
    }

    async fn remove(&self, post: PostId, news: &Event) -> Result<bool> {
        let work = async {
            let Some(key) = key_of(&self.0, post).await? else { return Ok(false) };
            let _turns = self.0.turns.take(&[key.author, key.id]).await;
            self.0.together((key, post, news), |tx, &(key, post, news)| remove(tx, key, post, news).boxed()).await
        };
        self.0.run("posts.remove", work).await
    }

    async fn purge(&self, post: PostId, limit: usize) -> Result<usize> {
        self.0.run("posts.purge", erasing::purge(&self.0, post, limit)).await
    }

    async fn total(&self) -> Result<u64> {
        let work = async {
            let parts: Vec<_> = (0..=u8::MAX).map(i32::from).collect();
            let kept = self.0.collection::<TotalRow>(&POST_TOTALS);
            let rows: Vec<_> = kept.find(doc! { "_id": { "$in": parts } }).await?.try_collect().await?;
            count(rows.iter().map(|row| row.posts).sum())
        };
        self.0.run("posts.total", work).await
    }

    async fn counts(&self, authors: &[UserId]) -> Result<IdMap<UserId, u64>> {
        let work = async {
            let writers = self.0.collection::<WriterRow>(&POST_WRITERS);
            let found = writers.find(doc! { "_id": { "$in": oids(authors) } }).projection(doc! { "posts": 1 });
            let rows: Vec<_> = found.await?.try_collect().await?;
            let some = rows.into_iter().filter(|row| row.posts != 0);
            some.map(|row| Ok((id(row.id), count(row.posts)?))).collect()
        };
        self.0.run("posts.counts", work).await
    }

    async fn set_like(&self, like: Like, liked: bool) -> Result<LikeState> {
        let work = async {
            let post = key_of(&self.0, like.post).await?.ok_or_else(post_not_found)?;
            let _turns = self.0.turns.take(&[oid(like.user), post.id]).await;
            let given = (post, like, liked);
            self.0.together(given, |tx, &(post, like, liked)| set_like(tx, post, like, liked).boxed()).await
        };
        self.0.run("posts.set_like", work).await
    }

    async fn toggle_like(&self, like: Like) -> Result<LikeState> {
        let work = async {
            let post = key_of(&self.0, like.post).await?.ok_or_else(post_not_found)?;
            let _turns = self.0.turns.take(&[oid(like.user), post.id]).await;
            self.0.together((post, like), |tx, &(post, like)| toggle_like(tx, post, like).boxed()).await
        };
        self.0.run("posts.toggle_like", work).await
    }

    async fn liked(&self, user: UserId, posts: &[PostId]) -> Result<IdSet<PostId>> {
        let work = async {
            let liked = by_user::liked(&self.0, user, posts).await?;
            Ok(keys_of(&self.0, liked).await?.into_keys().map(id).collect())
        };
        self.0.run("posts.liked", work).await
    }

    async fn likes(&self, post: PostId, page: PageRequest<LikeId>) -> Result<Page<Like, LikeId>> {
        let work = async {
            let kept = self.0.collection::<LikeRow>(&LIKES);
            let found = kept.find(before(doc! { "post": oid(post) }, "_id", &page)).sort(doc! { "_id": -1 });
            let rows: Vec<_> = found.limit(one_more(&page)).await?.try_collect().await?;
            let likes = self.if_there(post, rows).await?.into_iter().map(Like::from).collect();
            Ok(Page::cut(likes, page.limit, |like| like.id))
        };
        self.0.run("posts.likes", work).await
    }

    async fn likes_by(&self, user: UserId, page: PageRequest<PostId>) -> Result<Page<Like, PostId>> {
        let work = async { Ok(by_user::likes(&self.0, user, page).await?.map(Like::from)) };
        self.0.run("posts.likes_by", work).await
    }

    async fn comment(&self, comment: &Comment) -> Result<()> {
        let work = async {
            let post = key_of(&self.0, comment.post).await?.ok_or_else(post_not_found)?;
            let _turns = self.0.turns.take(&[oid(comment.author), post.id]).await;
            self.0.together((post, comment), |tx, &(post, comment)| add_comment(tx, post, comment).boxed()).await
        };
        self.0.run("posts.comment", work).await
    }

    async fn find_comment(&self, post: PostId, comment: CommentId) -> Result<Option<Comment>> {
        let work = async {
            let kept = self.0.collection::<CommentRow>(&COMMENTS);
            let found = kept.find_one(doc! { "_id": oid(comment), "post": oid(post) }).await?;
            Ok(self.if_there(post, found.into_iter().collect()).await?.pop().map(Comment::from))
        };
        self.0.run("posts.find_comment", work).await
    }

    async fn comments(&self, post: PostId, page: PageRequest<CommentId>) -> Result<Page<Comment, CommentId>> {
        let work = async {
            let kept = self.0.collection::<CommentRow>(&COMMENTS);
            let found = kept.find(before(doc! { "post": oid(post) }, "_id", &page)).sort(doc! { "_id": -1 });
            let rows: Vec<_> = found.limit(one_more(&page)).await?.try_collect().await?;
            let comments = self.if_there(post, rows).await?.into_iter().map(Comment::from).collect();
            Ok(Page::cut(comments, page.limit, |comment| comment.id))
        };
        self.0.run("posts.comments", work).await
    }

    async fn comments_by(&self, user: UserId, page: PageRequest<CommentId>) -> Result<Page<Comment, CommentId>> {
        let work = async { Ok(by_user::comments(&self.0, user, page).await?.map(Comment::from)) };
        self.0.run("posts.comments_by", work).await
    }

    async fn remove_comment(&self, post: PostId, comment: CommentId) -> Result<bool> {
        let work = async {
            let Some(key) = key_of(&self.0, post).await? else { return Ok(false) };
            let _turns = self.0.turns.take(&[key.id]).await;
            self.0.together((key, comment), |tx, &(key, comment)| remove_comment(tx, key, comment).boxed()).await
        };
        self.0.run("posts.remove_comment", work).await
    }

    async fn bar(&self, user: UserId) -> Result<()> {
        self.0.run("posts.bar", bars::bar(&self.0, &POST_WRITERS, user)).await
    }

    /// Each like and comment goes by itself: after an error, some are gone, with their counts.
    async fn erase_traces(&self, user: UserId, limit: usize) -> Result<usize> {
        self.0.run("posts.erase_traces", erasing::erase_traces(&self.0, user, limit)).await
    }
}

impl MongoPosts {
    /// What was read of a post, unless the post is gone. To be asked afterwards: as long as it is there, nothing of it
    /// has been purged.
    async fn if_there<T>(&self, post: PostId, read: Vec<T>) -> Outcome<Vec<T>> {
        let is_shown = !read.is_empty() && key_of(&self.0, post).await?.is_some();
        Ok(if is_shown { read } else { Vec::new() })
    }
}

/// The index refuses a post that is there, and with it the whole transaction.
async fn add(mut tx: Tx<'_>, post: &Post, news: &Event) -> Outcome<()> {
    bars::pass(&mut tx, &POST_WRITERS, post.author, "posts").await?;
    tx.mongo.collection(&POSTS).insert_one(PostRow::new(post)).session(&mut *tx.session).await?;
    count_in_all(&mut tx, post.id, 1).await?;
    events::append(&mut tx, news).await
}

async fn remove(mut tx: Tx<'_>, key: PostKey, post: PostId, news: &Event) -> Outcome<bool> {
    let posts = tx.mongo.collection::<Document>(&POSTS);
    if posts.delete_one(key.filter()).session(&mut *tx.session).await?.deleted_count == 0 {
        return Ok(false);
    }
    let writers = tx.mongo.collection::<Document>(&POST_WRITERS);
    let one_less = doc! { "$inc": { "posts": -1_i64 } };
    writers.update_one(doc! { "_id": key.author }, one_less).session(&mut *tx.session).await?;
    count_in_all(&mut tx, post, -1).await?;
    events::append(&mut tx, news).await?;
    Ok(true)
}

/// In the part that the post's id names, when it comes and when it goes.
async fn count_in_all(tx: &mut Tx<'_>, post: PostId, by: i64) -> Outcome<()> {
    let [.., last] = post.0.to_bytes();
    let totals = tx.mongo.collection::<Document>(&POST_TOTALS);
    let counting = totals.update_one(doc! { "_id": i32::from(last) }, doc! { "$inc": { "posts": by } });
    counting.upsert(true).session(&mut *tx.session).await?;
    Ok(())
}

/// The post, if it is there. Its author never changes, so what is read outside of a transaction holds in it, too.
pub(crate) async fn key_of(mongo: &Mongo, post: PostId) -> Outcome<Option<PostKey>> {
    let posts = mongo.collection::<PostKey>(&POSTS);
    Ok(posts.find_one(doc! { "_id": oid(post) }).projection(doc! { "author": 1 }).await?)
}

/// Those of the posts that are there.
async fn keys_of(mongo: &Mongo, posts: Vec<ObjectId>) -> Outcome<HashMap<ObjectId, PostKey>> {
    if posts.is_empty() {
        return Ok(HashMap::new());
    }
    let kept = mongo.collection::<PostKey>(&POSTS);
    let found = kept.find(doc! { "_id": { "$in": posts } }).projection(doc! { "author": 1 }).await?;
    Ok(found.map_ok(|key| (key.id, key)).try_collect().await?)
}
