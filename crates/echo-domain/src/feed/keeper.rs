//! Pushes posts into home timelines.

use std::sync::Arc;

use async_trait::async_trait;

use crate::{Consumer, Event, PageRequest, PostId, Result, UserId, users::Directory};

use super::{Policy, TimelineStore};

/// Adds each new post to the timelines of those who follow its author, unless these are so many that they pull it.
///
/// A post that is gone stays in timelines, and is passed over when they are read.
pub struct FeedKeeper {
    pub timelines: Arc<dyn TimelineStore>,
    /// With nothing remembered in front of it: a follower of whom it does not know yet would miss the post for good.
    pub directory: Arc<dyn Directory>,
    pub policy: Policy,
}

impl FeedKeeper {
    async fn push(&self, post: PostId, author: UserId) -> Result<()> {
        let profiles = self.directory.profiles(&[author]).await?;
        let Some(profile) = profiles.get(&author).filter(|it| self.policy.pushes(it.most_followers)) else {
            return Ok(());
        };
        let mut page = PageRequest::first(PageRequest::<()>::MAX);
        loop {
            let followers = self.directory.followers(profile.id, page).await?;
            let owners: Vec<_> = followers.items.iter().map(|follow| follow.user).collect();
            self.timelines.push(&owners, post).await?;
            if followers.next.is_none() {
                return Ok(());
            }
            page.before = followers.next;
        }
    }
}

#[async_trait]
impl Consumer for FeedKeeper {
    fn name(&self) -> &'static str {
        "feed"
    }

    async fn handle(&self, event: &Event) -> Result<()> {
        match event {
            Event::PostPublished { post, author, .. } => self.push(*post, *author).await,
            Event::AccountDeleted { account } => self.timelines.forget(*account).await,
            Event::AccountOpened { .. }
            | Event::AccountRenamed { .. }
            | Event::PostDeleted { .. }
            | Event::PictureChanged { .. } => Ok(()),
        }
    }
}
