//! Pushes posts into home timelines.

use std::sync::Arc;

use async_trait::async_trait;

use crate::{Consumer, Event, PageRequest, PostId, Recorded, Result, Timestamp, UserId, users::Directory};

use super::{FanOut, Policy, TimelineStore};

/// Adds each new post to the timelines of those who follow its author, unless these are so many that they pull it.
///
/// A post that is gone stays in timelines, and is passed over when they are read.
pub struct FeedKeeper {
    pub timelines: Arc<dyn TimelineStore>,
    /// With nothing remembered in front of it: a follower of whom it does not know yet would miss the post for good.
    pub directory: Arc<dyn Directory>,
    pub policy: Policy,
    pub figures: FanOut,
}

impl FeedKeeper {
    async fn push(&self, post: PostId, author: UserId) -> Result<()> {
        let profiles = self.directory.profiles(&[author]).await?;
        let Some(profile) = profiles.get(&author) else { return Ok(()) };
        if !self.policy.pushes(profile.most_followers) {
            self.figures.posts_pulled.increment(1);
            return Ok(());
        }
        let mut page = PageRequest::first(PageRequest::<()>::MAX);
        loop {
            let followers = self.directory.followers(profile.id, page).await?;
            let owners: Vec<_> = followers.items.iter().map(|follow| follow.user).collect();
            let pushed = self.timelines.push(&owners, post).await?;
            self.figures.pushed.increment(pushed as u64);
            self.figures.dropped.increment((owners.len() - pushed) as u64);
            if followers.next.is_none() {
                self.figures.posts_pushed.increment(1);
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

    fn done(&self, event: &Recorded, now: Timestamp) {
        if matches!(event.event, Event::PostPublished { .. }) {
            self.figures.freshness.record(now.since(event.at));
        }
    }
}
