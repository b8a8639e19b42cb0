//! Every collection there is, area by area.

use std::time::Duration;

use crate::{
    areas::Area,
    indexes::{Declared, Index, Sharding},
};

/// All of them, as they are ensured at open.
pub(crate) const ALL: &[&Declared] = &[
    &EVENTS,
    &EVENTS_SET_ASIDE,
    &INSTANCES,
    &REQUESTS,
    &ACCOUNTS,
    &SESSIONS,
    &PROFILES,
    &FOLLOWS,
    &POSTS,
    &POST_WRITERS,
    &POST_TOTALS,
    &LIKES,
    &COMMENTS,
    &MEDIA,
    &BLOBS,
    &BLOBS_DOOMED,
    &MEDIA_WRITERS,
    &TRANSFER,
];

const DAY: Duration = Duration::from_secs(24 * 3600);

// Events: what happened, kept in the transaction that made it happen.

/// Unsharded: positions are unique, and it holds only what somebody still waits for.
pub(crate) const EVENTS: Declared = Declared {
    name: "events",
    area: None,
    required: &[("position", "long"), ("event", "object"), ("at", "date"), ("waiting", "array")],
    optional: &[("sent", "date"), ("trace", "string")],
    indexes: &[
        Index::on("position", &[("position", 1)]).unique(),
        Index::on("waiting", &[("waiting", 1), ("position", 1)]),
        Index::on("sent", &[("sent", 1), ("position", 1)]),
    ],
    sharding: Sharding::Unsharded,
};

/// Small: an operator looks at it.
pub(crate) const EVENTS_SET_ASIDE: Declared = Declared {
    name: "events_set_aside",
    area: None,
    required: &[
        ("consumer", "string"),
        ("position", "long"),
        ("event", "object"),
        ("reason", "string"),
        ("at", "date"),
    ],
    optional: &[],
    indexes: &[Index::on("consumer", &[("consumer", 1), ("position", 1)]).unique()],
    sharding: Sharding::Unsharded,
};

// Idempotency: requests and their replies, and the processes that do them.

/// Small: one document per process that ran in the last day.
pub(crate) const INSTANCES: Declared = Declared {
    name: "instances",
    area: None,
    required: &[("_id", "binData"), ("seen", "date")],
    optional: &[],
    indexes: &[Index::on("seen", &[("seen", 1)]).expiring(DAY)],
    sharding: Sharding::Unsharded,
};

/// One with a process is being done by it; one with a reply is done. The index deletes what `forget` did not.
pub(crate) const REQUESTS: Declared = Declared {
    name: "requests",
    area: None,
    required: &[("_id", "binData"), ("fingerprint", "binData"), ("seed", "objectId"), ("begun", "date")],
    optional: &[("process", "binData"), ("reply", "binData")],
    indexes: &[Index::on("begun", &[("begun", 1)]).expiring(Duration::from_secs(7 * 24 * 3600))],
    sharding: Sharding::Hashed("_id"),
};

// Auth: accounts and sessions.

/// Unsharded: usernames and e-mails are unique among all of them, each in an index of its own.
pub(crate) const ACCOUNTS: Declared = Declared {
    name: "accounts",
    area: Some(Area::Auth),
    required: &[
        ("_id", "objectId"),
        ("username", "string"),
        ("username_key", "string"),
        ("email", "string"),
        ("password", "string"),
        ("role", "string"),
        ("state", "string"),
        ("created", "date"),
    ],
    optional: &[],
    indexes: &[Index::on("username", &[("username_key", 1)]).unique(), Index::on("email", &[("email", 1)]).unique()],
    sharding: Sharding::Unsharded,
};

pub(crate) const SESSIONS: Declared = Declared {
    name: "sessions",
    area: Some(Area::Auth),
    required: &[
        ("_id", "objectId"),
        ("account", "objectId"),
        ("generation", "long"),
        ("rotated", "date"),
        ("nonce", "binData"),
        ("device", "string"),
        ("created", "date"),
        ("expires", "date"),
    ],
    optional: &[("revoked", "date")],
    indexes: &[
        Index::on("account", &[("account", 1), ("_id", -1)]),
        Index::on("expires", &[("expires", 1)]),
        Index::on("revoked", &[("revoked", 1)]).having("revoked"),
    ],
    sharding: Sharding::Hashed("_id"),
};

// Users: profiles with what they are found by, and follows.

/// `parts` are both names from each of their characters on: every part of a name begins one of these (ADR 0003).
pub(crate) const PROFILES: Declared = Declared {
    name: "profiles",
    area: Some(Area::Users),
    required: &[
        ("_id", "objectId"),
        ("username", "string"),
        ("name", "string"),
        ("bio", "string"),
        ("followers", "long"),
        ("most_followers", "long"),
        ("following", "long"),
        ("created", "date"),
        ("updated", "date"),
        ("parts", "array"),
    ],
    optional: &[("picture", "object")],
    indexes: &[
        Index::on("parts", &[("parts", 1)]),
        // All that a search looks at in the newest people, without the rest of them.
        Index::on("names", &[("_id", -1), ("username", 1), ("name", 1)]),
    ],
    sharding: Sharding::Hashed("_id"),
};

/// By who follows: whom an account follows lies on one shard, and so does whether it follows another.
pub(crate) const FOLLOWS: Declared = Declared {
    name: "follows",
    area: Some(Area::Users),
    required: &[("_id", "objectId"), ("follower", "objectId"), ("followee", "objectId")],
    optional: &[],
    indexes: &[
        Index::on("pair", &[("follower", 1), ("followee", 1)]).unique(),
        Index::on("follower", &[("follower", 1), ("_id", -1)]),
        Index::on("followee", &[("followee", 1), ("_id", -1)]),
    ],
    sharding: Sharding::Ranged(&["follower", "followee"]),
};

