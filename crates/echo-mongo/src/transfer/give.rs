//! Records as they lie in their collections, a page at a time, in the order of their keys.

use bson::{Bson, Document, doc};
use echo_domain::{
    Error,
    transfer::{Follow, Key, Kind, Record, Request, SetAside},
};
use futures_util::TryStreamExt;
use serde::de::DeserializeOwned;

use crate::{
    Mongo,
    auth::{AccountRow, SessionRow},
    collections::{
        ACCOUNTS, BLOBS, BLOBS_DOOMED, COMMENTS, EVENTS, EVENTS_SET_ASIDE, FOLLOWS, LIKES, MEDIA, MEDIA_WRITERS,
        POST_WRITERS, POSTS, PROFILES, REQUESTS, SESSIONS,
    },
    documents::{binary, count as natural, id, limit as at_most, oid, time},
    error::{Failure, Outcome},
    events::{EventRow, SetAsideRow},
    idempotency::RequestRow,
    indexes::Declared,
    media::{BlobsRow, DoomedRow, MediaRow},
    posts::{CommentRow, LikeRow, PostRow},
    users::{FollowRow, ProfileRow},
};

/// Up to `limit` records after `after`.
pub(super) async fn page(mongo: &Mongo, kind: Kind, after: Option<&Key>, limit: usize) -> Outcome<Vec<Record>> {
    let barred = doc! { "barred": true };
    match kind {
        Kind::Accounts => records(single(mongo, &ACCOUNTS, "_id", after, doc! {}, limit).await?, account),
        Kind::Sessions => records(single(mongo, &SESSIONS, "_id", after, doc! {}, limit).await?, session),
        Kind::Profiles => records(single(mongo, &PROFILES, "_id", after, doc! {}, limit).await?, profile),
        Kind::Follows => records(double(mongo, &FOLLOWS, ["follower", "followee"], after, limit).await?, follow),
        Kind::Posts => records(single(mongo, &POSTS, "_id", after, doc! {}, limit).await?, post),
        Kind::Likes => records(double(mongo, &LIKES, ["post", "_id"], after, limit).await?, like),
        Kind::Comments => records(double(mongo, &COMMENTS, ["post", "_id"], after, limit).await?, comment),
        Kind::BarredFromPosts => {
            let rows = single(mongo, &POST_WRITERS, "_id", after, barred, limit).await?;
            records(rows, |row: Document| Ok(Record::BarredFromPosts(barred_id(&row)?)))
        }
        Kind::Blobs => records(single(mongo, &BLOBS, "_id", after, doc! {}, limit).await?, blobs),
        Kind::DoomedBlobs => {
            let rows = single(mongo, &BLOBS_DOOMED, "_id", after, doc! {}, limit).await?;
            records(rows, |row: DoomedRow| Ok(Record::DoomedBlobs(row.into())))
        }
        Kind::Images => records(single(mongo, &MEDIA, "_id", after, doc! {}, limit).await?, image),
        Kind::BarredFromMedia => {
            let rows = single(mongo, &MEDIA_WRITERS, "_id", after, barred, limit).await?;
            records(rows, |row: Document| Ok(Record::BarredFromMedia(barred_id(&row)?)))
        }
        Kind::Requests => records(single(mongo, &REQUESTS, "_id", after, doc! {}, limit).await?, request),
        Kind::SetAside => {
            records(double(mongo, &EVENTS_SET_ASIDE, ["consumer", "position"], after, limit).await?, set_aside)
        }
        Kind::Events => records(single(mongo, &EVENTS, "position", after, doc! {}, limit).await?, event),
    }
}

/// As MongoDB keeps count of it.
pub(super) async fn count(mongo: &Mongo, kind: Kind) -> Outcome<u64> {
    let collection = match kind {
        Kind::Accounts => &ACCOUNTS,
        Kind::Sessions => &SESSIONS,
        Kind::Profiles => &PROFILES,
        Kind::Follows => &FOLLOWS,
        Kind::Posts => &POSTS,
        Kind::Likes => &LIKES,
        Kind::Comments => &COMMENTS,
        Kind::Blobs => &BLOBS,
        Kind::DoomedBlobs => &BLOBS_DOOMED,
        Kind::Images => &MEDIA,
        Kind::Requests => &REQUESTS,
        Kind::SetAside => &EVENTS_SET_ASIDE,
        Kind::Events => &EVENTS,
        Kind::BarredFromPosts => return n_barred(mongo, &POST_WRITERS).await,
        Kind::BarredFromMedia => return n_barred(mongo, &MEDIA_WRITERS).await,
    };
    Ok(mongo.collection::<Document>(collection).estimated_document_count().await?)
}

async fn n_barred(mongo: &Mongo, writers: &Declared) -> Outcome<u64> {
    Ok(mongo.collection::<Document>(writers).count_documents(doc! { "barred": true }).await?)
}

fn records<R>(rows: Vec<R>, read: impl Fn(R) -> Outcome<Record>) -> Outcome<Vec<Record>> {
    rows.into_iter().map(read).collect()
}

