//! What is looked at: one statement per check, which selects a row for each thing that is wrong, with its key and words
//! that tell of it. Ids are told as clients know them.

use echo_domain::doctor::Cure;

use crate::blobs::shown;

/// One thing to look at.
pub(super) struct Check {
    pub(super) name: &'static str,
    pub(super) what: &'static str,
    /// Selects `key, told`. `?1`, if there, is now. `pending` is there for it: what consumers still have to see to.
    pub(super) find: &'static str,
    pub(super) mend: Mend,
}

/// How one row that a check found is mended. It looks again at whether there is something to mend, or rests on an account
/// being gone: that stays so.
#[derive(Clone, Copy)]
pub(super) enum Mend {
    /// These statements, in one transaction; `?1` is the key.
    With(&'static [&'static str]),
    PurgePost,
    EraseTraces,
    RemovePost,
    /// Unless something shows it.
    RemoveImage,
    OpenProfile,
    RenameProfile,
    EraseProfile,
    IndexProfile,
    RecountImages,
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

/// The events that a consumer of records has not confirmed, by whom they are about: what follows from these is not done
/// yet, and so nothing is wrong. Without those that are about nobody: nothing is `NOT IN` what has a NULL.
pub(super) const PENDING: &str = "WITH consumers(name) AS (VALUES ('users'), ('posts'), ('media')),
    pending(consumer, subject) AS MATERIALIZED (
        SELECT * FROM (
            SELECT consumers.name, CASE WHEN json_valid(events.body)
                THEN unhex(coalesce(events.body ->> '$.post', events.body ->> '$.account')) END AS subject
            FROM consumers LEFT JOIN event_consumers ON event_consumers.name = consumers.name
            JOIN events ON events.position > coalesce(event_consumers.position, 0))
        WHERE subject IS NOT NULL)";

pub(super) const LAGS: &str = "WITH consumers(name) AS (VALUES ('users'), ('posts'), ('media'), ('feed'))
    SELECT consumers.name, count(events.position), min(events.at)
    FROM consumers LEFT JOIN event_consumers ON event_consumers.name = consumers.name
    LEFT JOIN events ON events.position > coalesce(event_consumers.position, 0)
    GROUP BY consumers.name ORDER BY consumers.name";

