//! Records as they lie in their tables, a page at a time, in the order of their keys.

use echo_domain::{
    Error, Timestamp,
    transfer::{Follow, Key, Kind, Record, Request, SetAside},
};
use rusqlite::{Connection, Row, ToSql, params};

use crate::{
    auth::{account_of, session_of},
    error::{Failure, Outcome},
    events::confirmed_by_all,
    media::{media_of, sets},
    posts::{comment_of, like_of, post_of},
    sql::{self, Sql},
    users::profile_of,
};

const ACCOUNTS: &str = "SELECT id, username, email, password, role, state, created FROM accounts
     WHERE id > ?1 ORDER BY id LIMIT ?2";
const SESSIONS: &str = "SELECT id, account, generation, rotated, nonce, device, created, expires, revoked FROM sessions
     WHERE id > ?1 ORDER BY id LIMIT ?2";
const PROFILES: &str = "SELECT id, username, name, bio, picture_media, picture_location, followers, following, created,
         updated, most_followers FROM profiles WHERE id > ?1 ORDER BY id LIMIT ?2";
const FOLLOWS: &str = "SELECT id, follower, followee FROM follows
     WHERE (follower, followee) > (?1, ?2) ORDER BY follower, followee LIMIT ?3";
const POSTS: &str = "SELECT id, author, created, content, like_count, comment_count FROM posts
     WHERE id > ?1 ORDER BY id LIMIT ?2";
const LIKES: &str = "SELECT id, post, user FROM likes WHERE (post, id) > (?1, ?2) ORDER BY post, id LIMIT ?3";
const COMMENTS: &str = "SELECT id, post, author, content, created FROM comments
     WHERE (post, id) > (?1, ?2) ORDER BY post, id LIMIT ?3";
const BARRED_FROM_POSTS: &str = "SELECT user FROM posts_barred WHERE user > ?1 ORDER BY user LIMIT ?2";
const BLOBS: &str = "SELECT digest, stem, shape, bytes, images FROM blobs WHERE digest > ?1 ORDER BY digest LIMIT ?2";
const DOOMED_BLOBS: &str = "SELECT stem, names FROM blobs_doomed WHERE stem > ?1 ORDER BY stem LIMIT ?2";
const IMAGES: &str = "SELECT image, account, holder, expires, blobs, bytes FROM media
     WHERE id > ?1 ORDER BY id LIMIT ?2";
const BARRED_FROM_MEDIA: &str = "SELECT account FROM media_barred WHERE account > ?1 ORDER BY account LIMIT ?2";
const REQUESTS: &str = "SELECT key, fingerprint, seed, reply, begun FROM requests WHERE key > ?1 ORDER BY key LIMIT ?2";
const SET_ASIDE: &str = "SELECT consumer, position, body, reason, at FROM events_set_aside
     WHERE (consumer, position) > (?1, ?2) ORDER BY consumer, position LIMIT ?3";
const EVENTS: &str = "SELECT position, body, at FROM events WHERE position > ?1 ORDER BY position LIMIT ?2";

