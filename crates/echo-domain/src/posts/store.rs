//! What the posts area needs kept.

use std::sync::Arc;

use async_trait::async_trait;

use crate::{CommentId, Event, IdMap, IdSet, LikeId, Page, PageRequest, PostId, Result, UserId};

use super::{Comment, Post};

/// A post as it stands: what is the same for whoever looks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PostDetail {
    pub post: Post,
    pub like_count: u64,
    pub comment_count: u64,
    /// The newest [`PostDetail::LIKERS`], newest first.
    pub likers: Vec<UserId>,
    /// The newest [`PostDetail::COMMENTS`], oldest first.
    pub comments: Vec<Comment>,
}

impl PostDetail {
    pub const LIKERS: usize = 50;
    pub const COMMENTS: usize = 20;
}

/// How a post's likes stand after a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LikeState {
    pub count: u64,
    /// Whether the one who asked likes it now.
    pub liked: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Like {
    pub id: LikeId,
    pub post: PostId,
    pub user: UserId,
}

/// Keeps posts, likes and comments. Each method is atomic: after an error nothing has changed.
///
/// Counts always equal the records that are kept. What a barred user adds is refused. "The post is gone" is [`crate::Error::NotFound`] `post_not_found`.
#[async_trait]
pub trait PostStore: Send + Sync {
    /// Adds a post and the news of it. Adding the same id again changes nothing, leaves no news and succeeds.
    async fn add(&self, post: &Post, news: &Event) -> Result<()>;

    /// The posts that exist of those asked for, in any order.
    async fn details(&self, posts: &[PostId]) -> Result<Vec<Arc<PostDetail>>>;

    /// All posts, newest first.
    async fn newest(&self, page: PageRequest<PostId>) -> Result<Page<PostId, PostId>>;

    /// Posts by any of `authors`, newest first. The work grows with the number of authors, not with their posts.
    async fn newest_by(&self, authors: &[UserId], page: PageRequest<PostId>) -> Result<Page<PostId, PostId>>;

    /// The same, but a post may be missing, or still there, for a minute that another process has published or removed.
    async fn known_by(&self, authors: &[UserId], page: PageRequest<PostId>) -> Result<Page<PostId, PostId>> {
        self.newest_by(authors, page).await
    }

    /// Removes a post and leaves the news; `false`, and no news, when it is gone already. Its likes and comments are
    /// invisible from now on and go by [`PostStore::purge`].
    async fn remove(&self, post: PostId, news: &Event) -> Result<bool>;

    /// Removes up to `limit` likes and comments of a removed post. Returns how many went; 0 when none is left.
    async fn purge(&self, post: PostId, limit: usize) -> Result<usize>;

    /// How many posts there are.
    async fn total(&self) -> Result<u64>;

    /// How many posts each of these has; none is left out or zero.
    async fn counts(&self, authors: &[UserId]) -> Result<IdMap<UserId, u64>>;

    /// Likes or no longer likes. Doing it twice counts once.
    ///
    /// # Errors
    /// The post is gone.
    async fn set_like(&self, like: Like, liked: bool) -> Result<LikeState>;

    /// Likes what was not liked, and the other way round.
    ///
    /// # Errors
    /// The post is gone.
    async fn toggle_like(&self, like: Like) -> Result<LikeState>;

    /// Which of these posts the user likes.
    async fn liked(&self, user: UserId, posts: &[PostId]) -> Result<IdSet<PostId>>;

    /// Who likes the post, newest first.
    async fn likes(&self, post: PostId, page: PageRequest<LikeId>) -> Result<Page<Like, LikeId>>;

    /// What the user likes, by post, newest post first.
    async fn likes_by(&self, user: UserId, page: PageRequest<PostId>) -> Result<Page<Like, PostId>>;

    /// Adds a comment. Adding the same id again changes nothing and succeeds.
    ///
    /// # Errors
    /// The post is gone.
    async fn comment(&self, comment: &Comment) -> Result<()>;

    async fn find_comment(&self, post: PostId, comment: CommentId) -> Result<Option<Comment>>;

    /// Comments on the post, newest first.
    async fn comments(&self, post: PostId, page: PageRequest<CommentId>) -> Result<Page<Comment, CommentId>>;

    /// What the user wrote under any post, newest first.
    async fn comments_by(&self, user: UserId, page: PageRequest<CommentId>) -> Result<Page<Comment, CommentId>>;

    /// `false` when it is gone already.
    async fn remove_comment(&self, post: PostId, comment: CommentId) -> Result<bool>;

    /// From now on the user makes nothing here: what still arrives from them is [`crate::Error::Unauthenticated`]
    /// `account_deleted`. Doing it twice is once.
    async fn bar(&self, user: UserId) -> Result<()>;

    /// Removes up to `limit` likes and comments that the user left anywhere, with their counts.
    /// Returns how many went; 0 when none is left.
    async fn erase_traces(&self, user: UserId, limit: usize) -> Result<usize>;
}
