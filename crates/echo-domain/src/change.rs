//! What may have changed, told to every process that remembers something of it.

use std::sync::Arc;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::{PostId, SessionId, Timestamp, UserId};

/// What may have changed in the stores: whoever remembers something made from it forgets that.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Change {
    /// An account's own data.
    Account { account: UserId },
    /// These sessions ended.
    SessionsEnded { sessions: Vec<SessionId>, at: Timestamp },
    /// A profile's own data.
    Profile { user: UserId },
    /// One follows the other, or no longer.
    Follow { follower: UserId, followee: UserId },
    /// A profile is going, and with it follows of anybody.
    ProfileErased { user: UserId },
    /// There is one more post.
    PostAdded { post: PostId, author: UserId },
    /// A post is gone; `None` is any author's.
    PostRemoved { post: PostId, author: Option<UserId> },
    /// There may be one more post or not: its write failed without telling.
    PostsUncertain { author: UserId },
    /// A post's comments.
    Comments { post: PostId },
    /// Whether somebody likes a post, and how many do.
    Like { post: PostId, user: UserId },
    /// Likes and comments of one account are going from any post.
    TracesErased { user: UserId },
    /// Anything: what was told meanwhile was not heard.
    Anything,
}

/// Tells changes to the other processes of this Echo, after they are kept and before they are acknowledged.
#[async_trait]
pub trait Broadcast: Send + Sync {
    /// Returns once all others have heard it, so that whoever made the change finds it with any of them; or after a
    /// fraction of a second, for one that does not listen must not hold up who writes. Never fails: those who missed
    /// something forget everything once they listen again.
    async fn tell(&self, change: Change);
}

/// For an Echo of one process: nobody else remembers anything.
pub struct Alone;

#[async_trait]
impl Broadcast for Alone {
    async fn tell(&self, _: Change) {}
}

/// Tells somebody in this process, too, who remembers something made from what another changes.
pub struct HereToo {
    pub here: Arc<dyn Hears>,
    pub others: Arc<dyn Broadcast>,
}

#[async_trait]
impl Broadcast for HereToo {
    async fn tell(&self, change: Change) {
        self.here.hear(&change);
        self.others.tell(change).await;
    }
}

/// Something that remembers, and so has to hear.
pub trait Hears: Send + Sync {
    fn hear(&self, change: &Change);
}
