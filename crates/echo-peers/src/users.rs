//! Profiles and follows of another process.

mod following;
mod remote;
mod served;

use std::sync::Arc;

use echo_domain::{
    FollowId, MediaId, Timestamp, UserId,
    media::Picture,
    users::{Follow, Profile},
};
use serde::{Deserialize, Serialize};

use crate::{
    call::{Call, Manner},
    page::{PageBody, PageRequestBody},
};

pub use remote::RemoteDirectory;
pub(crate) use served::routes;

#[derive(Serialize, Deserialize)]
struct OpenProfile {
    user: UserId,
    username: String,
    name: String,
    now: Timestamp,
}

#[derive(Serialize, Deserialize)]
struct Profiles {
    users: Vec<UserId>,
}

#[derive(Serialize, Deserialize)]
struct FollowingOf {
    user: UserId,
}

#[derive(Serialize, Deserialize)]
struct Followers {
    user: UserId,
    page: PageRequestBody<FollowId>,
}

/// A profile on its way.
#[derive(Serialize, Deserialize)]
pub(crate) struct ProfileBody {
    id: UserId,
    username: String,
    name: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    bio: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    picture: Option<PictureBody>,
    followers: u64,
    most_followers: u64,
    following: u64,
    created: Timestamp,
    updated: Timestamp,
}

#[derive(Serialize, Deserialize)]
struct PictureBody {
    media: MediaId,
    location: String,
}

#[derive(Serialize, Deserialize)]
struct FollowBody {
    id: FollowId,
    user: UserId,
}

impl Call for OpenProfile {
    const MANNER: Manner = Manner::quick("/internal/users/open");
    type Answer = ();
}

impl Call for Profiles {
    const MANNER: Manner = Manner::quick("/internal/users/profiles");
    type Answer = Vec<ProfileBody>;
}

impl Call for Followers {
    const MANNER: Manner = Manner::quick("/internal/users/followers");
    type Answer = PageBody<FollowBody, FollowId>;
}

impl FollowingOf {
    /// Answered by what `following.rs` writes.
    const MANNER: Manner = Manner::quick("/internal/users/following");
}

impl From<&Profile> for ProfileBody {
    fn from(profile: &Profile) -> Self {
        let Profile { id, username, name, bio, picture, followers, most_followers, following, created, updated } =
            profile.clone();
        let picture = picture.map(|Picture { media, location }| PictureBody { media, location });
        Self { id, username, name, bio, picture, followers, most_followers, following, created, updated }
    }
}

impl From<ProfileBody> for Arc<Profile> {
    fn from(body: ProfileBody) -> Self {
        let ProfileBody { id, username, name, bio, picture, followers, most_followers, following, created, updated } =
            body;
        let picture = picture.map(|PictureBody { media, location }| Picture { media, location });
        Self::new(Profile { id, username, name, bio, picture, followers, most_followers, following, created, updated })
    }
}

impl From<Follow> for FollowBody {
    fn from(Follow { id, user }: Follow) -> Self {
        Self { id, user }
    }
}

impl From<FollowBody> for Follow {
    fn from(FollowBody { id, user }: FollowBody) -> Self {
        Self { id, user }
    }
}
