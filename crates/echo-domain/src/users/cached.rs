//! Profiles in this process's memory, in front of a store.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use futures_util::future::BoxFuture;

use crate::{Cache, Clock, Error, FollowId, IdMap, Page, PageRequest, Result, Timestamp, UserId, cache::to_the_end};

use super::{Follow, Following, Profile, ProfileChange, ProfileStore, Relation, Search};

/// A store of profiles that remembers what it read, and the newest follows of each.
///
/// What this process changes is forgotten before the change is acknowledged; what others change, after `LIFETIME`.
pub struct CachedProfiles {
    profiles: Arc<dyn ProfileStore>,
    known: Arc<Known>,
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
    pub fn new(profiles: Arc<dyn ProfileStore>, bytes: u64, clock: &Arc<dyn Clock>) -> Self {
        let known = Known {
            profiles: Cache::new(bytes / 2, Self::LIFETIME, clock.clone(), |profile| weight(profile)),
            follows: Cache::new(bytes / 4, Self::LIFETIME, clock.clone(), |page| {
                page.items.len() * size_of::<Follow>()
            }),
            following: Cache::new(bytes / 4, Self::LIFETIME, clock.clone(), |following| following.weight()),
        };
        Self { profiles, known: Arc::new(known) }
    }

    /// Makes a change, and then `forget`s what it may have changed, whatever came of it.
    async fn write<T: Send + 'static>(
        &self,
        change: impl Future<Output = Result<T>> + Send + 'static,
        forget: impl FnOnce(&Known) + Send + 'static,
    ) -> Result<T> {
        let known = self.known.clone();
        to_the_end(async move {
            let result = change.await;
            forget(&known);
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

fn weight(profile: &Profile) -> usize {
    160 + profile.username.len() + profile.name.len() + profile.bio.len()
}

impl Known {
    fn forget_follow(&self, follower: UserId, followee: UserId) {
        for user in [follower, followee] {
            self.profiles.forget(&user);
        }
        self.follows.forget(&(follower, End::Following));
        self.follows.forget(&(followee, End::Followers));
        self.following.forget(&follower);
    }
}

#[async_trait]
impl ProfileStore for CachedProfiles {
    async fn open(&self, profile: &Profile) -> Result<()> {
        let (profiles, profile) = (self.profiles.clone(), profile.clone());
        let user = profile.id;
        self.write(async move { profiles.open(&profile).await }, move |known| known.profiles.forget(&user)).await
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
        self.write(update, move |known| known.profiles.forget(&user)).await
    }

    async fn search(&self, search: &Search, page: PageRequest<UserId>) -> Result<Page<Profile, UserId>> {
        self.profiles.search(search, page).await
    }

    async fn follow(&self, id: FollowId, follower: UserId, followee: UserId, max: u64) -> Result<()> {
        let profiles = self.profiles.clone();
        let follow = async move { profiles.follow(id, follower, followee, max).await };
        self.write(follow, move |known| known.forget_follow(follower, followee)).await
    }

    async fn unfollow(&self, follower: UserId, followee: UserId) -> Result<()> {
        let profiles = self.profiles.clone();
        let unfollow = async move { profiles.unfollow(follower, followee).await };
        self.write(unfollow, move |known| known.forget_follow(follower, followee)).await
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
        // Whoever followed the account, or was followed by it, counts one less.
        self.write(erase, |known| {
            known.profiles.forget_all();
            known.follows.forget_all();
            known.following.forget_all();
        })
        .await
    }
}
