//! Profiles in this process's memory, in front of a store.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use futures_util::future::BoxFuture;

use crate::{
    Broadcast, Cache, Change, Clock, Error, FollowId, Hears, IdMap, Page, PageRequest, Result, Timestamp, UserId,
    cache::to_the_end,
};

use super::{Follow, Following, Profile, ProfileChange, ProfileStore, Relation, Search};

/// A store of profiles that remembers what it read, and the newest follows of each.
///
/// What this process changes is forgotten, and told to the others, before the change is acknowledged; what is not heard
/// of, after `LIFETIME`.
pub struct CachedProfiles {
    profiles: Arc<dyn ProfileStore>,
    known: Arc<Known>,
    others: Arc<dyn Broadcast>,
}

struct Known {
    profiles: Cache<UserId, Arc<Profile>>,
    /// First pages, by account, end and length.
    follows: Cache<(UserId, End), Arc<Page<Follow, FollowId>>>,
    following: Cache<UserId, Arc<Following>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum End {
    Followers,
    Following,
}

impl CachedProfiles {
    const LIFETIME: Duration = Duration::from_secs(60);
    /// What a profile shows of its follows; pages up to that long are cut out of it.
    const FIRST: usize = PageRequest::<()>::MAX;

    /// Remembers up to about `bytes`.
    pub fn new(
        profiles: Arc<dyn ProfileStore>,
        bytes: u64,
        clock: &Arc<dyn Clock>,
        others: Arc<dyn Broadcast>,
    ) -> Self {
        let known = Known {
            profiles: Cache::new("profiles", bytes / 2, Self::LIFETIME, clock.clone(), |profile| profile.weight()),
            follows: Cache::new("follows", bytes / 4, Self::LIFETIME, clock.clone(), |page| {
                page.items.len() * size_of::<Follow>()
            }),
            following: Cache::new("following", bytes / 4, Self::LIFETIME, clock.clone(), |following| {
                following.weight()
            }),
        };
        Self { profiles, known: Arc::new(known), others }
    }

    /// Makes a change, and then forgets and tells what it may have changed, whatever came of it.
    async fn write<T: Send + 'static>(
        &self,
        write: impl Future<Output = Result<T>> + Send + 'static,
        change: Change,
    ) -> Result<T> {
        let (known, others) = (self.known.clone(), self.others.clone());
        to_the_end(async move {
            let result = write.await;
            known.forget(&change);
            others.tell(change).await;
            result
        })
        .await
    }

    async fn first(&self, user: UserId, end: End) -> Result<Arc<Page<Follow, FollowId>>> {
        let load = |_| -> BoxFuture<'_, _> {
            Box::pin(async move {
                let first = PageRequest::first(Self::FIRST);
                let page = match end {
                    End::Followers => self.profiles.followers(user, first).await?,
                    End::Following => self.profiles.following(user, first).await?,
                };
                Ok(IdMap::from_iter([((user, end), Arc::new(page))]))
            })
        };
        let page = self.known.follows.get(&[(user, end)], load).await?.pop().flatten();
        page.ok_or_else(|| Error::internal("a page that was read is not there"))
    }

    /// The first page, if that is what is asked for, out of what is known.
    async fn head(
        &self,
        user: UserId,
        end: End,
        page: PageRequest<FollowId>,
    ) -> Result<Option<Page<Follow, FollowId>>> {
        if page.before.is_some() || page.limit > Self::FIRST {
            return Ok(None);
        }
        let first = self.first(user, end).await?;
        if page.limit == Self::FIRST {
            return Ok(Some(Page::clone(&first)));
        }
        let items = first.items.iter().take(page.one_more()).copied().collect();
        Ok(Some(Page::cut(items, page.limit, |follow: &Follow| follow.id)))
    }
}

impl Known {
    fn forget(&self, change: &Change) {
        match change {
            Change::Profile { user } => self.profiles.forget(user),
            Change::Follow { follower, followee } => {
                for user in [follower, followee] {
                    self.profiles.forget(user);
                }
                self.follows.forget(&(*follower, End::Following));
                self.follows.forget(&(*followee, End::Followers));
                self.following.forget(follower);
            }
            // Whoever followed the account, or was followed by it, counts one less.
            Change::ProfileErased { .. } | Change::Anything => {
                self.profiles.forget_all();
                self.follows.forget_all();
                self.following.forget_all();
            }
            _ => {}
        }
    }
}

impl Hears for CachedProfiles {
    fn hear(&self, change: &Change) {
        self.known.forget(change);
    }
}

#[async_trait]
impl ProfileStore for CachedProfiles {
    async fn open(&self, profile: &Profile) -> Result<()> {
        let (profiles, profile) = (self.profiles.clone(), profile.clone());
        let user = profile.id;
        self.write(async move { profiles.open(&profile).await }, Change::Profile { user }).await
    }

    async fn by_ids(&self, users: &[UserId]) -> Result<IdMap<UserId, Arc<Profile>>> {
        let load = |unknown: Vec<UserId>| -> BoxFuture<'_, _> {
            Box::pin(async move { self.profiles.by_ids(&unknown).await })
        };
        let profiles = self.known.profiles.get(users, load).await?;
        Ok(users.iter().zip(profiles).filter_map(|(user, profile)| Some((*user, profile?))).collect())
    }

    async fn update(&self, user: UserId, change: &ProfileChange, now: Timestamp) -> Result<Option<Profile>> {
        let (profiles, change) = (self.profiles.clone(), change.clone());
        let update = async move { profiles.update(user, &change, now).await };
        self.write(update, Change::Profile { user }).await
    }

    async fn search(&self, search: &Search, page: PageRequest<UserId>) -> Result<Page<Profile, UserId>> {
        self.profiles.search(search, page).await
    }

    async fn follow(&self, id: FollowId, follower: UserId, followee: UserId, max: u64) -> Result<()> {
        let profiles = self.profiles.clone();
        let follow = async move { profiles.follow(id, follower, followee, max).await };
        self.write(follow, Change::Follow { follower, followee }).await
    }

    async fn unfollow(&self, follower: UserId, followee: UserId) -> Result<()> {
        let profiles = self.profiles.clone();
        let unfollow = async move { profiles.unfollow(follower, followee).await };
        self.write(unfollow, Change::Follow { follower, followee }).await
    }

    async fn relation(&self, viewer: UserId, other: UserId) -> Result<Relation> {
        self.profiles.relation(viewer, other).await
    }

    async fn followers(&self, user: UserId, page: PageRequest<FollowId>) -> Result<Page<Follow, FollowId>> {
        match self.head(user, End::Followers, page).await? {
            Some(page) => Ok(page),
            None => self.profiles.followers(user, page).await,
        }
    }

    async fn following(&self, user: UserId, page: PageRequest<FollowId>) -> Result<Page<Follow, FollowId>> {
        match self.head(user, End::Following, page).await? {
            Some(page) => Ok(page),
            None => self.profiles.following(user, page).await,
        }
    }

    async fn all_following(&self, user: UserId) -> Result<Arc<Following>> {
        let load = |_| -> BoxFuture<'_, _> {
            Box::pin(async move { Ok(IdMap::from_iter([(user, self.profiles.all_following(user).await?)])) })
        };
        Ok(self.known.following.get(&[user], load).await?.pop().flatten().unwrap_or_default())
    }

    async fn erase(&self, user: UserId, limit: usize) -> Result<usize> {
        let profiles = self.profiles.clone();
        let erase = async move { profiles.erase(user, limit).await };
        self.write(erase, Change::ProfileErased { user }).await
    }
}
