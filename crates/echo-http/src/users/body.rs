//! Profiles as JSON shows them.

use std::sync::Arc;

use echo_domain::{
    Page, PostId, Result, UserId,
    users::{OwnProfile, Profile, ProfileView},
};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    cursor::{Cursors, List},
    media::{Links, PictureBody},
    posts::{ReadyPost, ReadyPosts},
    reply::Moment,
};

/// What every profile shows.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct PublicProfileBody {
    #[serde(rename = "_id")]
    id: String,
    name: String,
    username: String,
    bio: String,
    profile_picture: PictureBody,
    followers_count: u64,
    following_count: u64,
    /// `null` while posts cannot be asked for
    posts_count: Option<u64>,
    #[schema(value_type = String, format = DateTime)]
    created_at: Moment,
    #[schema(value_type = String, format = DateTime)]
    updated_at: Moment,
}

/// The own profile.
#[derive(Serialize, ToSchema)]
pub(crate) struct OwnProfileBody {
    #[serde(flatten)]
    profile: PublicProfileBody,
    email: String,
    #[schema(example = "user")]
    role: &'static str,
    /// The newest 100.
    #[schema(value_type = Vec<String>)]
    followers: Vec<UserId>,
    /// The newest 100.
    #[schema(value_type = Vec<String>)]
    following: Vec<UserId>,
}

/// Somebody's profile.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct ProfileBody {
    #[serde(flatten)]
    profile: PublicProfileBody,
    #[schema(example = "user")]
    role: &'static str,
    /// The newest 100.
    followers: Vec<PersonBody>,
    /// The newest 100.
    following: Vec<PersonBody>,
    /// The newest 20.
    posts: Vec<ReadyPost>,
    /// Goes on with `GET /api/users/{id}/posts`.
    next_posts_cursor: Option<String>,
    is_following: bool,
    follows_you: bool,
}

/// Somebody in a list.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PersonBody {
    #[serde(rename = "_id")]
    id: String,
    name: String,
    username: String,
    profile_picture: PictureBody,
}

impl PublicProfileBody {
    pub(super) fn new(profile: &Profile, posts: Option<u64>, links: &Links) -> Self {
        Self {
            id: profile.id.to_string(),
            name: profile.name.clone(),
            username: profile.username.clone(),
            bio: profile.bio.clone(),
            profile_picture: PictureBody::new(profile.picture.as_ref(), links),
            followers_count: profile.followers,
            following_count: profile.following,
            posts_count: posts,
            created_at: profile.created.into(),
            updated_at: profile.updated.into(),
        }
    }
}

impl OwnProfileBody {
    pub(crate) fn new(own: OwnProfile, links: &Links) -> Self {
        Self {
            email: own.account.email.as_str().to_owned(),
            role: own.account.role.as_str(),
            followers: own.followers,
            following: own.following,
            profile: PublicProfileBody::new(&own.profile, own.posts_count, links),
        }
    }
}

impl ProfileBody {
    pub(super) fn new(view: ProfileView, cursors: &Cursors, links: &Links, ready: &ReadyPosts) -> Result<Self> {
        let people = |people: Vec<Arc<Profile>>| people.iter().map(|person| PersonBody::new(person, links)).collect();
        let Page { items, next } = view.posts;
        Ok(Self {
            followers: people(view.followers),
            following: people(view.following),
            posts: ready.all(items)?,
            next_posts_cursor: next.map(|id: PostId| cursors.seal(List::Posts, id.into())),
            is_following: view.relation.is_following,
            follows_you: view.relation.follows_you,
            role: view.role.as_str(),
            profile: PublicProfileBody::new(&view.profile, view.posts_count, links),
        })
    }
}

impl PersonBody {
    pub(crate) fn new(person: &Profile, links: &Links) -> Self {
        Self {
            id: person.id.to_string(),
            profile_picture: PictureBody::new(person.picture.as_ref(), links),
            name: person.name.clone(),
            username: person.username.clone(),
        }
    }
}
