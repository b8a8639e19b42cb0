//! What is looked at: for each check, whose ids it goes through, how it looks at some of them, and how what is wrong is
//! mended. Names, and what is told, are those that SQLite's doctor has.

use echo_domain::doctor::{self, Cure};
use futures_util::FutureExt;

use crate::{
    collections::{
        ACCOUNTS, COMMENTS, EVENTS, EVENTS_SET_ASIDE, FOLLOWS, LIKES, MEDIA, MEDIA_WRITERS, POST_WRITERS, POSTS,
        PROFILES, SESSIONS,
    },
    indexes::Declared,
    posts::{COMMENT, Kind, LIKE},
};

use super::{
    counts, gone, images, kept_long,
    look::{Look, Through},
    profiles, unreadable,
};

/// One thing to look at.
#[derive(Debug)]
pub(super) struct Check {
    pub name: &'static str,
    pub what: &'static str,
    /// None when it is one thing, which has no id.
    pub through: &'static [Through],
    pub look: Look,
    /// Consumers who may still have to see to it.
    pub waits: &'static [&'static str],
    pub mend: Mend,
}

/// How one thing that is wrong is mended. Whatever counts, counts in a transaction that conflicts with everybody who
/// changes the count; else it looks again at whether there is something to mend, or rests on an account being gone: that
/// stays so.
#[derive(Debug, Clone, Copy)]
pub(super) enum Mend {
    CountOnPost(&'static Kind),
    CountPosts,
    CountAllPosts,
    CountFollows,
    PurgePost,
    EraseTraces,
    RemovePost,
    OpenProfile,
    RenameProfile,
    EraseProfile,
    IndexProfile,
    EndSession,
    RemoveImage,
    CountImages,
    CountBytes,
    /// The server does, as long as it runs.
    Server,
    /// A person has to decide.
    Person,
}

impl Check {
    pub(super) const fn cure(&self) -> Cure {
        match self.mend {
            Mend::Server => Cure::Server,
            Mend::Person => Cure::Person,
            _ => Cure::Mend,
        }
    }
}

const fn through(declared: &'static Declared, field: &'static str) -> Through {
    Through { declared, field }
}

pub(super) const UNREADABLE: Check = Check {
    name: doctor::UNREADABLE,
    what: "posts, images and events that cannot be read",
    through: &[through(&POSTS, "_id"), through(&MEDIA, "_id"), through(&EVENTS, "_id")],
    look: |it, asked| unreadable::look(it, asked).boxed(),
    waits: &[],
    mend: Mend::Person,
};

const CHECKS: &[Check] = &[
    Check {
        name: "like-counts",
        what: "posts whose count of likes is wrong",
        through: &[through(&POSTS, "_id")],
        look: |it, asked| counts::on_posts(it, &LIKE, asked.ids).boxed(),
        waits: &[],
        mend: Mend::CountOnPost(&LIKE),
    },
    Check {
        name: "comment-counts",
        what: "posts whose count of comments is wrong",
        through: &[through(&POSTS, "_id")],
        look: |it, asked| counts::on_posts(it, &COMMENT, asked.ids).boxed(),
        waits: &[],
        mend: Mend::CountOnPost(&COMMENT),
    },
    Check {
        name: "newest-likes",
        what: "posts that show other likes than the newest",
        through: &[through(&POSTS, "_id")],
        look: |it, asked| counts::newest(it, &LIKE, asked.ids).boxed(),
        waits: &[],
        mend: Mend::CountOnPost(&LIKE),
    },
    Check {
        name: "newest-comments",
        what: "posts that show other comments than the newest",
        through: &[through(&POSTS, "_id")],
        look: |it, asked| counts::newest(it, &COMMENT, asked.ids).boxed(),
        waits: &[],
        mend: Mend::CountOnPost(&COMMENT),
    },
    Check {
        name: "post-counts",
        what: "people whose count of posts is wrong",
        through: &[through(&POST_WRITERS, "_id"), through(&POSTS, "author")],
        look: |it, asked| counts::of_authors(it, asked.ids).boxed(),
        waits: &[],
        mend: Mend::CountPosts,
    },
    Check {
        name: "post-total",
        what: "count of all posts that is wrong",
        through: &[],
        look: |it, _| counts::total(it).boxed(),
        waits: &[],
        mend: Mend::CountAllPosts,
    },
    Check {
        name: "follow-counts",
        what: "people whose counts of follows are wrong",
        through: &[through(&PROFILES, "_id")],
        look: |it, asked| counts::of_follows(it, asked.ids).boxed(),
        waits: &[],
        mend: Mend::CountFollows,
    },
    Check {
        name: "accounts-without-profile",
        what: "accounts without a profile",
        through: &[through(&ACCOUNTS, "_id")],
        look: |it, asked| profiles::missing(it, asked.ids).boxed(),
        waits: &["users"],
        mend: Mend::OpenProfile,
    },
    Check {
        name: "usernames",
        what: "profiles under another username than their account's",
        through: &[through(&PROFILES, "_id")],
        look: |it, asked| profiles::misnamed(it, asked.ids).boxed(),
        waits: &["users"],
        mend: Mend::RenameProfile,
    },
    Check {
        name: "profiles-without-account",
        what: "profiles or follows of accounts that are gone",
        through: &[through(&PROFILES, "_id"), through(&FOLLOWS, "follower"), through(&FOLLOWS, "followee")],
        look: |it, asked| gone::without(it, &ACCOUNTS, asked.ids).boxed(),
        waits: &["users"],
        mend: Mend::EraseProfile,
    },
    Check {
        name: "search",
        what: "profiles that are not found by name",
        through: &[through(&PROFILES, "_id")],
        look: |it, asked| profiles::not_found(it, asked.ids).boxed(),
        waits: &[],
        mend: Mend::IndexProfile,
    },
    Check {
        name: "search-leftovers",
        what: "people who are found by names that they have not",
        through: &[through(&PROFILES, "_id")],
        look: |it, asked| profiles::found_wrongly(it, asked.ids).boxed(),
        waits: &[],
        mend: Mend::IndexProfile,
    },
    Check {
        name: "posts-of-nobody",
        what: "posts of accounts that are gone",
        through: &[through(&POSTS, "_id")],
        look: |it, asked| gone::posts(it, asked.ids).boxed(),
        waits: &["posts"],
        mend: Mend::RemovePost,
    },
    Check {
        name: "reactions-to-nothing",
        what: "posts that are gone, but not all their likes and comments",
        through: &[through(&LIKES, "post"), through(&COMMENTS, "post")],
        look: |it, asked| gone::without(it, &POSTS, asked.ids).boxed(),
        waits: &["posts"],
        mend: Mend::PurgePost,
    },
    Check {
        name: "reactions-of-nobody",
        what: "accounts that are gone, but not all their likes and comments",
        through: &[through(&LIKES, "user"), through(&COMMENTS, "author")],
        look: |it, asked| gone::without(it, &ACCOUNTS, asked.ids).boxed(),
        waits: &["posts"],
        mend: Mend::EraseTraces,
    },
    Check {
        name: "images-overdue",
        what: "images whose time was over more than ten minutes ago",
        through: &[through(&MEDIA, "_id")],
        look: |it, asked| kept_long::images(it, asked).boxed(),
        waits: &[],
        mend: Mend::Server,
    },
    Check {
        name: "sessions-overdue",
        what: "sessions that ended more than two hours ago and are not forgotten",
        through: &[through(&SESSIONS, "_id")],
        look: |it, asked| kept_long::sessions(it, asked).boxed(),
        waits: &[],
        mend: Mend::Server,
    },
    Check {
        name: "sessions-of-nobody",
        what: "sessions of accounts that are gone",
        through: &[through(&SESSIONS, "_id")],
        look: |it, asked| gone::sessions(it, asked.ids).boxed(),
        waits: &[],
        mend: Mend::EndSession,
    },
    Check {
        name: "image-counts",
        what: "images whose blobs' count of images is wrong",
        through: &[through(&MEDIA, "_id")],
        look: |it, asked| counts::of_blobs(it, asked.ids).boxed(),
        waits: &[],
        mend: Mend::CountImages,
    },
    Check {
        name: "account-bytes",
        what: "people whose images count for something else than is kept",
        through: &[through(&MEDIA_WRITERS, "_id"), through(&MEDIA, "account")],
        look: |it, asked| counts::of_uploads(it, asked.ids).boxed(),
        waits: &[],
        mend: Mend::CountBytes,
    },
    Check {
        name: "events-set-aside",
        what: "events that kept failing and were set aside",
        through: &[through(&EVENTS_SET_ASIDE, "_id")],
        look: |it, asked| kept_long::events(it, asked.ids).boxed(),
        waits: &[],
        mend: Mend::Person,
    },
];

/// Those that read what posts and images' records say. They are wrong as long as one of these cannot be read.
const IMAGE_CHECKS: &[Check] = &[
    Check {
        name: "images-unshown",
        what: "images kept for what does not show them",
        through: &[through(&MEDIA, "_id")],
        look: |it, asked| images::unshown(it, asked.ids).boxed(),
        waits: &["media"],
        mend: Mend::RemoveImage,
    },
    Check {
        name: "images-missing",
        what: "images shown by a post or profile that have no record",
        through: &[through(&POSTS, "_id"), through(&PROFILES, "_id")],
        look: |it, asked| images::missing(it, asked).boxed(),
        waits: &["posts", "users"],
        mend: Mend::Person,
    },
];

/// All that can be made.
pub(super) fn possible(readable: bool) -> impl Iterator<Item = &'static Check> {
    CHECKS.iter().chain(if readable { IMAGE_CHECKS } else { &[] })
}
