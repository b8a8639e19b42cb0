//! Records that come from elsewhere, added to their collections with what follows from them, in one transaction.

use std::collections::BTreeMap;

use bson::{Document, doc, oid::ObjectId};
use echo_domain::transfer::{Checkpoint, Kind, Record, Request};
use futures_util::TryStreamExt;

use crate::{
    auth::{AccountRow, SessionRow, taken},
    collections::{
        ACCOUNTS, BLOBS, BLOBS_DOOMED, COMMENTS, EVENTS, EVENTS_SET_ASIDE, FOLLOWS, LIKES, MEDIA, MEDIA_WRITERS,
        POST_WRITERS, POSTS, PROFILES, REQUESTS, SESSIONS, TRANSFER,
    },
    documents::{binary, date, oid},
    error::Outcome,
    events::{EventRow, SetAsideRow},
    indexes::Declared,
    media::{self, BlobsRow, DoomedRow, MediaRow},
    posts::{self, COMMENT, CommentRow, LIKE, LikeRow, PostRow},
    transaction::Tx,
    users::{self, FollowRow},
};

use super::{REACHED, ReachedRow};

/// Adds what is not there yet, kind by kind, and remembers the checkpoint.
pub(super) async fn put(mut tx: Tx<'_>, records: &[Record], reached: &Checkpoint) -> Outcome<()> {
    for kind in Kind::ALL {
        let documents = records.iter().filter(|record| record.kind() == kind).map(|record| document(&tx, record));
        let documents: Vec<_> = documents.collect::<Outcome<_>>()?;
        if !documents.is_empty() {
            add(&mut tx, kind, documents).await?;
        }
    }
    let Checkpoint { source, done, place } = reached.clone();
    let row = ReachedRow { id: REACHED, source, done, place };
    let kept = tx.mongo.collection::<ReachedRow>(&TRANSFER);
    kept.replace_one(doc! { "_id": REACHED }, row).upsert(true).session(&mut *tx.session).await?;
    Ok(())
}

async fn add(tx: &mut Tx<'_>, kind: Kind, documents: Vec<Document>) -> Outcome<()> {
    let by_id = &["_id"];
    match kind {
        Kind::Accounts => drop(insert(tx, &ACCOUNTS, by_id, documents).await.map_err(taken)?),
        Kind::Sessions => drop(insert(tx, &SESSIONS, by_id, documents).await?),
        Kind::Profiles => drop(insert(tx, &PROFILES, by_id, documents).await?),
        Kind::Follows => {
            let added = insert(tx, &FOLLOWS, by_id, documents).await?;
            users::count_follows(tx, &tally(&added, "follower")?, &tally(&added, "followee")?).await?;
        }
        Kind::Posts => {
            let added = insert(tx, &POSTS, by_id, documents).await?;
            posts::count_posts(tx, &ids(&added, "_id")?, &tally(&added, "author")?).await?;
        }
        Kind::Likes => {
            let added = insert(tx, &LIKES, by_id, documents).await?;
            posts::count_added(tx, &LIKE, added).await?;
        }
        Kind::Comments => {
            let added = insert(tx, &COMMENTS, by_id, documents).await?;
            posts::count_added(tx, &COMMENT, added).await?;
        }
        Kind::BarredFromPosts => bar(tx, &POST_WRITERS, &ids(&documents, "_id")?).await?,
        Kind::Blobs => drop(insert(tx, &BLOBS, by_id, documents).await?),
        Kind::DoomedBlobs => drop(insert(tx, &BLOBS_DOOMED, by_id, documents).await?),
        Kind::Images => {
            let added = insert(tx, &MEDIA, by_id, documents).await?;
            media::count_added(tx, added).await?;
        }
        Kind::BarredFromMedia => bar(tx, &MEDIA_WRITERS, &ids(&documents, "_id")?).await?,
        Kind::Requests => drop(insert(tx, &REQUESTS, by_id, documents).await?),
        Kind::SetAside => drop(insert(tx, &EVENTS_SET_ASIDE, &["consumer", "position"], documents).await?),
        Kind::Events => {
            insert(tx, &EVENTS, &["position"], documents).await?;
            tx.announce();
        }
    }
    Ok(())
}

