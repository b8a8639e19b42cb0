//! What other areas may ask about posts, and how a post is put together for whoever looks.

use std::sync::Arc;

use async_trait::async_trait;

use crate::{
    CommentId, IdMap, IdSet, MediaId, Page, PageRequest, PostId, Result, UserId,
    users::{Directory, Profile},
};

use super::{Comment, Like, PostDetail, PostStore};

/// A post with its people, as one viewer sees it.
#[derive(Debug, Clone)]
pub struct PostView {
    pub detail: Arc<PostDetail>,
    pub author: Arc<Profile>,
    /// Who wrote each of the detail's comments; `None` when they are gone, and the comment with them.
    pub commenters: Vec<Option<Arc<Profile>>>,
    pub is_liked: bool,
}

/// The posts area as its neighbours see it.
#[async_trait]
pub trait Catalog: Send + Sync {
    /// These posts as `viewer` sees them, in the order asked for; those that are gone, or whose author is, are left out.
    async fn views(&self, posts: &[PostId], viewer: Option<UserId>) -> Result<Vec<PostView>>;

    /// The ids of the posts by any of `authors`, newest first, as they are kept at this moment.
    async fn newest_ids_by(&self, authors: &[UserId], page: PageRequest<PostId>) -> Result<Page<PostId, PostId>>;

    /// The same as far as it is known: what another process published may come a little later.
    async fn known_ids_by(&self, authors: &[UserId], page: PageRequest<PostId>) -> Result<Page<PostId, PostId>> {
        self.newest_ids_by(authors, page).await
    }

    /// Posts by any of `authors`, newest first.
    async fn newest_by(
        &self,
        authors: &[UserId],
        viewer: Option<UserId>,
        page: PageRequest<PostId>,
    ) -> Result<Page<PostView, PostId>>;

    /// One author's posts, newest first.
    async fn by_author(
        &self,
        author: UserId,
        viewer: Option<UserId>,
        page: PageRequest<PostId>,
    ) -> Result<Page<PostView, PostId>> {
        self.newest_by(&[author], viewer, page).await
    }

    /// How many posts each of these has; none is left out.
    async fn counts(&self, authors: &[UserId]) -> Result<IdMap<UserId, u64>>;

    async fn count(&self, author: UserId) -> Result<u64> {
        Ok(self.counts(&[author]).await?.get(&author).copied().unwrap_or(0))
    }

    /// The images that a post shows: none when it is gone.
    async fn media_of(&self, post: PostId) -> Result<Vec<MediaId>>;

    /// What the user wrote under any post, newest first.
    async fn comments_by(&self, user: UserId, page: PageRequest<CommentId>) -> Result<Page<Comment, CommentId>>;

    /// What the user likes, by post, newest post first.
    async fn likes_by(&self, user: UserId, page: PageRequest<PostId>) -> Result<Page<Like, PostId>>;
}

/// The catalog straight from the posts' store.
pub struct PostCatalog {
    pub posts: Arc<dyn PostStore>,
    pub directory: Arc<dyn Directory>,
}

#[async_trait]
impl Catalog for PostCatalog {
    async fn views(&self, posts: &[PostId], viewer: Option<UserId>) -> Result<Vec<PostView>> {
        if posts.is_empty() {
            return Ok(Vec::new());
        }
        let mut details: IdMap<_, _> =
            self.posts.details(posts).await?.into_iter().map(|detail| (detail.post.id, detail)).collect();
        let mut people: Vec<_> = details.values().flat_map(|detail| people(detail)).collect();
        people.sort_unstable();
        people.dedup();
        let people = self.directory.profiles(&people).await?;
        let liked = match viewer {
            Some(viewer) => self.posts.liked(viewer, posts).await?,
            None => IdSet::default(),
        };
        Ok(posts.iter().filter_map(|id| view(details.remove(id)?, &people, liked.contains(id))).collect())
    }

    async fn newest_ids_by(&self, authors: &[UserId], page: PageRequest<PostId>) -> Result<Page<PostId, PostId>> {
        self.posts.newest_by(authors, page).await
    }

    async fn known_ids_by(&self, authors: &[UserId], page: PageRequest<PostId>) -> Result<Page<PostId, PostId>> {
        self.posts.known_by(authors, page).await
    }

    async fn newest_by(
        &self,
        authors: &[UserId],
        viewer: Option<UserId>,
        page: PageRequest<PostId>,
    ) -> Result<Page<PostView, PostId>> {
        let found = self.posts.known_by(authors, page).await?;
        Ok(Page { items: self.views(&found.items, viewer).await?, next: found.next })
    }

    async fn counts(&self, authors: &[UserId]) -> Result<IdMap<UserId, u64>> {
        self.posts.counts(authors).await
    }

    async fn media_of(&self, post: PostId) -> Result<Vec<MediaId>> {
        Ok(self.posts.details(&[post]).await?.pop().map(|detail| detail.post.media()).unwrap_or_default())
    }

    async fn comments_by(&self, user: UserId, page: PageRequest<CommentId>) -> Result<Page<Comment, CommentId>> {
        self.posts.comments_by(user, page).await
    }

    async fn likes_by(&self, user: UserId, page: PageRequest<PostId>) -> Result<Page<Like, PostId>> {
        self.posts.likes_by(user, page).await
    }
}

fn people(detail: &PostDetail) -> impl Iterator<Item = UserId> {
    std::iter::once(detail.post.author).chain(detail.comments.iter().map(|comment| comment.author))
}

/// `None` when the author's profile is gone: the account is being erased.
fn view(detail: Arc<PostDetail>, people: &IdMap<UserId, Arc<Profile>>, is_liked: bool) -> Option<PostView> {
    let author = people.get(&detail.post.author)?.clone();
    let commenters = detail.comments.iter().map(|comment| people.get(&comment.author).cloned()).collect();
    Some(PostView { detail, author, commenters, is_liked })
}
