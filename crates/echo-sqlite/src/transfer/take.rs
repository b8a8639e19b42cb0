//! Records that come from elsewhere, added to their tables with what follows from them.

use echo_domain::{
    Timestamp,
    auth::Session,
    transfer::{Follow, Record, Request, SetAside},
    users::Profile,
};
use rusqlite::params;

use crate::{
    auth,
    error::Outcome,
    events::column,
    media, posts,
    sql::{self, Sql, key},
    users,
    writer::Tx,
};

/// Adds the record, unless it is there.
pub(super) fn add(tx: &Tx<'_>, record: &Record) -> Outcome<()> {
    match record {
        Record::Account(account) => auth::add(tx, account).map(drop),
        Record::Session { session, revoked } => add_session(tx, session, *revoked),
        Record::Profile(profile) => add_profile(tx, profile),
        Record::Follow(follow) => add_follow(tx, *follow),
        Record::Post { post, .. } => posts::add(tx, post).map(drop),
        Record::Like(like) => posts::take_like(tx, *like),
        Record::Comment(comment) => posts::take_comment(tx, comment),
        Record::BarredFromPosts(user) => {
            done(tx.run("INSERT INTO posts_barred (user) VALUES (?1) ON CONFLICT DO NOTHING", [key(*user)]))
        }
        Record::Blobs { blobs, .. } => media::sets::insert(tx, blobs),
        Record::DoomedBlobs(blobs) => media::sets::doom(tx, blobs),
        Record::Image(image) => media::insert(tx, image),
        Record::BarredFromMedia(user) => {
            done(tx.run("INSERT INTO media_barred (account) VALUES (?1) ON CONFLICT DO NOTHING", [key(*user)]))
        }
        Record::Request(request) => add_request(tx, request),
        Record::SetAside(aside) => add_set_aside(tx, aside),
        Record::Event { position, event, at } => done(tx.run(
            "INSERT INTO events (position, body, at) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING",
            params![column(*position), sql::to_json(event)?, at.millis()],
        )),
    }
}

fn done(rows: rusqlite::Result<usize>) -> Outcome<()> {
    rows?;
    Ok(())
}

fn add_session(tx: &Tx<'_>, session: &Session, revoked: Option<Timestamp>) -> Outcome<()> {
    if auth::insert_session(tx, session)? && revoked.is_some() {
        let sql = "UPDATE sessions SET revoked = ?2 WHERE id = ?1";
        tx.run(sql, params![key(session.id), revoked.map(Timestamp::millis)])?;
    }
    Ok(())
}

fn add_profile(tx: &Tx<'_>, profile: &Profile) -> Outcome<()> {
    if users::insert(tx, profile)? && profile.most_followers > 0 {
        let sql = "UPDATE profiles SET most_followers = ?2 WHERE id = ?1";
        tx.run(sql, params![key(profile.id), i64::try_from(profile.most_followers).unwrap_or(i64::MAX)])?;
    }
    Ok(())
}

/// Counted at the ends that are there.
fn add_follow(tx: &Tx<'_>, Follow { id, follower, followee }: Follow) -> Outcome<()> {
    let sql = "INSERT INTO follows (id, follower, followee) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING";
    if tx.run(sql, [key(id), key(follower), key(followee)])? > 0 {
        users::count_follow(tx, follower, followee)?;
    }
    Ok(())
}

/// Nobody is doing it: whoever was, was another server.
fn add_request(tx: &Tx<'_>, request: &Request) -> Outcome<()> {
    done(tx.run(
        "INSERT INTO requests (key, fingerprint, seed, reply, begun) VALUES (?1, ?2, ?3, ?4, ?5)
         ON CONFLICT DO NOTHING",
        params![request.key, request.fingerprint, key(request.seed), request.reply, request.begun.millis()],
    ))
}

fn add_set_aside(tx: &Tx<'_>, aside: &SetAside) -> Outcome<()> {
    done(tx.run(
        "INSERT INTO events_set_aside (consumer, position, body, reason, at) VALUES (?1, ?2, ?3, ?4, ?5)
         ON CONFLICT DO NOTHING",
        params![aside.consumer, column(aside.position), sql::to_json(&aside.event)?, aside.reason, aside.at.millis()],
    ))
}
