//! What the feed area needs kept: home timelines, of those who read them.

use std::time::Duration;

use async_trait::async_trait;

use crate::{PostId, RawId, Result, UserId};

/// A home timeline as it is kept: posts by those accounts whose posts are pushed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Timeline {
    /// Which follows it was made from.
    pub version: u64,
    /// Newest first, at most [`Timeline::MAX`].
    pub posts: Vec<PostId>,
    /// Whether there may be older ones than the last.
    pub more: bool,
}

impl Timeline {
    /// So many posts are kept of each timeline.
    pub const MAX: usize = 800;
    /// How long a timeline stays that nobody reads.
    pub const KEPT: Duration = Duration::from_secs(7 * 24 * 3600);

    /// Adds the post at its place, unless it lies beyond what is kept; whether it is there now.
    pub(super) fn add(&mut self, post: PostId) -> bool {
        let Self { posts, more, .. } = self;
        let place = posts.partition_point(|it| *it > post);
        if posts.get(place) == Some(&post) {
            return true;
        }
        if posts.len() == Self::MAX {
            *more = true;
        }
        if place == posts.len() && *more {
            return false;
        }
        if posts.len() == Self::MAX {
            posts.pop();
        }
        posts.insert(place, post);
        true
    }
}

/// Keeps timelines. Each method is atomic.
///
/// A timeline is a copy: it may be lost at any moment, and is then made anew. One that nobody reads for
/// [`Timeline::KEPT`] is lost, and so nothing is pushed for who does not come.
///
/// What is kept has no gap: with `more`, every post that was pushed or gathered is there down to the last, and none
/// beyond it.
#[async_trait]
pub trait TimelineStore: Send + Sync {
    /// Adds the post to the timelines of those of `owners` who have one, also one that is being made; beyond
    /// [`Timeline::MAX`] the oldest go, and there is `more`. Older than the last of a timeline with `more`, it is left
    /// out. Adding twice is once. Returns how many timelines have it now.
    async fn push(&self, owners: &[UserId], post: PostId) -> Result<usize>;

    /// The owner's timeline; `None` when there is none or it is still being made. Reading keeps it for another while.
    async fn read(&self, owner: UserId) -> Result<Option<Timeline>>;

    /// Begins a timeline in place of the one that is there: it takes pushes, but is not read before it is filled.
    async fn begin(&self, owner: UserId, making: RawId, version: u64) -> Result<()>;

    /// Adds what was gathered since [`TimelineStore::begin`], `more` if there is older still, and lets it be read. With
    /// `more`, what was pushed meanwhile and is older than all that was gathered goes: others as old are missing.
    /// `false`, and nothing happens, when it is gone or another was begun meanwhile.
    async fn fill(&self, owner: UserId, making: RawId, posts: &[PostId], more: bool) -> Result<bool>;

    /// Removes the owner's timeline, also one that is being made.
    async fn forget(&self, owner: UserId) -> Result<()>;
}
