//! Requests that were begun, and their replies.

use std::sync::Arc;

use async_trait::async_trait;
use bson::{Binary, DateTime, Document, doc, oid::ObjectId};
use echo_domain::{
    RawId, Result, Timestamp,
    idempotency::{Begun, Fingerprint, IdempotencyStore, RequestKey},
};
use futures_util::TryStreamExt;
use mongodb::{Collection, options::ReadConcern};
use serde::{Deserialize, Serialize};

use crate::{
    Mongo,
    collections::REQUESTS,
    documents::{binary, date, id, limit as at_most, oid},
    error::{Failure, Outcome},
    instances,
};

/// Remembers requests in MongoDB. Several processes serve, so whether one died is told by when it was last seen.
pub struct MongoIdempotency(pub Arc<Mongo>);

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct RequestRow {
    #[serde(rename = "_id")]
    pub(crate) key: Binary,
    pub(crate) fingerprint: Binary,
    pub(crate) seed: ObjectId,
    /// Who does it now.
    #[serde(skip_serializing_if = "Option::is_none")]
    process: Option<Binary>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) reply: Option<Binary>,
    pub(crate) begun: DateTime,
}

#[async_trait]
impl IdempotencyStore for MongoIdempotency {
    async fn begin(&self, key: &RequestKey, fingerprint: &Fingerprint, seed: RawId, now: Timestamp) -> Result<Begun> {
        self.0.run("idempotency.begin", begin(&self.0, key, fingerprint, seed, now)).await
    }

    async fn finish(&self, key: &RequestKey, reply: &[u8]) -> Result<()> {
        let done = doc! { "$set": { "reply": binary(reply) }, "$unset": { "process": 1 } };
        self.0.run("idempotency.finish", change(&self.0, key, done)).await
    }

    async fn release(&self, key: &RequestKey) -> Result<()> {
        self.0.run("idempotency.release", change(&self.0, key, doc! { "$unset": { "process": 1 } })).await
    }

    async fn forget(&self, before: Timestamp, limit: usize) -> Result<usize> {
        let work = async {
            let old = doc! { "begun": { "$lt": date(before) } };
            let oldest = requests(&self.0).find(old).sort(doc! { "begun": 1 }).limit(at_most(limit)).await?;
            let rows: Vec<_> = oldest.try_collect().await?;
            let keys: Vec<_> = rows.into_iter().map(|row| row.key).collect();
            let deleted = requests(&self.0).delete_many(doc! { "_id": { "$in": keys } }).await?.deleted_count;
            Ok(usize::try_from(deleted).unwrap_or(usize::MAX))
        };
        self.0.run("idempotency.forget", work).await
    }
}

async fn begin(
    mongo: &Mongo,
    key: &RequestKey,
    fingerprint: &Fingerprint,
    seed: RawId,
    now: Timestamp,
) -> Outcome<Begun> {
    let own = binary(&mongo.options.instance);
    let first = RequestRow {
        key: binary(key),
        fingerprint: binary(fingerprint),
        seed: oid(seed),
        process: Some(own.clone()),
        reply: None,
        begun: date(now),
    };
    match requests(mongo).insert_one(first).await.map_err(Failure::from) {
        Ok(_) => return Ok(Begun::First { seed }),
        Err(failure) if failure.duplicate().is_some() => {}
        Err(failure) => return Err(failure),
    }
    // Of now, also if a majority has not got it yet.
    let begun = requests(mongo).find_one(doc! { "_id": binary(key) }).read_concern(ReadConcern::local()).await?;
    // Forgotten just now: whoever asks again begins anew.
    let Some(request) = begun else { return Ok(Begun::Running) };
    if request.fingerprint.bytes != fingerprint {
        return Ok(Begun::Mismatch);
    }
    if let Some(reply) = request.reply {
        return Ok(Begun::Done(reply.bytes));
    }
    if let Some(process) = &request.process
        && (*process == own || instances::lives(mongo, process).await?)
    {
        return Ok(Begun::Running);
    }
    take_over(mongo, &request, &own, now).await
}

/// Begins anew what nobody does any more, unless somebody else has just done so.
async fn take_over(mongo: &Mongo, request: &RequestRow, own: &Binary, now: Timestamp) -> Outcome<Begun> {
    let abandoned = doc! { "_id": &request.key, "process": request.process.clone(), "reply": null };
    let taken = doc! { "$set": { "process": own, "begun": date(now) } };
    let updated = requests(mongo).update_one(abandoned, taken).await?;
    Ok(if updated.matched_count > 0 { Begun::First { seed: id(request.seed) } } else { Begun::Running })
}

async fn change(mongo: &Mongo, key: &RequestKey, change: Document) -> Outcome<()> {
    Ok(requests(mongo).update_one(doc! { "_id": binary(key) }, change).await.map(drop)?)
}

fn requests(mongo: &Mongo) -> Collection<RequestRow> {
    mongo.collection(&REQUESTS)
}
