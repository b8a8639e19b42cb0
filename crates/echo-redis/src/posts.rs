//! Posts in the cache that processes share, in front of a store.

mod rows;

use std::sync::Arc;

use async_trait::async_trait;
use echo_domain::{
    CommentId, Error, Event, IdMap, IdSet, LikeId, Page, PageRequest, PostId, Result, UserId,
    posts::{Comment, Like, LikeState, Post, PostDetail, PostStore},
    to_the_end,
};
use futures_util::future::BoxFuture;

use crate::cache::{Kind, SharedCache};

use rows::PostRow;

const DETAILS: Kind<Arc<PostDetail>> = Kind {
    name: "post",
    write: |detail| serde_json::to_vec(&PostRow::from(&**detail)).map_err(Error::internal),
    read: |row| serde_json::from_slice::<PostRow>(row).ok().map(|row| Arc::new(row.into())),
};

/// A store of posts that shares what it read of them.
///
/// A change is forgotten everywhere before it is acknowledged.
pub struct SharedPosts {
    posts: Arc<dyn PostStore>,
    cache: Arc<SharedCache>,
}

impl SharedPosts {
    pub fn new(posts: Arc<dyn PostStore>, cache: Arc<SharedCache>) -> Self {
        Self { posts, cache }
    }

    /// Makes a change to a post, and then forgets it, whatever came of the change.
    async fn write<T: Send + 'static>(
        &self,
        post: PostId,
        change: impl Future<Output = Result<T>> + Send + 'static,
    ) -> Result<T> {
        let cache = self.cache.clone();
        to_the_end(async move {
            let result = change.await;
            cache.forget(&DETAILS, &[post]).await;
            result
        })
        .await
    }
}

#[async_trait]
impl PostStore for SharedPosts {
    async fn add(&self, post: &Post, news: &Event) -> Result<()> {
        self.posts.add(post, news).await
    }

    async fn details(&self, posts: &[PostId]) -> Result<Vec<Arc<PostDetail>>> {
        let load = |unknown: Vec<PostId>| -> BoxFuture<'_, _> {
            Box::pin(async move {
                let details = self.posts.details(&unknown).await?;
                Ok(details.into_iter().map(|detail| (detail.post.id, detail)).collect::<IdMap<_, _>>())
            })
        };
        Ok(self.cache.get(&DETAILS, posts, load).await?.into_values().collect())
    }

    async fn newest(&self, page: PageRequest<PostId>) -> Result<Page<PostId, PostId>> {
        self.posts.newest(page).await
    }

    async fn newest_by(&self, authors: &[UserId], page: PageRequest<PostId>) -> Result<Page<PostId, PostId>> {
        self.posts.newest_by(authors, page).await
    }

    async fn remove(&self, post: PostId, news: &Event) -> Result<bool> {
        let (posts, news) = (self.posts.clone(), news.clone());
        self.write(post, async move { posts.remove(post, &news).await }).await
    }

    async fn purge(&self, post: PostId, limit: usize) -> Result<usize> {
        self.posts.purge(post, limit).await
    }

    async fn total(&self) -> Result<u64> {
        self.posts.total().await
    }

    async fn counts(&self, authors: &[UserId]) -> Result<IdMap<UserId, u64>> {
        self.posts.counts(authors).await
    }

    async fn set_like(&self, like: Like, liked: bool) -> Result<LikeState> {
        let posts = self.posts.clone();
        self.write(like.post, async move { posts.set_like(like, liked).await }).await
    }

    async fn toggle_like(&self, like: Like) -> Result<LikeState> {
        let posts = self.posts.clone();
        self.write(like.post, async move { posts.toggle_like(like).await }).await
    }

    async fn liked(&self, user: UserId, posts: &[PostId]) -> Result<IdSet<PostId>> {
        self.posts.liked(user, posts).await
    }

    async fn likes(&self, post: PostId, page: PageRequest<LikeId>) -> Result<Page<Like, LikeId>> {
        self.posts.likes(post, page).await
    }

    async fn likes_by(&self, user: UserId, page: PageRequest<PostId>) -> Result<Page<Like, PostId>> {
        self.posts.likes_by(user, page).await
    }

    async fn comment(&self, comment: &Comment) -> Result<()> {
        let (posts, comment) = (self.posts.clone(), comment.clone());
        self.write(comment.post, async move { posts.comment(&comment).await }).await
    }

    async fn find_comment(&self, post: PostId, comment: CommentId) -> Result<Option<Comment>> {
        self.posts.find_comment(post, comment).await
    }

    async fn comments(&self, post: PostId, page: PageRequest<CommentId>) -> Result<Page<Comment, CommentId>> {
        self.posts.comments(post, page).await
    }

    async fn comments_by(&self, user: UserId, page: PageRequest<CommentId>) -> Result<Page<Comment, CommentId>> {
        self.posts.comments_by(user, page).await
    }

    async fn remove_comment(&self, post: PostId, comment: CommentId) -> Result<bool> {
        let posts = self.posts.clone();
        self.write(post, async move { posts.remove_comment(post, comment).await }).await
    }

    async fn bar(&self, user: UserId) -> Result<()> {
        self.posts.bar(user).await
    }

    async fn erase_traces(&self, user: UserId, limit: usize) -> Result<usize> {
        let (posts, cache) = (self.posts.clone(), self.cache.clone());
        to_the_end(async move {
            let erased = posts.erase_traces(user, limit).await;
            // Any post may have lost a like or a comment.
            if !matches!(erased, Ok(0)) {
                cache.forget_all().await;
            }
            erased
        })
        .await
    }
}
