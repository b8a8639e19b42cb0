//! Profiles in the cache that processes share, in front of a store.

use std::sync::Arc;

use async_trait::async_trait;
use echo_domain::{
    Error, FollowId, IdMap, MediaId, Page, PageRequest, Result, Timestamp, UserId,
    media::Picture,
    to_the_end,
    users::{Follow, Following, Profile, ProfileChange, ProfileStore, Relation, Search},
};
use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};

use crate::cache::{Kind, SharedCache};

const PROFILES: Kind<Arc<Profile>> = Kind {
    name: "profile",
    write: |profile| serde_json::to_vec(&ProfileRow::from(&**profile)).map_err(Error::internal),
    read: |row| serde_json::from_slice::<ProfileRow>(row).ok().map(|row| Arc::new(row.into())),
};

/// A store of profiles that shares what it read of them.
///
/// A change is forgotten everywhere before it is acknowledged.
pub struct SharedProfiles {
    profiles: Arc<dyn ProfileStore>,
    cache: Arc<SharedCache>,
}

impl SharedProfiles {
    pub fn new(profiles: Arc<dyn ProfileStore>, cache: Arc<SharedCache>) -> Self {
        Self { profiles, cache }
    }

    /// Makes a change to profiles, and then forgets them, whatever came of the change.
    async fn write<T: Send + 'static, const N: usize>(
        &self,
        users: [UserId; N],
        change: impl Future<Output = Result<T>> + Send + 'static,
    ) -> Result<T> {
        let cache = self.cache.clone();
        to_the_end(async move {
            let result = change.await;
            cache.forget(&PROFILES, &users).await;
            result
        })
        .await
    }
}

#[async_trait]
impl ProfileStore for SharedProfiles {
    async fn open(&self, profile: &Profile) -> Result<()> {
        self.profiles.open(profile).await
    }

    async fn by_ids(&self, users: &[UserId]) -> Result<IdMap<UserId, Arc<Profile>>> {
        let load = |unknown: Vec<UserId>| -> BoxFuture<'_, _> {
            Box::pin(async move { self.profiles.by_ids(&unknown).await })
        };
        self.cache.get(&PROFILES, users, load).await
    }

    async fn update(&self, user: UserId, change: &ProfileChange, now: Timestamp) -> Result<Option<Profile>> {
        let (profiles, change) = (self.profiles.clone(), change.clone());
        self.write([user], async move { profiles.update(user, &change, now).await }).await
    }

    async fn search(&self, search: &Search, page: PageRequest<UserId>) -> Result<Page<Profile, UserId>> {
        self.profiles.search(search, page).await
    }

    async fn follow(&self, id: FollowId, follower: UserId, followee: UserId, max: u64) -> Result<()> {
        let profiles = self.profiles.clone();
        let follow = async move { profiles.follow(id, follower, followee, max).await };
        self.write([follower, followee], follow).await
    }

    async fn unfollow(&self, follower: UserId, followee: UserId) -> Result<()> {
        let profiles = self.profiles.clone();
        let unfollow = async move { profiles.unfollow(follower, followee).await };
        self.write([follower, followee], unfollow).await
    }

    async fn relation(&self, viewer: UserId, other: UserId) -> Result<Relation> {
        self.profiles.relation(viewer, other).await
    }

    async fn followers(&self, user: UserId, page: PageRequest<FollowId>) -> Result<Page<Follow, FollowId>> {
        self.profiles.followers(user, page).await
    }

    async fn following(&self, user: UserId, page: PageRequest<FollowId>) -> Result<Page<Follow, FollowId>> {
        self.profiles.following(user, page).await
    }

    async fn all_following(&self, user: UserId) -> Result<Arc<Following>> {
        self.profiles.all_following(user).await
    }

    async fn erase(&self, user: UserId, limit: usize) -> Result<usize> {
        let (profiles, cache) = (self.profiles.clone(), self.cache.clone());
        to_the_end(async move {
            let erased = profiles.erase(user, limit).await;
            // Whoever followed the account, or was followed by it, counts one less.
            if !matches!(erased, Ok(0)) {
                cache.forget_all().await;
            }
            erased
        })
        .await
    }
}

/// A profile as it is written down.
#[derive(Serialize, Deserialize)]
struct ProfileRow {
    id: UserId,
    username: String,
    name: String,
    bio: String,
    picture: Option<(MediaId, String)>,
    followers: u64,
    most_followers: u64,
    following: u64,
    created: Timestamp,
    updated: Timestamp,
}

impl From<&Profile> for ProfileRow {
    fn from(profile: &Profile) -> Self {
        Self {
            id: profile.id,
            username: profile.username.clone(),
            name: profile.name.clone(),
            bio: profile.bio.clone(),
            picture: profile.picture.as_ref().map(|picture| (picture.media, picture.location.clone())),
            followers: profile.followers,
            most_followers: profile.most_followers,
            following: profile.following,
            created: profile.created,
            updated: profile.updated,
        }
    }
}

impl From<ProfileRow> for Profile {
    fn from(row: ProfileRow) -> Self {
        Self {
            id: row.id,
            username: row.username,
            name: row.name,
            bio: row.bio,
            picture: row.picture.map(|(media, location)| Picture { media, location }),
            followers: row.followers,
            most_followers: row.most_followers,
            following: row.following,
            created: row.created,
            updated: row.updated,
        }
    }
}
