//! Posts, likes and comments.

mod newest;
mod rows;
mod traces;

use std::sync::Arc;

use async_trait::async_trait;
use echo_domain::{
    CommentId, Event, IdMap, IdSet, LikeId, Page, PageRequest, PostId, Result, UserId,
    posts::{Comment, Like, LikeState, Post, PostDetail, PostStore},
};
use rusqlite::{Connection, params};

use crate::{
    Database,
    error::{Failure, Outcome},
    events,
    sql::{self, Sql, key},
    writer::Tx,
};

use rows::content;
pub(crate) use rows::{comment_of, like_of, post_of};
use traces::{add_comment, erase_traces, refuse_barred, remove_comment, set_like};
pub(crate) use traces::{take_comment, take_like};

/// Keeps posts, likes and comments in SQLite.
pub struct SqlitePosts(pub Arc<Database>);

#[async_trait]
impl PostStore for SqlitePosts {
    async fn add(&self, post: &Post, news: &Event) -> Result<()> {
        let (post, news) = (post.clone(), news.clone());
        self.0
            .write("posts.add", move |tx| {
                refuse_barred(tx, post.author)?;
                if add(tx, &post)? { events::append(tx, &news) } else { Ok(()) }
            })
            .await
    }

    async fn details(&self, posts: &[PostId]) -> Result<Vec<Arc<PostDetail>>> {
        let posts = posts.to_vec();
        self.0
            .read("posts.details", move |conn| {
                let details =
                    posts.into_iter().filter_map(|post| detail(conn, post).map(|it| it.map(Arc::new)).transpose());
                details.collect()
            })
            .await
    }

    async fn newest(&self, page: PageRequest<PostId>) -> Result<Page<PostId, PostId>> {
        self.0.read("posts.newest", move |conn| newest::of_all(conn, page)).await
    }

    async fn newest_by(&self, authors: &[UserId], page: PageRequest<PostId>) -> Result<Page<PostId, PostId>> {
        let authors = authors.to_vec();
        self.0.read("posts.newest_by", move |conn| newest::by(conn, authors, page)).await
    }

    async fn remove(&self, post: PostId, news: &Event) -> Result<bool> {
        let news = news.clone();
        self.0
            .write("posts.remove", move |tx| {
                let sql = "DELETE FROM posts WHERE id = ?1 RETURNING author";
                let Some(author) = tx.one(sql, [key(post)], |row| sql::id(row, 0))? else { return Ok(false) };
                count_posts(tx, author, -1)?;
                events::append(tx, &news)?;
                Ok(true)
            })
            .await
    }

    async fn purge(&self, post: PostId, limit: usize) -> Result<usize> {
        const LIKES: &str =
            "DELETE FROM likes WHERE post = ?1 AND id IN (SELECT id FROM likes WHERE post = ?1 LIMIT ?2)";
        const COMMENTS: &str =
            "DELETE FROM comments WHERE post = ?1 AND id IN (SELECT id FROM comments WHERE post = ?1 LIMIT ?2)";
        self.0
            .write("posts.purge", move |tx| {
                if exists(tx, post)? {
                    return Ok(0);
                }
                let likes = tx.run(LIKES, params![key(post), sql::limit(limit)])?;
                Ok(likes + tx.run(COMMENTS, params![key(post), sql::limit(limit - likes)])?)
            })
            .await
    }

    async fn total(&self) -> Result<u64> {
        self.0
            .read("posts.total", |conn| {
                let total = conn.one("SELECT posts FROM post_total WHERE one = 1", [], |row| sql::count(row, 0))?;
                Ok(total.unwrap_or(0))
            })
            .await
    }

    async fn counts(&self, authors: &[UserId]) -> Result<IdMap<UserId, u64>> {
        let authors = authors.to_vec();
        self.0
            .read("posts.counts", move |conn| {
                let sql = "SELECT posts FROM post_counts WHERE author = ?1";
                let count = |author| Ok(conn.one(sql, [key(author)], |row| sql::count(row, 0))?.map(|n| (author, n)));
                authors.into_iter().filter_map(|author| count(author).transpose()).collect()
            })
            .await
    }