type Read = fn(&Row<'_>) -> rusqlite::Result<Record>;

/// Up to `limit` records after `after`.
pub(super) fn page(
    conn: &Connection,
    consumers: &[&'static str],
    kind: Kind,
    after: Option<&Key>,
    limit: i64,
) -> Outcome<Vec<Record>> {
    let one = |sql: &str, read: Read| {
        let after = single(after)?;
        Ok(conn.all(sql, params![after, limit], read)?)
    };
    let two = |sql: &str, read: Read| {
        let (first, second) = pair(after)?;
        Ok(conn.all(sql, params![first, second, limit], read)?)
    };
    match kind {
        Kind::Accounts => one(ACCOUNTS, |row| Ok(Record::Account(account_of(row)?))),
        Kind::Sessions => one(SESSIONS, session),
        Kind::Profiles => one(PROFILES, |row| Ok(Record::Profile(profile_of(row)?))),
        Kind::Follows => two(FOLLOWS, follow),
        Kind::Posts => one(POSTS, post),
        Kind::Likes => two(LIKES, |row| Ok(Record::Like(like_of(row)?))),
        Kind::Comments => two(COMMENTS, |row| Ok(Record::Comment(comment_of(row)?))),
        Kind::BarredFromPosts => one(BARRED_FROM_POSTS, |row| Ok(Record::BarredFromPosts(sql::id(row, 0)?))),
        Kind::Blobs => one(BLOBS, blobs),
        Kind::DoomedBlobs => one(DOOMED_BLOBS, |row| Ok(Record::DoomedBlobs(sets::doomed_of(row)?))),
        Kind::Images => one(IMAGES, |row| Ok(Record::Image(media_of(row)?))),
        Kind::BarredFromMedia => one(BARRED_FROM_MEDIA, |row| Ok(Record::BarredFromMedia(sql::id(row, 0)?))),
        Kind::Requests => one(REQUESTS, request),
        Kind::SetAside => two(SET_ASIDE, set_aside),
        Kind::Events => {
            let after = place(after)?.max(confirmed_by_all(conn, consumers)?.unwrap_or(0));
            Ok(conn.all(EVENTS, params![after, limit], event)?)
        }
    }
}

/// How many there are. Its statements read whole tables, and so pass by `sql::prepare`: no request runs them.
pub(super) fn count(conn: &Connection, consumers: &[&'static str], kind: Kind) -> Outcome<u64> {
    let table = match kind {
        Kind::Accounts => "accounts",
        Kind::Sessions => "sessions",
        Kind::Profiles => "profiles",
        Kind::Follows => "follows",
        Kind::Posts => "posts",
        Kind::Likes => "likes",
        Kind::Comments => "comments",
        Kind::BarredFromPosts => "posts_barred",
        Kind::Blobs => "blobs",
        Kind::DoomedBlobs => "blobs_doomed",
        Kind::Images => "media",
        Kind::BarredFromMedia => "media_barred",
        Kind::Requests => "requests",
        Kind::SetAside => "events_set_aside",
        Kind::Events => {
            let sql = "SELECT count(*) FROM events WHERE position > ?1";
            let confirmed = confirmed_by_all(conn, consumers)?.unwrap_or(0);
            return Ok(conn.query_row(sql, [confirmed], |row| sql::count(row, 0))?);
        }
    };
    Ok(conn.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| sql::count(row, 0))?)
}

/// The bytes that a key column is compared with; none come before all others.
fn single(after: Option<&Key>) -> Outcome<Vec<u8>> {
    match after {
        None => Ok(Vec::new()),
        Some(Key::Id(id)) => Ok(id.to_bytes().to_vec()),
        Some(Key::Digest(digest)) => Ok(digest.to_vec()),
        Some(other) => Err(strange(other)),
    }
}

/// What a pair of key columns is compared with.
fn pair(after: Option<&Key>) -> Outcome<(Box<dyn ToSql>, Box<dyn ToSql>)> {
    match after {
        None => Ok((Box::new(""), Box::new(""))),
        Some(Key::Pair(first, second)) => Ok((Box::new(first.to_bytes()), Box::new(second.to_bytes()))),
        Some(Key::Place(consumer, position)) => {
            Ok((Box::new(consumer.clone()), Box::new(i64::try_from(*position).unwrap_or(i64::MAX))))
        }
        Some(other) => Err(strange(other)),
    }
}

fn place(after: Option<&Key>) -> Outcome<i64> {
    match after {
        None => Ok(0),
        Some(Key::Position(position)) => Ok(i64::try_from(*position).unwrap_or(i64::MAX)),
        Some(other) => Err(strange(other)),
    }
}

fn strange(key: &Key) -> Failure {
    Error::internal(format!("{key} is a key of another kind")).into()
}

fn session(row: &Row<'_>) -> rusqlite::Result<Record> {
    let revoked: Option<i64> = row.get(8)?;
    Ok(Record::Session { session: session_of(row)?, revoked: revoked.map(Timestamp::from_millis) })
}

fn follow(row: &Row<'_>) -> rusqlite::Result<Record> {
    Ok(Record::Follow(Follow { id: sql::id(row, 0)?, follower: sql::id(row, 1)?, followee: sql::id(row, 2)? }))
}

fn post(row: &Row<'_>) -> rusqlite::Result<Record> {
    Ok(Record::Post { post: post_of(row)?, likes: sql::count(row, 4)?, comments: sql::count(row, 5)? })
}

fn blobs(row: &Row<'_>) -> rusqlite::Result<Record> {
    Ok(Record::Blobs { blobs: sets::set_of(row)?, images: sql::count(row, 4)? })
}

fn request(row: &Row<'_>) -> rusqlite::Result<Record> {
    Ok(Record::Request(Request {
        key: row.get(0)?,
        fingerprint: row.get(1)?,
        seed: sql::id(row, 2)?,
        reply: row.get(3)?,
        begun: sql::time(row, 4)?,
    }))
}

fn set_aside(row: &Row<'_>) -> rusqlite::Result<Record> {
    Ok(Record::SetAside(SetAside {
        consumer: row.get(0)?,
        position: sql::count(row, 1)?,
        event: sql::from_json(row, 2)?,
        reason: row.get(3)?,
        at: sql::time(row, 4)?,
    }))
}

fn event(row: &Row<'_>) -> rusqlite::Result<Record> {
    Ok(Record::Event { position: sql::count(row, 0)?, event: sql::from_json(row, 1)?, at: sql::time(row, 2)? })
}
