//! All collections as records that move: beside the doctor, this alone looks at the collections of all areas.

mod give;
mod take;

use std::sync::Arc;

use async_trait::async_trait;
use bson::doc;
use echo_domain::{
    Result,
    transfer::{Checkpoint, Key, Kind, Record, Source, Target},
};
use futures_util::FutureExt;
use serde::{Deserialize, Serialize};

use crate::{
    Mongo,
    areas::{Area, NotOpened},
    collections::TRANSFER,
};

/// Gives out and takes in all that a database keeps.
pub struct MongoTransfer(pub(crate) Arc<Mongo>);

impl MongoTransfer {
    /// # Errors
    /// [`NotOpened`] when the process has not opened the databases of all areas.
    pub fn new(mongo: Arc<Mongo>) -> Result<Self, NotOpened> {
        mongo.with(Area::ALL).map(Self)
    }
}

/// How far a move into this database, or an import, has come.
#[derive(Debug, Serialize, Deserialize)]
struct ReachedRow {
    #[serde(rename = "_id")]
    id: i32,
    source: String,
    done: bool,
    place: String,
}

/// There is one.
const REACHED: i32 = 1;

#[async_trait]
impl Source for MongoTransfer {
    async fn page(&self, kind: Kind, after: Option<&Key>, limit: usize) -> Result<Vec<Record>> {
        self.0.run("transfer.page", give::page(&self.0, kind, after, limit)).await
    }

    async fn count(&self, kind: Kind) -> Result<u64> {
        self.0.run("transfer.count", give::count(&self.0, kind)).await
    }
}

#[async_trait]
impl Target for MongoTransfer {
    async fn put(&self, records: Vec<Record>, reached: &Checkpoint) -> Result<()> {
        self.0
            .transaction("transfer.put", (records, reached), |tx, (records, reached)| {
                take::put(tx, records, reached).boxed()
            })
            .await
    }

    async fn reached(&self) -> Result<Option<Checkpoint>> {
        let work = async {
            let found = self.0.collection::<ReachedRow>(&TRANSFER).find_one(doc! { "_id": REACHED }).await?;
            Ok(found.map(|ReachedRow { source, done, place, .. }| Checkpoint { source, done, place }))
        };
        self.0.run("transfer.reached", work).await
    }
}
