//! Which processes live, so that what a dead one left undone is taken over.

use std::time::Duration;

use bson::{Binary, DateTime, doc};
use mongodb::Collection;
use serde::{Deserialize, Serialize};
use tokio::task::JoinHandle;

use crate::{Mongo, collections::INSTANCES, documents::binary, error::Outcome};

/// A process that has the database open.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct InstanceRow {
    #[serde(rename = "_id")]
    id: Binary,
    /// By the server's clock: those of the processes need not agree.
    seen: DateTime,
}

const BEAT: Duration = Duration::from_secs(2);

/// Beats missed by a pause of the process or the network must not make it dead.
const DEAD_AFTER_MILLIS: i64 = 10_000;

/// Says at once that this process lives, and goes on to say so.
pub(crate) async fn live(mongo: &Mongo) -> mongodb::error::Result<JoinHandle<()>> {
    let instances = mongo.collection::<InstanceRow>(&INSTANCES);
    let id = binary(&mongo.options.instance);
    beat(&instances, &id).await?;
    Ok(tokio::spawn(async move {
        loop {
            tokio::time::sleep(BEAT).await;
            if let Err(error) = beat(&instances, &id).await {
                tracing::warn!(error = crate::error::describe(&error), "MongoDB did not hear that this process lives");
            }
        }
    }))
}

async fn beat(instances: &Collection<InstanceRow>, id: &Binary) -> mongodb::error::Result<()> {
    let seen = doc! { "$currentDate": { "seen": true } };
    instances.update_one(doc! { "_id": id }, seen).upsert(true).await.map(drop)
}

/// This process has ended.
pub(crate) async fn end(mongo: &Mongo) -> Outcome<()> {
    let own = doc! { "_id": binary(&mongo.options.instance) };
    mongo.collection::<InstanceRow>(&INSTANCES).delete_one(own).await?;
    Ok(())
}

/// Whether any other process was seen lately.
pub(crate) async fn others_live(mongo: &Mongo) -> Outcome<bool> {
    let instances = mongo.collection::<InstanceRow>(&INSTANCES);
    let id = binary(&mongo.options.instance);
    let Some(own) = instances.find_one(doc! { "_id": &id }).await? else { return Ok(true) };
    let dead = DateTime::from_millis(own.seen.timestamp_millis() - DEAD_AFTER_MILLIS);
    Ok(instances.find_one(doc! { "seen": { "$gt": dead }, "_id": { "$ne": id } }).await?.is_some())
}

/// Whether that process was seen lately, as measured by when this one was.
pub(crate) async fn lives(mongo: &Mongo, process: &Binary) -> Outcome<bool> {
    let instances = mongo.collection::<InstanceRow>(&INSTANCES);
    let Some(other) = instances.find_one(doc! { "_id": process }).await? else { return Ok(false) };
    let Some(own) = instances.find_one(doc! { "_id": binary(&mongo.options.instance) }).await? else {
        return Ok(true);
    };
    Ok(other.seen.timestamp_millis() > own.seen.timestamp_millis() - DEAD_AFTER_MILLIS)
}