/// Rows in the order of one field.
async fn single<R: DeserializeOwned + Send + Sync + Unpin>(
    mongo: &Mongo,
    declared: &Declared,
    field: &str,
    after: Option<&Key>,
    mut filter: Document,
    limit: usize,
) -> Outcome<Vec<R>> {
    match after {
        None => {}
        Some(Key::Id(after)) => drop(filter.insert(field, doc! { "$gt": oid(*after) })),
        Some(Key::Digest(after)) => drop(filter.insert(field, doc! { "$gt": binary(after) })),
        Some(Key::Position(after)) => drop(filter.insert(field, doc! { "$gt": place(*after) })),
        Some(other) => return Err(strange(other)),
    }
    rows(mongo, declared, filter, doc! { field: 1 }, limit).await
}

/// Rows in the order of two fields: what is left under the first, then those under the next.
async fn double<R: DeserializeOwned + Send + Sync + Unpin>(
    mongo: &Mongo,
    declared: &Declared,
    [first, second]: [&str; 2],
    after: Option<&Key>,
    limit: usize,
) -> Outcome<Vec<R>> {
    let (major, minor): (Bson, Bson) = match after {
        None => return rows(mongo, declared, doc! {}, doc! { first: 1, second: 1 }, limit).await,
        Some(Key::Pair(major, minor)) => (oid(*major).into(), oid(*minor).into()),
        Some(Key::Place(consumer, position)) => (consumer.into(), place(*position).into()),
        Some(other) => return Err(strange(other)),
    };
    let under = doc! { first: &major, second: { "$gt": minor } };
    let mut found = rows(mongo, declared, under, doc! { second: 1 }, limit).await?;
    if found.len() < limit {
        let next = doc! { first: { "$gt": major } };
        found.extend(rows(mongo, declared, next, doc! { first: 1, second: 1 }, limit - found.len()).await?);
    }
    Ok(found)
}

async fn rows<R: DeserializeOwned + Send + Sync + Unpin>(
    mongo: &Mongo,
    declared: &Declared,
    filter: Document,
    order: Document,
    limit: usize,
) -> Outcome<Vec<R>> {
    Ok(mongo.collection::<R>(declared).find(filter).sort(order).limit(at_most(limit)).await?.try_collect().await?)
}

fn place(position: u64) -> i64 {
    i64::try_from(position).unwrap_or(i64::MAX)
}

fn strange(key: &Key) -> Failure {
    Error::internal(format!("{key} is a key of another kind")).into()
}

fn account(row: AccountRow) -> Outcome<Record> {
    Ok(Record::Account(row.read()?))
}

fn session(row: SessionRow) -> Outcome<Record> {
    let revoked = row.revoked.map(time);
    Ok(Record::Session { session: row.read()?, revoked })
}

fn profile(row: ProfileRow) -> Outcome<Record> {
    Ok(Record::Profile(row.read()?))
}

fn follow(row: FollowRow) -> Outcome<Record> {
    Ok(Record::Follow(Follow { id: id(row.id), follower: id(row.follower), followee: id(row.followee) }))
}

fn post(row: PostRow) -> Outcome<Record> {
    let detail = row.read()?;
    Ok(Record::Post { post: detail.post, likes: detail.like_count, comments: detail.comment_count })
}

fn like(row: LikeRow) -> Outcome<Record> {
    Ok(Record::Like(row.into()))
}

fn comment(row: CommentRow) -> Outcome<Record> {
    Ok(Record::Comment(row.into()))
}

fn image(row: MediaRow) -> Outcome<Record> {
    Ok(Record::Image(row.read()?))
}

fn blobs(row: BlobsRow) -> Outcome<Record> {
    let images = natural(row.images)?;
    Ok(Record::Blobs { blobs: row.read()?, images })
}

fn barred_id(row: &Document) -> Outcome<echo_domain::UserId> {
    Ok(id(row.get_object_id("_id").map_err(Error::internal)?))
}

fn request(row: RequestRow) -> Outcome<Record> {
    let digest =
        |bytes: Vec<u8>| bytes.try_into().map_err(|_| Error::internal("a request's digest has a wrong length"));
    Ok(Record::Request(Request {
        key: digest(row.key.bytes)?,
        fingerprint: digest(row.fingerprint.bytes)?,
        seed: id(row.seed),
        reply: row.reply.map(|reply| reply.bytes),
        begun: time(row.begun),
    }))
}

fn set_aside(row: SetAsideRow) -> Outcome<Record> {
    Ok(Record::SetAside(SetAside {
        consumer: row.consumer,
        position: natural(row.position)?,
        event: bson::deserialize_from_document(row.event)?,
        reason: row.reason,
        at: time(row.at),
    }))
}

fn event(row: EventRow) -> Outcome<Record> {
    Ok(Record::Event {
        position: natural(row.position)?,
        event: bson::deserialize_from_document(row.event)?,
        at: time(row.at),
    })
}
