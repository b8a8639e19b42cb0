//! Asking the posts service.

use std::sync::Arc;

use async_trait::async_trait;
use echo_domain::{
    CommentId, IdMap, MediaId, Page, PageRequest, PostId, Result, UserId,
    posts::{Catalog, Comment, Like, PostView},
};

use crate::peer::Peer;

use super::{CommentsBy, Counts, KnownIdsBy, LikesBy, MediaOf, NewestBy, NewestIdsBy, Views};

/// The posts area in another process.
pub struct RemoteCatalog(pub Arc<Peer>);

#[async_trait]
impl Catalog for RemoteCatalog {
    async fn views(&self, posts: &[PostId], viewer: Option<UserId>) -> Result<Vec<PostView>> {
        if posts.is_empty() {
            return Ok(Vec::new());
        }
        self.0.call(&Views { posts: posts.to_vec(), viewer }).await?.into_views()
    }

    async fn newest_ids_by(&self, authors: &[UserId], page: PageRequest<PostId>) -> Result<Page<PostId, PostId>> {
        Ok(self.0.call(&NewestIdsBy { authors: authors.to_vec(), page: page.into() }).await?.into_page())
    }

    async fn known_ids_by(&self, authors: &[UserId], page: PageRequest<PostId>) -> Result<Page<PostId, PostId>> {
        Ok(self.0.call(&KnownIdsBy { authors: authors.to_vec(), page: page.into() }).await?.into_page())
    }

    async fn newest_by(
        &self,
        authors: &[UserId],
        viewer: Option<UserId>,
        page: PageRequest<PostId>,
    ) -> Result<Page<PostView, PostId>> {
        let (views, next) = self.0.call(&NewestBy { authors: authors.to_vec(), viewer, page: page.into() }).await?;
        Ok(Page { items: views.into_views()?, next })
    }

    async fn counts(&self, authors: &[UserId]) -> Result<IdMap<UserId, u64>> {
        if authors.is_empty() {
            return Ok(IdMap::default());
        }
        Ok(self.0.call(&Counts { authors: authors.to_vec() }).await?.into_iter().collect())
    }

    async fn media_of(&self, post: PostId) -> Result<Vec<MediaId>> {
        self.0.call(&MediaOf { post }).await
    }

    async fn comments_by(&self, user: UserId, page: PageRequest<CommentId>) -> Result<Page<Comment, CommentId>> {
        Ok(self.0.call(&CommentsBy { user, page: page.into() }).await?.into_page())
    }

    async fn likes_by(&self, user: UserId, page: PageRequest<PostId>) -> Result<Page<Like, PostId>> {
        Ok(self.0.call(&LikesBy { user, page: page.into() }).await?.into_page())
    }
}
