//! The home timeline, by pull: merged at read from the posts of each followed account.

use std::sync::Arc;

use tracing::instrument;

use crate::{
    Page, PageRequest, PostId, Result,
    auth::Viewer,
    posts::{Catalog, PostView},
    users::Directory,
};

pub struct FeedService {
    pub posts: Arc<dyn Catalog>,
    pub directory: Arc<dyn Directory>,
}

impl FeedService {
    /// Posts by the viewer and whom they follow, newest first.
    ///
    /// One index seek per followed account, of which there are at most [`crate::users::FOLLOWING_MAX`].
    #[instrument(level = "debug", name = "feed.home", skip_all)]
    pub async fn home(&self, viewer: Viewer, page: PageRequest<PostId>) -> Result<Page<PostView, PostId>> {
        let mut authors = self.directory.following(viewer.id).await?;
        authors.push(viewer.id);
        self.posts.newest_by(&authors, Some(viewer.id), page).await
    }
}