/// The record as its collection keeps it, before anything is counted.
fn document(tx: &Tx<'_>, record: &Record) -> Outcome<Document> {
    Ok(match record {
        Record::Account(account) => bson::serialize_to_document(&AccountRow::of(account))?,
        Record::Session { session, revoked } => {
            let mut row = SessionRow::of(session);
            row.revoked = revoked.map(date);
            bson::serialize_to_document(&row)?
        }
        Record::Profile(profile) => users::unfollowed(profile)?,
        Record::Follow(follow) => bson::serialize_to_document(&FollowRow {
            id: oid(follow.id),
            follower: oid(follow.follower),
            followee: oid(follow.followee),
        })?,
        Record::Post { post, .. } => bson::serialize_to_document(&PostRow::new(post))?,
        Record::Like(like) => bson::serialize_to_document(&LikeRow::from(*like))?,
        Record::Comment(comment) => bson::serialize_to_document(&CommentRow::from(comment))?,
        Record::BarredFromPosts(user) | Record::BarredFromMedia(user) => doc! { "_id": oid(*user) },
        Record::Blobs { blobs, .. } => bson::serialize_to_document(&BlobsRow::new(blobs, 0))?,
        Record::DoomedBlobs(blobs) => bson::serialize_to_document(&DoomedRow::from(blobs.clone()))?,
        Record::Image(media) => bson::serialize_to_document(&MediaRow::new(media))?,
        Record::Request(request) => request_document(request),
        Record::SetAside(aside) => bson::serialize_to_document(&SetAsideRow {
            consumer: aside.consumer.clone(),
            position: place(aside.position),
            event: bson::serialize_to_document(&aside.event)?,
            reason: aside.reason.clone(),
            at: date(aside.at),
        })?,
        Record::Event { position, event, at } => bson::serialize_to_document(&EventRow {
            position: place(*position),
            event: bson::serialize_to_document(event)?,
            at: date(*at),
            waiting: tx.mongo.options.consumers.iter().map(|name| (*name).to_owned()).collect(),
            trace: None,
        })?,
    })
}

/// Nobody is doing it: whoever was, was another server.
fn request_document(request: &Request) -> Document {
    let mut document = doc! {
        "_id": binary(&request.key), "fingerprint": binary(&request.fingerprint), "seed": oid(request.seed),
        "begun": date(request.begun),
    };
    if let Some(reply) = &request.reply {
        document.insert("reply", binary(reply));
    }
    document
}

/// Inserts those that are not there by the fields that are unique together, and returns them. A follow and a like are
/// known by their ids as well as by whose they are: a transfer never makes another for the same.
async fn insert(
    tx: &mut Tx<'_>,
    declared: &Declared,
    unique: &[&str],
    documents: Vec<Document>,
) -> Outcome<Vec<Document>> {
    let kept = tx.mongo.collection::<Document>(declared);
    let names = |document: &Document| -> Document {
        unique.iter().filter_map(|field| Some(((*field).to_owned(), document.get(field)?.clone()))).collect()
    };
    let (mut wanted, mut fields) = (Document::new(), Document::new());
    for field in unique {
        let values: Vec<_> = documents.iter().filter_map(|document| document.get(field)).collect();
        wanted.insert(*field, doc! { "$in": values });
        fields.insert(*field, 1);
    }
    let mut found = kept.find(wanted).projection(fields).session(&mut *tx.session).await?;
    let mut there: Vec<Document> = found.stream(&mut *tx.session).map_ok(|row| names(&row)).try_collect().await?;
    let mut new = Vec::new();
    for document in documents {
        let name = names(&document);
        if !there.contains(&name) {
            there.push(name);
            new.push(document);
        }
    }
    if !new.is_empty() {
        kept.insert_many(&new).session(&mut *tx.session).await?;
    }
    Ok(new)
}

async fn bar(tx: &mut Tx<'_>, writers: &Declared, users: &[ObjectId]) -> Outcome<()> {
    let kept = tx.mongo.collection::<Document>(writers);
    for user in users {
        let barred = kept.update_one(doc! { "_id": user }, doc! { "$set": { "barred": true } }).upsert(true);
        barred.session(&mut *tx.session).await?;
    }
    Ok(())
}

fn ids(documents: &[Document], field: &str) -> Outcome<Vec<ObjectId>> {
    let id = |document: &Document| Ok(document.get_object_id(field).map_err(echo_domain::Error::internal)?);
    documents.iter().map(id).collect()
}

/// How many of the documents have each id in the field.
fn tally(documents: &[Document], field: &str) -> Outcome<BTreeMap<ObjectId, i64>> {
    let mut tally = BTreeMap::new();
    for id in ids(documents, field)? {
        *tally.entry(id).or_default() += 1;
    }
    Ok(tally)
}

fn place(position: u64) -> i64 {
    i64::try_from(position).unwrap_or(i64::MAX)
}
