//! Clears up after posts and accounts that are gone.

use std::sync::Arc;

use async_trait::async_trait;

use crate::{Consumer, Event, PageRequest, Result, UserId};

use super::PostStore;

/// Removes what a deleted post or account left behind, a bounded batch at a time.
pub struct PostKeeper {
    pub posts: Arc<dyn PostStore>,
}

impl PostKeeper {
    const BATCH: usize = 500;

    /// One post's removal leaves its own event, by which its likes, comments and images go.
    async fn remove_posts_of(&self, author: UserId) -> Result<()> {
        loop {
            let page = self.posts.newest_by(&[author], PageRequest::first(PageRequest::<()>::MAX)).await?;
            if page.items.is_empty() {
                return Ok(());
            }
            for detail in self.posts.details(&page.items).await? {
                let news = Event::PostDeleted { post: detail.post.id, author, media: detail.post.media() };
                self.posts.remove(detail.post.id, &news).await?;
            }
        }
    }
}

#[async_trait]
impl Consumer for PostKeeper {
    fn name(&self) -> &'static str {
        "posts"
    }

    async fn handle(&self, event: &Event) -> Result<()> {
        match event {
            Event::PostDeleted { post, .. } => while self.posts.purge(*post, Self::BATCH).await? > 0 {},
            Event::AccountDeleted { account } => {
                // First of all, so that a request which is still under way leaves nothing behind.
                self.posts.bar(*account).await?;
                while self.posts.erase_traces(*account, Self::BATCH).await? > 0 {}
                self.remove_posts_of(*account).await?;
            }
            Event::AccountOpened { .. }
            | Event::AccountRenamed { .. }
            | Event::PostPublished { .. }
            | Event::PictureChanged { .. } => {}
        }
        Ok(())
    }
}