    async fn set_like(&self, like: Like, liked: bool) -> Result<LikeState> {
        self.0.write("posts.set_like", move |tx| set_like(tx, like, liked)).await
    }

    async fn toggle_like(&self, like: Like) -> Result<LikeState> {
        self.0
            .write("posts.toggle_like", move |tx| {
                let liked =
                    tx.any("SELECT 1 FROM likes WHERE user = ?1 AND post = ?2", [key(like.user), key(like.post)])?;
                set_like(tx, like, !liked)
            })
            .await
    }

    async fn liked(&self, user: UserId, posts: &[PostId]) -> Result<IdSet<PostId>> {
        const LIKED: &str = "SELECT 1 FROM likes JOIN posts ON posts.id = likes.post
             WHERE likes.user = ?1 AND likes.post = ?2";
        let posts = posts.to_vec();
        self.0.read("posts.liked", move |conn| those(posts, |post| Ok(conn.any(LIKED, [key(user), key(post)])?))).await
    }

    async fn likes(&self, post: PostId, page: PageRequest<LikeId>) -> Result<Page<Like, LikeId>> {
        const LIKES: &str = "SELECT id, post, user FROM likes
             WHERE post = ?1 AND id < ?2 AND EXISTS (SELECT 1 FROM posts WHERE id = ?1) ORDER BY id DESC LIMIT ?3";
        self.0
            .read("posts.likes", move |conn| {
                let range = params![key(post), sql::before(&page), sql::one_more(&page)];
                Ok(Page::cut(conn.all(LIKES, range, like_of)?, page.limit, |like| like.id))
            })
            .await
    }

    async fn likes_by(&self, user: UserId, page: PageRequest<PostId>) -> Result<Page<Like, PostId>> {
        // CROSS JOIN keeps this order of the tables: the user's likes lead, each finds its post.
        const LIKES_BY: &str = "SELECT likes.id, likes.post, likes.user
             FROM likes CROSS JOIN posts ON posts.id = likes.post
             WHERE likes.user = ?1 AND likes.post < ?2 ORDER BY likes.post DESC LIMIT ?3";
        self.0
            .read("posts.likes_by", move |conn| {
                let range = params![key(user), sql::before(&page), sql::one_more(&page)];
                Ok(Page::cut(conn.all(LIKES_BY, range, like_of)?, page.limit, |like| like.post))
            })
            .await
    }

    async fn comment(&self, comment: &Comment) -> Result<()> {
        let comment = comment.clone();
        self.0.write("posts.comment", move |tx| add_comment(tx, &comment)).await
    }

    async fn find_comment(&self, post: PostId, comment: CommentId) -> Result<Option<Comment>> {
        const FIND: &str = "SELECT id, post, author, content, created FROM comments
             WHERE post = ?1 AND id = ?2 AND EXISTS (SELECT 1 FROM posts WHERE id = ?1)";
        self.0.read("posts.find_comment", move |conn| Ok(conn.one(FIND, [key(post), key(comment)], comment_of)?)).await
    }

    async fn comments(&self, post: PostId, page: PageRequest<CommentId>) -> Result<Page<Comment, CommentId>> {
        const COMMENTS: &str = "SELECT id, post, author, content, created FROM comments
             WHERE post = ?1 AND id < ?2 AND EXISTS (SELECT 1 FROM posts WHERE id = ?1) ORDER BY id DESC LIMIT ?3";
        self.0
            .read("posts.comments", move |conn| {
                let range = params![key(post), sql::before(&page), sql::one_more(&page)];
                Ok(Page::cut(conn.all(COMMENTS, range, comment_of)?, page.limit, |comment| comment.id))
            })
            .await
    }

