//! What the users area needs kept.

use std::sync::Arc;

use async_trait::async_trait;

use crate::{FollowId, IdMap, Page, PageRequest, Result, Timestamp, UserId};

use super::{Following, Profile, ProfileChange, Search};

/// One account following another, as seen from either end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Follow {
    pub id: FollowId,
    /// The account at the other end.
    pub user: UserId,
}

/// How two accounts stand to each other.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Relation {
    pub is_following: bool,
    pub follows_you: bool,
}

/// Keeps profiles and follows. Each method is atomic: after an error nothing has changed.
///
/// A profile's `followers` and `following` always equal the follows that are kept.
#[async_trait]
pub trait ProfileStore: Send + Sync {
    /// Adds a profile; when its id is there already, nothing changes.
    async fn open(&self, profile: &Profile) -> Result<()>;

    /// The profiles that exist of those asked for.
    async fn by_ids(&self, users: &[UserId]) -> Result<IdMap<UserId, Arc<Profile>>>;

    /// Changes what is given and returns the result; `None` when there is no such profile. With another picture it
    /// leaves [`crate::Event::PictureChanged`]; where all is so already, `updated` stays, too.
    async fn update(&self, user: UserId, change: &ProfileChange, now: Timestamp) -> Result<Option<Profile>>;

    /// Profiles whose username or name has the text in it, newest first. May end early, with `next` set, when it
    /// passed thousands of people without the text, which thousands of others have.
    async fn search(&self, search: &Search, page: PageRequest<UserId>) -> Result<Page<Profile, UserId>>;

    /// Makes `follower` follow `followee`.
    ///
    /// # Errors
    /// [`crate::Error::NotFound`] `user_not_found` when either is gone; [`crate::Error::Conflict`] `already_following`,
    /// or `following_too_many` beyond `max`.
    async fn follow(&self, id: FollowId, follower: UserId, followee: UserId, max: u64) -> Result<()>;

    /// # Errors
    /// [`crate::Error::Conflict`] `not_following`.
    async fn unfollow(&self, follower: UserId, followee: UserId) -> Result<()>;

    async fn relation(&self, viewer: UserId, other: UserId) -> Result<Relation>;

    /// Who follows the account, newest first.
    async fn followers(&self, user: UserId, page: PageRequest<FollowId>) -> Result<Page<Follow, FollowId>>;

    /// Whom the account follows, newest first.
    async fn following(&self, user: UserId, page: PageRequest<FollowId>) -> Result<Page<Follow, FollowId>>;

    /// Everyone the account follows.
    async fn all_following(&self, user: UserId) -> Result<Arc<Following>>;

    /// Removes the profile and up to `limit` of its follows in either direction, counted down at their other ends.
    /// Returns how many records went; 0 when nothing is left.
    async fn erase(&self, user: UserId, limit: usize) -> Result<usize>;
}
