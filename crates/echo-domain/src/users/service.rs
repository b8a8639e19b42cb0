//! Looking at people, following them, and editing oneself.

use std::sync::Arc;

use bytes::Bytes;
use tracing::instrument;

use crate::{
    Clock, Error, Findings, FollowId, IdSource, Page, PageRequest, PostId, Result, UserId,
    auth::{Email, Identity, Lookup, Role, Username, Viewer},
    media::{Holder, Image, MediaDesk, Purpose},
    posts::{Catalog, PostView},
};

use super::{
    Bio, FOLLOWING_MAX, Follow, Name, Profile, ProfileChange, ProfileStore, Relation, Search, keeper::keep_username,
    user_not_found,
};

/// What the users area stands on.
pub struct Parts {
    pub profiles: Arc<dyn ProfileStore>,
    pub accounts: Arc<dyn Lookup>,
    pub posts: Arc<dyn Catalog>,
    pub media: Arc<dyn MediaDesk>,
    pub clock: Arc<dyn Clock>,
    pub ids: Arc<IdSource>,
}

/// The use cases around people.
pub struct UserService {
    parts: Parts,
}

/// A profile as its owner sees it.
#[derive(Debug)]
pub struct OwnProfile {
    pub profile: Arc<Profile>,
    pub account: Identity,
    /// The newest hundred.
    pub followers: Vec<UserId>,
    /// The newest hundred.
    pub following: Vec<UserId>,
    /// `None` while the posts area cannot be asked.
    pub posts_count: Option<u64>,
}

/// A profile as others see it.
#[derive(Debug)]
pub struct ProfileView {
    pub profile: Arc<Profile>,
    /// The newest hundred.
    pub followers: Vec<Arc<Profile>>,
    /// The newest hundred.
    pub following: Vec<Arc<Profile>>,
    /// `None` while the posts area cannot be asked; then there are no posts either.
    pub posts_count: Option<u64>,
    pub posts: Page<PostView, PostId>,
    pub relation: Relation,
    pub role: Role,
}

/// What somebody changes about themself; `None` stays as it is.
#[derive(Debug, Default)]
pub struct Edit {
    pub name: Option<String>,
    pub username: Option<String>,
    pub bio: Option<String>,
    pub email: Option<String>,
    /// The bytes of an image.
    pub picture: Option<Bytes>,
}

impl UserService {
    /// How many followers and followed a profile shows.
    const SHOWN: usize = 100;
    /// How many posts a profile shows.
    const POSTS_SHOWN: usize = 20;

    pub const fn new(parts: Parts) -> Self {
        Self { parts }
    }

    /// The viewer's own profile.
    ///
    /// # Errors
    /// [`Error::NotFound`] when the account was just deleted.
    #[instrument(level = "debug", name = "users.me", skip_all)]
    pub async fn me(&self, viewer: Viewer) -> Result<OwnProfile> {
        let profile = self.profile(viewer.id).await?;
        let account = self.parts.accounts.account(viewer.id).await?;
        let first = PageRequest::first(Self::SHOWN);
        let ends = |page: Page<Follow, FollowId>| page.items.into_iter().map(|follow| follow.user).collect();
        Ok(OwnProfile {
            followers: ends(self.parts.profiles.followers(viewer.id, first).await?),
            following: ends(self.parts.profiles.following(viewer.id, first).await?),
            posts_count: if_there(self.parts.posts.count(viewer.id).await)?,
            profile,
            account,
        })
    }

