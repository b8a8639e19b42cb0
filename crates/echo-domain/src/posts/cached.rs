//! Posts in this process's memory, in front of a store.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;

use futures_util::future::BoxFuture;

use crate::{
    Broadcast, Cache, Change, Clock, CommentId, Event, Hears, IdMap, IdSet, LikeId, Page, PageRequest, PostId, Result,
    UserId, cache::to_the_end,
};

use super::{
    Comment, Content, Like, LikeState, Post, PostDetail, PostStore,
    heads::Heads,
    newest::{Head, Newest},
};

/// A store of posts that remembers what it read, and the newest posts' ids.
///
/// What this process changes is forgotten, and told to the others, before the change is acknowledged; what is not heard
/// of, after `LIFETIME`.
pub struct CachedPosts {
    posts: Arc<dyn PostStore>,
    known: Arc<Known>,
    others: Arc<dyn Broadcast>,
}

struct Known {
    details: Cache<PostId, Arc<PostDetail>>,
    liked: Cache<(UserId, PostId), bool>,
    counts: Cache<UserId, u64>,
    total: Cache<(), u64>,
    newest: Newest,
    heads: Heads,
}

impl CachedPosts {
    const LIFETIME: Duration = Duration::from_secs(60);

    /// Remembers up to about `bytes`.
    pub fn new(posts: Arc<dyn PostStore>, bytes: u64, clock: &Arc<dyn Clock>, others: Arc<dyn Broadcast>) -> Self {
        let known = Known {
            details: Cache::new("posts", bytes / 8 * 5, Self::LIFETIME, clock.clone(), |detail| weight(detail)),
            liked: Cache::new("likes", bytes / 8, Self::LIFETIME, clock.clone(), |_| 0),
            counts: Cache::new("post_counts", bytes / 8, Self::LIFETIME, clock.clone(), |_| 0),
            total: Cache::new("post_total", 1024, Self::LIFETIME, clock.clone(), |_| 0),
            newest: Newest::new(Self::LIFETIME, clock.clone()),
            heads: Heads::new(bytes / 8, Self::LIFETIME, clock.clone()),
        };
        Self { posts, known: Arc::new(known), others }
    }

    /// Makes a change, and then forgets and tells what it may have changed, whatever came of it.
    async fn write<T: Send + 'static>(
        &self,
        write: impl Future<Output = Result<T>> + Send + 'static,
        change: impl FnOnce(&Result<T>) -> Option<Change> + Send + 'static,
    ) -> Result<T> {
        let (known, others) = (self.known.clone(), self.others.clone());
        to_the_end(async move {
            let result = write.await;
            if let Some(change) = change(&result) {
                known.forget(&change);
                others.tell(change).await;
            }
            result
        })
        .await
    }
}

/// Roughly the bytes that a post takes.
fn weight(detail: &PostDetail) -> usize {
    let block = |content: &Content| match content {
        Content::Text(text) => text.len(),
        Content::Image(image) => 256 + image.alt.len() + image.variants.len() * 64,
    };
    let blocks: usize = detail.post.blocks.iter().map(|it| 128 + block(&it.content)).sum();
    let comments: usize = detail.comments.iter().map(|comment| 80 + comment.content.len()).sum();
    256 + blocks + comments + detail.likers.len() * 12
}

#[async_trait]
impl PostStore for CachedPosts {
    async fn add(&self, post: &Post, news: &Event) -> Result<()> {
        let (posts, post, news) = (self.posts.clone(), post.clone(), news.clone());
        let (id, author) = (post.id, post.author);
        self.write(async move { posts.add(&post, &news).await }, move |result| {
            Some(match result {
                Ok(()) => Change::PostAdded { post: id, author },
                Err(_) => Change::PostsUncertain { author },
            })
        })
        .await
    }

    async fn details(&self, posts: &[PostId]) -> Result<Vec<Arc<PostDetail>>> {
        let found = self
            .known
            .details
            .get(posts, |unknown| {
                Box::pin(async move {
                    let details = self.posts.details(&unknown).await?;
                    Ok(details.into_iter().map(|detail| (detail.post.id, detail)).collect())
                })
            })
            .await?;
        Ok(found.into_iter().flatten().collect())
    }

    async fn newest(&self, page: PageRequest<PostId>) -> Result<Page<PostId, PostId>> {
        let started = match self.known.newest.page(page) {
            Head::Known(page) => return Ok(page),
            Head::Beyond => return self.posts.newest(page).await,
            Head::Unknown { started } => started,
        };
        let head = self.posts.newest(PageRequest::first(Newest::READ)).await?;
        self.known.newest.fill(started, &head);
        match page.before {
            None => Ok(Page::cut(head.items, page.limit, |id| *id)),
            Some(_) => self.posts.newest(page).await,
        }
    }

    async fn newest_by(&self, authors: &[UserId], page: PageRequest<PostId>) -> Result<Page<PostId, PostId>> {
        self.posts.newest_by(authors, page).await
    }

    async fn known_by(&self, authors: &[UserId], page: PageRequest<PostId>) -> Result<Page<PostId, PostId>> {
        self.known.heads.newest_by(&*self.posts, authors, page).await
    }