pub(super) const CHECKS: &[Check] = &[
    Check {
        name: "like-counts",
        what: "posts whose count of likes is wrong",
        find: "SELECT id, lower(hex(id)) || ' says ' || kept || ', has ' || n FROM
                 (SELECT id, like_count AS kept, (SELECT count(*) FROM likes WHERE post = posts.id) AS n FROM posts)
             WHERE kept <> n",
        mend: Mend::With(&[
            "UPDATE posts SET like_count = (SELECT count(*) FROM likes WHERE post = ?1) WHERE id = ?1",
        ]),
    },
    Check {
        name: "comment-counts",
        what: "posts whose count of comments is wrong",
        find: "SELECT id, lower(hex(id)) || ' says ' || kept || ', has ' || n FROM
                 (SELECT id, comment_count AS kept, (SELECT count(*) FROM comments WHERE post = posts.id) AS n FROM posts)
             WHERE kept <> n",
        mend: Mend::With(&[
            "UPDATE posts SET comment_count = (SELECT count(*) FROM comments WHERE post = ?1) WHERE id = ?1",
        ]),
    },
    Check {
        name: "post-counts",
        what: "people whose count of posts is wrong",
        find: "SELECT author, lower(hex(author)) || ' says ' || coalesce(posts, 0) || ', has ' || coalesce(n, 0) FROM
                 (SELECT author, count(*) AS n FROM posts GROUP BY author) FULL JOIN post_counts USING (author)
             WHERE n IS NOT posts",
        mend: Mend::With(&[
            "DELETE FROM post_counts WHERE author = ?1",
            "INSERT INTO post_counts SELECT author, count(*) FROM posts WHERE author = ?1 GROUP BY author",
        ]),
    },
    Check {
        name: "post-total",
        what: "count of all posts that is wrong",
        find: "SELECT 1, 'says ' || coalesce(kept, 'nothing') || ', there are ' || n FROM
                 (SELECT (SELECT posts FROM post_total WHERE one = 1) AS kept, (SELECT count(*) FROM posts) AS n)
             WHERE kept IS NOT n",
        mend: Mend::With(&["INSERT OR REPLACE INTO post_total SELECT ?1, count(*) FROM posts"]),
    },
    Check {
        name: "account-total",
        what: "count of all accounts that is wrong",
        find: "SELECT 1, 'says ' || coalesce(kept, 'nothing') || ', there are ' || n FROM
                 (SELECT (SELECT accounts FROM account_total WHERE one = 1) AS kept, (SELECT count(*) FROM accounts) AS n)
             WHERE kept IS NOT n",
        mend: Mend::With(&["INSERT OR REPLACE INTO account_total SELECT ?1, count(*) FROM accounts"]),
    },
    Check {
        name: "follow-counts",
        what: "people whose counts of follows are wrong",
        find: "SELECT id, lower(hex(id)) || ' says ' || followers || ' and ' || following || ', has ' || a || ' and ' || b
             FROM (SELECT id, followers, following,
                 (SELECT count(*) FROM follows WHERE followee = profiles.id) AS a,
                 (SELECT count(*) FROM follows WHERE follower = profiles.id) AS b FROM profiles)
             WHERE followers <> a OR following <> b",
        mend: Mend::With(&[
            "UPDATE profiles SET followers = (SELECT count(*) FROM follows WHERE followee = ?1),
                 following = (SELECT count(*) FROM follows WHERE follower = ?1) WHERE id = ?1",
            "UPDATE profiles SET most_followers = max(most_followers, followers) WHERE id = ?1",
        ]),
    },
    Check {
        name: "accounts-without-profile",
        what: "accounts without a profile",
        find: "SELECT id, lower(hex(id)) || ' ' || username FROM accounts
             WHERE NOT EXISTS (SELECT 1 FROM profiles WHERE profiles.id = accounts.id)
                 AND ('users', id) NOT IN pending",
        mend: Mend::OpenProfile,
    },
    Check {
        name: "usernames",
        what: "profiles under another username than their account's",
        find: "SELECT id, lower(hex(id)) || ' is called ' || profiles.username || ', not ' || accounts.username
             FROM profiles JOIN accounts USING (id)
             WHERE profiles.username <> accounts.username AND ('users', id) NOT IN pending",
        mend: Mend::RenameProfile,
    },
    Check {
        name: "profiles-without-account",
        what: "profiles or follows of accounts that are gone",
        find: "SELECT id, lower(hex(id)) FROM
                 (SELECT id FROM profiles UNION SELECT follower FROM follows UNION SELECT followee FROM follows) AS it
             WHERE NOT EXISTS (SELECT 1 FROM accounts WHERE accounts.id = it.id)
                 AND ('users', id) NOT IN pending",
        mend: Mend::EraseProfile,
    },
    Check {
        name: "search",
        what: "profiles that are not found by name",
        find: "SELECT id, username FROM profiles
             WHERE NOT EXISTS (SELECT 1 FROM name_parts WHERE part = lower(username) AND account = id)",
        mend: Mend::IndexProfile,
    },
    Check {
        name: "search-leftovers",
        what: "people who are found by names that they have not",
        // SQLite lower-cases ASCII alone, and so cannot tell of other names.
        find: "SELECT DISTINCT account, lower(hex(account)) FROM name_parts LEFT JOIN profiles ON profiles.id = account
             WHERE profiles.id IS NULL OR (name NOT GLOB '*[^ -~]*'
                 AND instr(lower(username), part) = 0 AND instr(lower(name), part) = 0)",
        mend: Mend::IndexProfile,
    },
    Check {
        name: "posts-of-nobody",
        what: "posts of accounts that are gone",
        find: "SELECT id, lower(hex(id)) FROM posts
             WHERE NOT EXISTS (SELECT 1 FROM accounts WHERE accounts.id = author) AND ('posts', author) NOT IN pending",
        mend: Mend::RemovePost,
    },
    Check {
        name: "reactions-to-nothing",
        what: "posts that are gone, but not all their likes and comments",
        find: "SELECT post, lower(hex(post)) FROM (SELECT post FROM likes UNION SELECT post FROM comments)
             WHERE NOT EXISTS (SELECT 1 FROM posts WHERE id = post) AND ('posts', post) NOT IN pending",
        mend: Mend::PurgePost,
    },
    Check {
        name: "reactions-of-nobody",
        what: "accounts that are gone, but not all their likes and comments",
        find: "SELECT user, lower(hex(user)) FROM (SELECT user FROM likes UNION SELECT author FROM comments)
             WHERE NOT EXISTS (SELECT 1 FROM accounts WHERE id = user) AND ('posts', user) NOT IN pending",
        mend: Mend::EraseTraces,
    },
    Check {
        name: "images-overdue",
        what: "images whose time was over more than ten minutes ago",
        find: "SELECT id, lower(hex(id)) FROM media WHERE expires < ?1 - 600000",
        mend: Mend::Server,
    },
    Check {
        name: "sessions-overdue",
        what: "sessions that ended more than two hours ago and are not forgotten",
        find: "SELECT id, lower(hex(id)) FROM sessions WHERE coalesce(revoked, expires) < ?1 - 7200000",
        mend: Mend::Server,
    },
    Check {
        name: "sessions-of-nobody",
        what: "sessions of accounts that are gone",
        find: "SELECT id, lower(hex(id)) FROM sessions
             WHERE revoked IS NULL AND NOT EXISTS (SELECT 1 FROM accounts WHERE accounts.id = account)",
        mend: Mend::With(&["DELETE FROM sessions
             WHERE id = ?1 AND NOT EXISTS (SELECT 1 FROM accounts WHERE accounts.id = account)"]),
    },
    Check {
        name: "image-counts",
        what: "sets of blobs whose count of images is wrong",
        find: "SELECT digest, lower(hex(stem)) || ' says ' || kept || ', has ' || n FROM
                 (SELECT digest, stem, images AS kept,
                     (SELECT count(*) FROM media WHERE media.blobs = digest) AS n FROM blobs)
             WHERE kept <> n OR n = 0",
        mend: Mend::RecountImages,
    },
    Check {
        name: "images-without-blobs",
        what: "images of sets of blobs that are not there",
        find: "SELECT blobs, lower(hex(id)) FROM media
             WHERE blobs IS NOT NULL AND NOT EXISTS (SELECT 1 FROM blobs WHERE digest = media.blobs)",
        // Without a length nobody has measured them. They are not to go, whoever doomed them.
        mend: Mend::With(&[
            "INSERT INTO blobs
             SELECT blobs, unhex(substr(image ->> '$.location', 1, 24)), json_remove(image, '$.id', '$.alt'),
                 nullif(bytes, 0), (SELECT count(*) FROM media WHERE blobs = ?1)
             FROM media WHERE blobs = ?1 LIMIT 1",
            "DELETE FROM blobs_doomed WHERE stem = (SELECT stem FROM blobs WHERE digest = ?1)",
        ]),
    },
    Check {
        name: "account-bytes",
        what: "people whose images count for something else than is kept",
        find: "SELECT account, lower(hex(account)) || ' says ' || coalesce(bytes, 0) || ', has ' || coalesce(n, 0) FROM
                 (SELECT account, sum(bytes) AS n FROM media GROUP BY account HAVING n > 0)
                 FULL JOIN media_bytes USING (account)
             WHERE n IS NOT bytes",
        mend: Mend::With(&[
            "DELETE FROM media_bytes WHERE account = ?1",
            "INSERT INTO media_bytes SELECT account, sum(bytes) AS n FROM media WHERE account = ?1
             GROUP BY account HAVING n > 0",
        ]),
    },
    Check {
        name: "events-set-aside",
        what: "events that kept failing and were set aside",
        find: "SELECT position, consumer || ' ' || position || ': ' || reason FROM events_set_aside",
        mend: Mend::Person,
    },
];

/// Those that read what posts and images' records say. They are wrong as long as one of these cannot be read.
pub(super) const IMAGE_CHECKS: &[Check] = &[
    Check {
        name: "images-unshown",
        what: "images kept for what does not show them",
        find: concat!(
            "SELECT id, lower(hex(id)) || ' for ' || coalesce(holder, 'nothing') FROM media WHERE expires IS NULL
                 AND NOT ",
            shown!(),
            " AND ('media', account) NOT IN pending
              AND (holder IS NULL OR ('media', unhex(substr(holder, instr(holder, ':') + 1))) NOT IN pending)"
        ),
        mend: Mend::RemoveImage,
    },
    Check {
        name: "images-missing",
        what: "images shown by a post or profile that have no record",
        find: "SELECT wanted, by || ' shows ' || lower(hex(wanted)) FROM
                 (SELECT unhex(block.value ->> '$.image.id') AS wanted, 'post ' || lower(hex(posts.id)) AS by
                  FROM posts, json_each(content) AS block
                  WHERE block.value ->> '$.type' = 'image' AND ('posts', author) NOT IN pending
                  UNION ALL
                  SELECT picture_media, 'profile ' || lower(hex(id)) FROM profiles
                  WHERE picture_media IS NOT NULL AND ('users', id) NOT IN pending)
             WHERE NOT EXISTS (SELECT 1 FROM media WHERE id = wanted)",
        mend: Mend::Person,
    },
];

/// All that can be made.
pub(super) fn possible(readable: bool) -> impl Iterator<Item = &'static Check> {
    CHECKS.iter().chain(if readable { IMAGE_CHECKS } else { &[] })
}