    /// Somebody's profile with their newest posts.
    ///
    /// # Errors
    /// [`Error::NotFound`] `user_not_found`.
    #[instrument(level = "debug", name = "users.show", skip_all)]
    pub async fn show(&self, viewer: Viewer, user: UserId) -> Result<ProfileView> {
        let profile = self.profile(user).await?;
        let (first, shown) = (PageRequest::first(Self::SHOWN), PageRequest::first(Self::POSTS_SHOWN));
        Ok(ProfileView {
            followers: self.with_profiles(self.parts.profiles.followers(user, first).await?).await?.items,
            following: self.with_profiles(self.parts.profiles.following(user, first).await?).await?.items,
            posts_count: if_there(self.parts.posts.count(user).await)?,
            posts: if_there(self.parts.posts.by_author(user, Some(viewer.id), shown).await)?
                .unwrap_or(Page { items: Vec::new(), next: None }),
            relation: self.parts.profiles.relation(viewer.id, user).await?,
            role: self.parts.accounts.account(user).await?.role,
            profile,
        })
    }

    /// People whose username or name has `query` in it, newest first, with how many posts each has: `None` while the posts
    /// area cannot be asked.
    ///
    /// # Errors
    /// [`Error::Invalid`] on `query`.
    #[instrument(level = "debug", name = "users.search", skip_all)]
    pub async fn search(&self, query: &str, page: PageRequest<UserId>) -> Result<Page<(Profile, Option<u64>), UserId>> {
        let found = self.parts.profiles.search(&Search::parse(query)?, page).await?;
        let ids: Vec<_> = found.items.iter().map(|profile| profile.id).collect();
        let counts = if_there(self.parts.posts.counts(&ids).await)?;
        Ok(found.map(|profile| {
            let posts = counts.as_ref().map(|counts| counts.get(&profile.id).copied().unwrap_or(0));
            (profile, posts)
        }))
    }

    /// Changes the viewer's profile. Nothing changes when any part of it is refused.
    ///
    /// # Errors
    /// [`Error::Invalid`] on each bad field; [`Error::Conflict`] `username_taken` or `email_taken`; for the picture
    /// [`Error::TooLarge`] and [`Error::Unsupported`].
    #[instrument(level = "debug", name = "users.edit", skip_all)]
    pub async fn edit(&self, viewer: Viewer, edit: Edit) -> Result<OwnProfile> {
        let mut findings = Findings::default();
        let name = findings.check(edit.name.as_deref().map(Name::parse).transpose())?.flatten();
        let bio = findings.check(edit.bio.as_deref().map(Bio::parse).transpose())?.flatten();
        let username = findings.check(edit.username.as_deref().map(Username::parse).transpose())?.flatten();
        let email = findings.check(edit.email.as_deref().map(Email::parse).transpose())?.flatten();
        findings.settle()?;

        let picture = match edit.picture {
            Some(bytes) => Some(self.take_in(viewer.id, bytes).await?),
            None => None,
        };
        if username.is_some() || email.is_some() {
            let renamed = self.parts.accounts.rename(viewer.id, username.as_ref(), email.as_ref()).await;
            if let (Err(_), Some(picture)) = (&renamed, &picture) {
                self.parts.media.discard(&[picture.id]).await;
            }
            renamed?;
        }
        // From here on only an outage can fail; then the sweep finds out whether the picture is shown.
        if let Some(picture) = &picture {
            self.parts.media.claim(viewer.id, Holder::Profile(viewer.id), &[picture.id]).await?;
        }
        let change = ProfileChange { name, bio, username: None, picture: picture.as_ref().map(Into::into) };
        self.parts.profiles.update(viewer.id, &change, self.parts.clock.now()).await?.ok_or_else(user_not_found)?;
        if username.is_some() {
            keep_username(&*self.parts.profiles, &*self.parts.accounts, viewer.id, &*self.parts.clock).await?;
        }
        self.me(viewer).await
    }

    /// Deletes the viewer's account; what it made follows by event.
    ///
    /// # Errors
    /// [`Error::Forbidden`] `wrong_password`; [`Error::NotFound`] when it is gone already.
    #[instrument(level = "debug", name = "users.delete", skip_all)]
    pub async fn delete(&self, viewer: Viewer, password: &str) -> Result<()> {
        self.parts.accounts.delete(viewer.id, password).await
    }

