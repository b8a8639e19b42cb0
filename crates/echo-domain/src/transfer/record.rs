//! Records as they are kept, whole, and what orders them.

use std::{fmt, time::Duration};

use serde::{Deserialize, Serialize};

use crate::{
    Event, FollowId, RawId, Timestamp, UserId,
    auth::{Account, Session},
    idempotency::{Fingerprint, RequestKey},
    media::{BlobSet, DoomedBlobs, Media},
    posts::{Comment, Like, Post},
    users::Profile,
};

/// One record, with all that an Echo would miss without it. What follows from others is not among them: the search, the
/// counts of posts, timelines.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Record {
    Account(Account),
    Session {
        session: Session,
        revoked: Option<Timestamp>,
    },
    /// `followers` and `following` are for comparing: a [`super::Target`] counts the follows that it is given.
    Profile(Profile),
    Follow(Follow),
    /// Its counts are for comparing: a [`super::Target`] counts the likes and comments that it is given.
    Post {
        post: Post,
        likes: u64,
        comments: u64,
    },
    Like(Like),
    Comment(Comment),
    /// Somebody erased, from whom nothing is taken any more in the posts area.
    BarredFromPosts(UserId),
    /// `images`, how many are of them, is for comparing: a [`super::Target`] counts the images that it is given.
    Blobs {
        blobs: BlobSet,
        images: u64,
    },
    DoomedBlobs(DoomedBlobs),
    Image(Media),
    /// The same in the media area.
    BarredFromMedia(UserId),
    Request(Request),
    SetAside(SetAside),
    /// One that some consumer has not confirmed. After a move, all of them hear it: a second time changes nothing.
    Event {
        position: u64,
        event: Event,
        at: Timestamp,
    },
}

/// One account following another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Follow {
    pub id: FollowId,
    pub follower: UserId,
    pub followee: UserId,
}

/// A request that came with an `Idempotency-Key`, and its reply if it was done. One that was not is begun anew.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Request {
    pub key: RequestKey,
    pub fingerprint: Fingerprint,
    pub seed: RawId,
    pub reply: Option<Vec<u8>>,
    pub begun: Timestamp,
}

/// An event that a consumer could not handle.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct SetAside {
    pub consumer: String,
    pub position: u64,
    pub event: Event,
    pub reason: String,
    pub at: Timestamp,
}

/// What a record is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    Accounts,
    Sessions,
    Profiles,
    Follows,
    Posts,
    Likes,
    Comments,
    BarredFromPosts,
    Blobs,
    DoomedBlobs,
    Images,
    BarredFromMedia,
    Requests,
    SetAside,
    Events,
}

/// Names a record among those of its kind, and orders them.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Key {
    Id(RawId),
    /// Of follows: follower and followee. Of likes and comments: post and id.
    Pair(RawId, RawId),
    Digest([u8; 32]),
    Position(u64),
    /// Of events set aside: consumer and position.
    Place(String, u64),
}

impl Kind {
    /// In the order in which they move: what others count on goes first.
    pub const ALL: [Self; 15] = [
        Self::Accounts,
        Self::Sessions,
        Self::Profiles,
        Self::Follows,
        Self::Posts,
        Self::Likes,
        Self::Comments,
        Self::BarredFromPosts,
        Self::Blobs,
        Self::DoomedBlobs,
        Self::Images,
        Self::BarredFromMedia,
        Self::Requests,
        Self::SetAside,
        Self::Events,
    ];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Accounts => "accounts",
            Self::Sessions => "sessions",
            Self::Profiles => "profiles",
            Self::Follows => "follows",
            Self::Posts => "posts",
            Self::Likes => "likes",
            Self::Comments => "comments",
            Self::BarredFromPosts => "barred from posts",
            Self::Blobs => "blobs",
            Self::DoomedBlobs => "doomed blobs",
            Self::Images => "images",
            Self::BarredFromMedia => "barred from media",
            Self::Requests => "requests",
            Self::SetAside => "events set aside",
            Self::Events => "events",
        }
    }
}

impl Record {
    pub const fn kind(&self) -> Kind {
        match self {
            Self::Account(_) => Kind::Accounts,
            Self::Session { .. } => Kind::Sessions,
            Self::Profile(_) => Kind::Profiles,
            Self::Follow(_) => Kind::Follows,
            Self::Post { .. } => Kind::Posts,
            Self::Like(_) => Kind::Likes,
            Self::Comment(_) => Kind::Comments,
            Self::BarredFromPosts(_) => Kind::BarredFromPosts,
            Self::Blobs { .. } => Kind::Blobs,
            Self::DoomedBlobs(_) => Kind::DoomedBlobs,
            Self::Image(_) => Kind::Images,
            Self::BarredFromMedia(_) => Kind::BarredFromMedia,
            Self::Request(_) => Kind::Requests,
            Self::SetAside(_) => Kind::SetAside,
            Self::Event { .. } => Kind::Events,
        }
    }

    pub fn key(&self) -> Key {
        match self {
            Self::Account(account) => Key::Id(account.id.into()),
            Self::Session { session, .. } => Key::Id(session.id.into()),
            Self::Profile(profile) => Key::Id(profile.id.into()),
            Self::Follow(follow) => Key::Pair(follow.follower.into(), follow.followee.into()),
            Self::Post { post, .. } => Key::Id(post.id.into()),
            Self::Like(like) => Key::Pair(like.post.into(), like.id.into()),
            Self::Comment(comment) => Key::Pair(comment.post.into(), comment.id.into()),
            Self::BarredFromPosts(user) | Self::BarredFromMedia(user) => Key::Id((*user).into()),
            Self::Blobs { blobs, .. } => Key::Digest(blobs.digest.to_bytes()),
            Self::DoomedBlobs(blobs) => Key::Id(blobs.stem.into()),
            Self::Image(media) => Key::Id(media.image.id.into()),
            Self::Request(request) => Key::Digest(request.key),
            Self::SetAside(aside) => Key::Place(aside.consumer.clone(), aside.position),
            Self::Event { position, .. } => Key::Position(*position),
        }
    }

    /// Whether it is still of use at `time`. What is not, a store may have forgotten by itself.
    pub fn lasts_until(&self, time: Timestamp) -> bool {
        const REPLIES: Duration = Duration::from_secs(24 * 3600);
        match self {
            Self::Session { session, revoked } => revoked.is_none() && session.expires > time,
            Self::Request(request) => request.begun + REPLIES > time,
            _ => true,
        }
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Id(id) => write!(f, "{id}"),
            Self::Pair(first, second) => write!(f, "{first} {second}"),
            Self::Digest(digest) => digest.iter().try_for_each(|byte| write!(f, "{byte:02x}")),
            Self::Position(position) => write!(f, "{position}"),
            Self::Place(consumer, position) => write!(f, "{consumer} {position}"),
        }
    }
}