    async fn comments_by(&self, user: UserId, page: PageRequest<CommentId>) -> Result<Page<Comment, CommentId>> {
        const COMMENTS_BY: &str = "SELECT c.id, c.post, c.author, c.content, c.created
             FROM comments AS c CROSS JOIN posts ON posts.id = c.post
             WHERE c.author = ?1 AND c.id < ?2 ORDER BY c.id DESC LIMIT ?3";
        self.0
            .read("posts.comments_by", move |conn| {
                let range = params![key(user), sql::before(&page), sql::one_more(&page)];
                Ok(Page::cut(conn.all(COMMENTS_BY, range, comment_of)?, page.limit, |comment| comment.id))
            })
            .await
    }

    async fn remove_comment(&self, post: PostId, comment: CommentId) -> Result<bool> {
        self.0
            .write("posts.remove_comment", move |tx| Ok(exists(tx, post)? && remove_comment(tx, post, comment)?))
            .await
    }

    async fn bar(&self, user: UserId) -> Result<()> {
        self.0
            .write("posts.bar", move |tx| {
                tx.run("INSERT INTO posts_barred (user) VALUES (?1) ON CONFLICT DO NOTHING", [key(user)])?;
                Ok(())
            })
            .await
    }

    async fn erase_traces(&self, user: UserId, limit: usize) -> Result<usize> {
        self.0.write("posts.erase_traces", move |tx| erase_traces(tx, user, limit)).await
    }
}

/// Adds the post and counts it; `false` when its id is there.
pub(crate) fn add(tx: &Tx<'_>, post: &Post) -> Outcome<bool> {
    let sql = "INSERT INTO posts (id, author, created, content) VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING";
    let added = tx.run(sql, params![key(post.id), key(post.author), post.created.millis(), content(post)?])? > 0;
    if added {
        count_posts(tx, post.author, 1)?;
    }
    Ok(added)
}

/// Counts one more or one less post.
fn count_posts(tx: &Tx<'_>, author: UserId, by: i64) -> Outcome<()> {
    tx.run(
        "INSERT INTO post_counts (author, posts) VALUES (?1, ?2)
         ON CONFLICT (author) DO UPDATE SET posts = posts + excluded.posts",
        params![key(author), by],
    )?;
    tx.run("DELETE FROM post_counts WHERE author = ?1 AND posts = 0", [key(author)])?;
    tx.run("UPDATE post_total SET posts = posts + ?1 WHERE one = 1", [by])?;
    Ok(())
}

fn exists(conn: &Connection, post: PostId) -> Outcome<bool> {
    Ok(conn.any("SELECT 1 FROM posts WHERE id = ?1", [key(post)])?)
}

/// The posts of which `holds` is true.
fn those(posts: Vec<PostId>, holds: impl Fn(PostId) -> Outcome<bool>) -> Outcome<IdSet<PostId>> {
    posts.into_iter().filter_map(|post| holds(post).map(|holds| holds.then_some(post)).transpose()).collect()
}

fn detail(conn: &Connection, post: PostId) -> Outcome<Option<PostDetail>> {
    const POST: &str = "SELECT id, author, created, content, like_count, comment_count FROM posts WHERE id = ?1";
    const LIKERS: &str = "SELECT user FROM likes WHERE post = ?1 ORDER BY id DESC LIMIT ?2";
    const COMMENTS: &str = "SELECT id, post, author, content, created FROM comments
         WHERE post = ?1 ORDER BY id DESC LIMIT ?2";
    let with_counts = |row: &rusqlite::Row<'_>| Ok((post_of(row)?, sql::count(row, 4)?, sql::count(row, 5)?));
    let Some((post, like_count, comment_count)) = conn.one(POST, [key(post)], with_counts)? else { return Ok(None) };
    let newest = |limit| (key(post.id), sql::limit(limit));
    let likers = conn.all(LIKERS, newest(PostDetail::LIKERS), |row| sql::id(row, 0))?;
    let mut comments = conn.all(COMMENTS, newest(PostDetail::COMMENTS), comment_of)?;
    comments.reverse();
    Ok(Some(PostDetail { post, like_count, comment_count, likers, comments }))
}

fn post_not_found() -> Failure {
    echo_domain::posts::post_not_found().into()
}