// Posts, their likes and comments, and how many there are of each.

/// By author: what somebody published lies on one shard. An id is unique on its shard alone, which is enough, since no id
/// is given to posts of two authors.
pub(crate) const POSTS: Declared = Declared {
    name: "posts",
    area: Some(Area::Posts),
    required: &[
        ("_id", "objectId"),
        ("author", "objectId"),
        ("created", "date"),
        ("content", "array"),
        ("like_count", "long"),
        ("comment_count", "long"),
        ("newest_likes", "array"),
        ("newest_comments", "array"),
    ],
    optional: &[],
    indexes: &[Index::on("author", &[("author", 1), ("_id", -1)])],
    sharding: Sharding::Hashed("author"),
};

/// Who published, liked or commented: how many posts they have, and whether they are barred.
pub(crate) const POST_WRITERS: Declared = Declared {
    name: "post_writers",
    area: Some(Area::Posts),
    required: &[("_id", "objectId")],
    optional: &[("posts", "long"), ("traces", "long"), ("barred", "bool")],
    indexes: &[Index::on("barred", &[("barred", 1), ("_id", 1)]).having("barred")],
    sharding: Sharding::Hashed("_id"),
};

/// Small: the number of all posts, in 256 parts.
pub(crate) const POST_TOTALS: Declared = Declared {
    name: "post_totals",
    area: Some(Area::Posts),
    required: &[("_id", "int"), ("posts", "long")],
    optional: &[],
    indexes: &[],
    sharding: Sharding::Unsharded,
};

/// By post: the likes of a post lie on one shard, those of a user on any.
pub(crate) const LIKES: Declared = Declared {
    name: "likes",
    area: Some(Area::Posts),
    required: &[("_id", "objectId"), ("post", "objectId"), ("user", "objectId")],
    optional: &[],
    indexes: &[
        Index::on("pair", &[("post", 1), ("user", 1)]).unique(),
        Index::on("post", &[("post", 1), ("_id", 1)]),
        Index::on("user", &[("user", 1), ("post", -1)]),
    ],
    sharding: Sharding::Hashed("post"),
};

/// By post, as the likes.
pub(crate) const COMMENTS: Declared = Declared {
    name: "comments",
    area: Some(Area::Posts),
    required: &[
        ("_id", "objectId"),
        ("post", "objectId"),
        ("author", "objectId"),
        ("content", "string"),
        ("created", "date"),
    ],
    optional: &[],
    indexes: &[Index::on("post", &[("post", 1), ("_id", 1)]), Index::on("author", &[("author", 1), ("_id", -1)])],
    sharding: Sharding::Hashed("post"),
};

// Media: images, who uploaded them, what shows them, and the blobs that they are of.

pub(crate) const MEDIA: Declared = Declared {
    name: "media",
    area: Some(Area::Media),
    required: &[("_id", "objectId"), ("account", "objectId"), ("image", "object"), ("bytes", "long")],
    optional: &[("holder", "string"), ("expires", "date"), ("blobs", "binData"), ("doomed", "bool")],
    indexes: &[
        Index::on("uploads", &[("account", 1), ("_id", -1)]),
        Index::on("holder", &[("holder", 1)]),
        Index::on("until", &[("expires", 1)]),
        Index::on("blobs", &[("blobs", 1)]),
        // Whether another image is delivered from the same address.
        Index::on("location", &[("image.location", 1)]),
        // Only those have it that came before there were sets of blobs.
        Index::on("older", &[("doomed", 1)]).having("doomed"),
    ],
    sharding: Sharding::Hashed("_id"),
};

/// By digest, which so is unique.
pub(crate) const BLOBS: Declared = Declared {
    name: "blobs",
    area: Some(Area::Media),
    required: &[
        ("_id", "binData"),
        ("stem", "objectId"),
        ("location", "string"),
        ("width", "long"),
        ("height", "long"),
        ("blurhash", "string"),
        ("variants", "array"),
        ("images", "long"),
    ],
    optional: &[("bytes", "long"), ("unmeasured", "bool")],
    indexes: &[Index::on("unmeasured", &[("unmeasured", 1)]).having("unmeasured")],
    sharding: Sharding::Hashed("_id"),
};

/// Those of which no image is any more, until they are gone.
pub(crate) const BLOBS_DOOMED: Declared = Declared {
    name: "blobs_doomed",
    area: Some(Area::Media),
    required: &[("_id", "objectId"), ("names", "array")],
    optional: &[],
    indexes: &[],
    sharding: Sharding::Hashed("_id"),
};

/// Who uploaded images, how many they have and what these count for, and whether they are barred.
pub(crate) const MEDIA_WRITERS: Declared = Declared {
    name: "media_writers",
    area: Some(Area::Media),
    required: &[("_id", "objectId")],
    optional: &[("images", "long"), ("bytes", "long"), ("barred", "bool")],
    indexes: &[
        Index::on("barred", &[("barred", 1), ("_id", 1)]).having("barred"),
        Index::on("bytes", &[("bytes", -1)]),
    ],
    sharding: Sharding::Hashed("_id"),
};

// Moving: how far a move into this database, or an import, has come.

/// One document.
pub(crate) const TRANSFER: Declared = Declared {
    name: "transfer",
    area: None,
    required: &[("_id", "int"), ("source", "string"), ("done", "bool"), ("place", "string")],
    optional: &[],
    indexes: &[],
    sharding: Sharding::Unsharded,
};