    async fn remove(&self, post: PostId, news: &Event) -> Result<bool> {
        let (posts, news) = (self.posts.clone(), news.clone());
        let author = match &news {
            Event::PostDeleted { author, .. } => Some(*author),
            _ => None,
        };
        self.write(async move { posts.remove(post, &news).await }, move |_| Some(Change::PostRemoved { post, author }))
            .await
    }

    async fn purge(&self, post: PostId, limit: usize) -> Result<usize> {
        self.posts.purge(post, limit).await
    }

    async fn total(&self) -> Result<u64> {
        let load = |_| -> BoxFuture<'_, _> {
            Box::pin(async move { Ok(IdMap::from_iter([((), self.posts.total().await?)])) })
        };
        Ok(self.known.total.get(&[()], load).await?.pop().flatten().unwrap_or(0))
    }

    async fn counts(&self, authors: &[UserId]) -> Result<IdMap<UserId, u64>> {
        let load = |unknown: Vec<UserId>| -> BoxFuture<'_, _> {
            Box::pin(async move {
                let mut counts = self.posts.counts(&unknown).await?;
                // None is worth remembering, too.
                counts.extend(
                    unknown
                        .iter()
                        .filter(|author| !counts.contains_key(author))
                        .map(|author| (*author, 0))
                        .collect::<Vec<_>>(),
                );
                Ok(counts)
            })
        };
        let counts = authors.iter().zip(self.known.counts.get(authors, load).await?);
        Ok(counts.filter_map(|(author, count)| Some((*author, count.filter(|count| *count > 0)?))).collect())
    }

    async fn set_like(&self, like: Like, liked: bool) -> Result<LikeState> {
        let posts = self.posts.clone();
        self.write(async move { posts.set_like(like, liked).await }, move |_| Some(liking(like))).await
    }

    async fn toggle_like(&self, like: Like) -> Result<LikeState> {
        let posts = self.posts.clone();
        self.write(async move { posts.toggle_like(like).await }, move |_| Some(liking(like))).await
    }

    async fn liked(&self, user: UserId, posts: &[PostId]) -> Result<IdSet<PostId>> {
        let keys: Vec<_> = posts.iter().map(|post| (user, *post)).collect();
        let load = |unknown: Vec<(UserId, PostId)>| -> BoxFuture<'_, _> {
            Box::pin(async move {
                let posts: Vec<_> = unknown.iter().map(|(_, post)| *post).collect();
                let liked = self.posts.liked(user, &posts).await?;
                Ok(unknown.into_iter().map(|key| (key, liked.contains(&key.1))).collect())
            })
        };
        let liked = posts.iter().zip(self.known.liked.get(&keys, load).await?);
        Ok(liked.filter(|(_, liked)| *liked == Some(true)).map(|(post, _)| *post).collect())
    }

    async fn likes(&self, post: PostId, page: PageRequest<LikeId>) -> Result<Page<Like, LikeId>> {
        self.posts.likes(post, page).await
    }

    async fn likes_by(&self, user: UserId, page: PageRequest<PostId>) -> Result<Page<Like, PostId>> {
        self.posts.likes_by(user, page).await
    }

    async fn comment(&self, comment: &Comment) -> Result<()> {
        let (posts, comment) = (self.posts.clone(), comment.clone());
        let post = comment.post;
        self.write(async move { posts.comment(&comment).await }, move |_| Some(Change::Comments { post })).await
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
        let change = move |_: &Result<bool>| Some(Change::Comments { post });
        self.write(async move { posts.remove_comment(post, comment).await }, change).await
    }

    async fn bar(&self, user: UserId) -> Result<()> {
        self.posts.bar(user).await
    }

    async fn erase_traces(&self, user: UserId, limit: usize) -> Result<usize> {
        let posts = self.posts.clone();
        let erase = async move { posts.erase_traces(user, limit).await };
        self.write(erase, move |erased| (!matches!(erased, Ok(0))).then_some(Change::TracesErased { user })).await
    }
}

impl Known {
    fn forget(&self, change: &Change) {
        match change {
            Change::PostAdded { post, author } => {
                self.forget_posts_of(Some(*author));
                self.newest.add(*post);
            }
            Change::PostsUncertain { author } => {
                self.forget_posts_of(Some(*author));
                self.newest.forget();
            }
            Change::PostRemoved { post, author } => {
                self.details.forget(post);
                self.newest.remove(*post);
                self.forget_posts_of(*author);
            }
            Change::Comments { post } => self.details.forget(post),
            Change::Like { post, user } => {
                self.details.forget(post);
                self.liked.forget(&(*user, *post));
            }
            // Any post may have lost a like or a comment.
            Change::TracesErased { .. } => {
                self.details.forget_all();
                self.liked.forget_all();
            }
            Change::Anything => {
                self.details.forget_all();
                self.liked.forget_all();
                self.forget_posts_of(None);
                self.newest.forget();
            }
            _ => {}
        }
    }

    /// How many posts there are in all, and how many and which are the author's or, if unknown, anybody's.
    fn forget_posts_of(&self, author: Option<UserId>) {
        self.total.forget(&());
        match author {
            Some(author) => {
                self.counts.forget(&author);
                self.heads.forget(author);
            }
            None => {
                self.counts.forget_all();
                self.heads.forget_all();
            }
        }
    }
}

impl Hears for CachedPosts {
    fn hear(&self, change: &Change) {
        self.known.forget(change);
    }
}

fn liking(like: Like) -> Change {
    Change::Like { post: like.post, user: like.user }
}