    async fn take_in(&self, account: UserId, picture: Bytes) -> Result<Image> {
        let id = self.parts.ids.next(self.parts.clock.now());
        self.parts
            .media
            .upload(account, id, Purpose::Profile, picture, "")
            .await
            .map_err(|error| error.at("profilePicture"))
    }

    /// Follows somebody; returns their username.
    ///
    /// # Errors
    /// [`Error::Invalid`] on oneself; [`Error::NotFound`]; [`Error::Conflict`] `already_following`, `following_too_many`.
    #[instrument(level = "debug", name = "users.follow", skip_all)]
    pub async fn follow(&self, viewer: Viewer, user: UserId) -> Result<String> {
        if viewer.id == user {
            return Err(Error::invalid("id", "must be somebody else: one cannot follow oneself"));
        }
        let profile = self.profile(user).await?;
        let id = self.parts.ids.next(self.parts.clock.now());
        self.parts.profiles.follow(id, viewer.id, user, FOLLOWING_MAX).await?;
        Ok(profile.username.clone())
    }

    /// Stops following somebody; returns their username.
    ///
    /// # Errors
    /// [`Error::Invalid`] on oneself; [`Error::NotFound`]; [`Error::Conflict`] `not_following`.
    #[instrument(level = "debug", name = "users.unfollow", skip_all)]
    pub async fn unfollow(&self, viewer: Viewer, user: UserId) -> Result<String> {
        if viewer.id == user {
            return Err(Error::invalid("id", "must be somebody else: one cannot unfollow oneself"));
        }
        let profile = self.profile(user).await?;
        self.parts.profiles.unfollow(viewer.id, user).await?;
        Ok(profile.username.clone())
    }

    /// Who follows somebody, newest first.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    #[instrument(level = "debug", name = "users.followers", skip_all)]
    pub async fn followers(&self, user: UserId, page: PageRequest<FollowId>) -> Result<Page<Arc<Profile>, FollowId>> {
        self.profile(user).await?;
        self.with_profiles(self.parts.profiles.followers(user, page).await?).await
    }

    /// Whom somebody follows, newest first.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    #[instrument(level = "debug", name = "users.following", skip_all)]
    pub async fn following(&self, user: UserId, page: PageRequest<FollowId>) -> Result<Page<Arc<Profile>, FollowId>> {
        self.profile(user).await?;
        self.with_profiles(self.parts.profiles.following(user, page).await?).await
    }

    /// Somebody's posts, newest first.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    #[instrument(level = "debug", name = "users.posts", skip_all)]
    pub async fn posts(
        &self,
        viewer: Option<UserId>,
        user: UserId,
        page: PageRequest<PostId>,
    ) -> Result<Page<PostView, PostId>> {
        self.profile(user).await?;
        self.parts.posts.by_author(user, viewer, page).await
    }

    async fn profile(&self, user: UserId) -> Result<Arc<Profile>> {
        self.parts.profiles.by_ids(&[user]).await?.remove(&user).ok_or_else(user_not_found)
    }

    /// Puts the profiles to the follows, in their order; whoever is gone is left out.
    async fn with_profiles(&self, follows: Page<Follow, FollowId>) -> Result<Page<Arc<Profile>, FollowId>> {
        let ids: Vec<_> = follows.items.iter().map(|follow| follow.user).collect();
        let mut profiles = self.parts.profiles.by_ids(&ids).await?;
        let people = ids.iter().filter_map(|id| profiles.remove(id)).collect();
        Ok(Page { items: people, next: follows.next })
    }
}

/// What a neighbour says, unless it cannot be asked: a profile is more than its posts.
fn if_there<T>(asked: Result<T>) -> Result<Option<T>> {
    match asked {
        Err(error @ Error::Unavailable { .. }) => {
            tracing::debug!(error = &error as &dyn std::error::Error, "a profile is shown without its posts");
            Ok(None)
        }
        asked => asked.map(Some),
    }
}
