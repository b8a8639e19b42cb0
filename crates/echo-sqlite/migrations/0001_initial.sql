-- Ids are the twelve bytes of an ObjectId, times are milliseconds since 1970. An area touches only its own tables,
-- so there are no foreign keys.

-- Events: what happened, kept in the transaction that made it happen.

CREATE TABLE events (
    position INTEGER PRIMARY KEY AUTOINCREMENT,
    body     TEXT NOT NULL,
    at       INTEGER NOT NULL DEFAULT (CAST(unixepoch('subsec') * 1000 AS INTEGER))
) STRICT;

CREATE TABLE event_consumers (
    name     TEXT NOT NULL PRIMARY KEY,
    position INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE events_set_aside (
    consumer TEXT NOT NULL,
    position INTEGER NOT NULL,
    body     TEXT NOT NULL,
    reason   TEXT NOT NULL,
    at       INTEGER NOT NULL DEFAULT (CAST(unixepoch('subsec') * 1000 AS INTEGER)),
    PRIMARY KEY (consumer, position)
) STRICT, WITHOUT ROWID;

-- Idempotency: requests and their replies. One with a process is being done by it; one with a reply is done.

CREATE TABLE requests (
    key         BLOB NOT NULL PRIMARY KEY,
    fingerprint BLOB NOT NULL,
    seed        BLOB NOT NULL,
    process     BLOB,
    reply       BLOB,
    begun       INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX requests_begun ON requests (begun);

-- Auth: accounts and sessions.

CREATE TABLE accounts (
    id           BLOB NOT NULL PRIMARY KEY,
    username     TEXT NOT NULL,
    username_key TEXT NOT NULL UNIQUE,
    email        TEXT NOT NULL UNIQUE,
    password     TEXT NOT NULL,
    role         TEXT NOT NULL,
    state        TEXT NOT NULL,
    created      INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE sessions (
    id         BLOB NOT NULL PRIMARY KEY,
    account    BLOB NOT NULL,
    generation INTEGER NOT NULL,
    rotated    INTEGER NOT NULL,
    nonce      BLOB NOT NULL,
    device     TEXT NOT NULL,
    created    INTEGER NOT NULL,
    expires    INTEGER NOT NULL,
    revoked    INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX sessions_account ON sessions (account, id);
CREATE INDEX sessions_expires ON sessions (expires);
CREATE INDEX sessions_revoked ON sessions (revoked) WHERE revoked IS NOT NULL;

-- Users: profiles, what to find them by, and follows.

CREATE TABLE profiles (
    id               BLOB NOT NULL PRIMARY KEY,
    username         TEXT NOT NULL,
    name             TEXT NOT NULL,
    bio              TEXT NOT NULL,
    picture_media    BLOB,
    picture_location TEXT,
    followers        INTEGER NOT NULL,
    following        INTEGER NOT NULL,
    created          INTEGER NOT NULL,
    updated          INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Both names from each of their characters on, lower-cased: every part of a name begins one of these.
CREATE TABLE name_parts (
    part    TEXT NOT NULL,
    account BLOB NOT NULL,
    PRIMARY KEY (part, account)
) STRICT, WITHOUT ROWID;

CREATE TABLE follows (
    follower BLOB NOT NULL,
    followee BLOB NOT NULL,
    id       BLOB NOT NULL,
    PRIMARY KEY (follower, followee)
) STRICT, WITHOUT ROWID;
CREATE INDEX follows_by_follower ON follows (follower, id, followee);
CREATE INDEX follows_by_followee ON follows (followee, id, follower);

-- Posts, their likes and comments, and how many there are of each.

CREATE TABLE posts (
    id            BLOB NOT NULL PRIMARY KEY,
    author        BLOB NOT NULL,
    created       INTEGER NOT NULL,
    content       TEXT NOT NULL,
    like_count    INTEGER NOT NULL DEFAULT 0,
    comment_count INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX posts_author ON posts (author, id);

CREATE TABLE post_counts (
    author BLOB NOT NULL PRIMARY KEY,
    posts  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE post_total (
    one   INTEGER PRIMARY KEY CHECK (one = 1),
    posts INTEGER NOT NULL
) STRICT;
INSERT INTO post_total VALUES (1, 0);

CREATE TABLE likes (
    post BLOB NOT NULL,
    id   BLOB NOT NULL,
    user BLOB NOT NULL,
    PRIMARY KEY (post, id)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX likes_user ON likes (user, post);

CREATE TABLE comments (
    post    BLOB NOT NULL,
    id      BLOB NOT NULL,
    author  BLOB NOT NULL,
    content TEXT NOT NULL,
    created INTEGER NOT NULL,
    PRIMARY KEY (post, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX comments_author ON comments (author, id);

-- Who was erased, and adds nothing any more.
CREATE TABLE posts_barred (
    user BLOB NOT NULL PRIMARY KEY
) STRICT, WITHOUT ROWID;

-- Media: images, who uploaded them, and what shows them. The doomed ones are on their way out.

CREATE TABLE media (
    id      BLOB NOT NULL PRIMARY KEY,
    account BLOB NOT NULL,
    image   TEXT NOT NULL,
    holder  TEXT,
    expires INTEGER,
    doomed  INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX media_account ON media (account, id) WHERE doomed = 0;
CREATE INDEX media_holder ON media (holder) WHERE holder IS NOT NULL;
CREATE INDEX media_expires ON media (expires) WHERE expires IS NOT NULL AND doomed = 0;
CREATE INDEX media_doomed ON media (id) WHERE doomed = 1;

CREATE TABLE media_barred (
    account BLOB NOT NULL PRIMARY KEY
) STRICT, WITHOUT ROWID;
