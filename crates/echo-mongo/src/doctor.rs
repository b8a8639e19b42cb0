//! Looks through the collections of all areas for what does not fit together, and mends it.
//!
//! Nobody can hold still what many processes change, nor does MongoDB keep a moment for as long as it takes to read
//! everything. So each check goes through the ids of what it looks at, some at a time, and looks at these in one
//! transaction, which sees all collections as they were at one moment.

mod checks;
mod counts;
mod gone;
mod images;
mod kept_long;
mod look;
mod mend;
mod profiles;
#[cfg(test)]
mod tests;
mod unreadable;

use std::sync::Arc;

use async_trait::async_trait;
use bson::doc;
use echo_domain::{
    Result, Timestamp,
    doctor::{Checked, Doctor, Examination, Lag, Mended, NamedBlob},
};

use crate::{
    Mongo,
    areas::{Area, NotOpened},
    collections::EVENTS,
    documents::time,
    error::Outcome,
    events::EventRow,
};

use checks::{Check, UNREADABLE};
use look::look_through;

/// Examines and mends a database on MongoDB.
pub struct MongoDoctor(pub(crate) Arc<Mongo>);

impl MongoDoctor {
    /// # Errors
    /// [`NotOpened`] when the process has not opened the databases of all areas.
    pub fn new(mongo: Arc<Mongo>) -> Result<Self, NotOpened> {
        mongo.with(Area::ALL).map(Self)
    }
}

#[async_trait]
impl Doctor for MongoDoctor {
    async fn examine(&self, now: Timestamp) -> Result<Examination> {
        let unreadable = examine(&self.0, &UNREADABLE, now).await;
        let readable = unreadable.wrong == 0;
        let mut checks = vec![unreadable];
        for check in checks::possible(readable) {
            checks.push(examine(&self.0, check, now).await);
        }
        let lags = self.0.run("doctor.lags", lags(&self.0)).await.unwrap_or_else(|error| {
            checks.push(Checked::failed("events", mend::why(&error)));
            Vec::new()
        });
        Ok(Examination { checks, lags })
    }

    async fn mend(&self, now: Timestamp) -> Result<Vec<Mended>> {
        let readable = examine(&self.0, &UNREADABLE, now).await.wrong == 0;
        Ok(mend::all(&self.0, readable, now).await)
    }

    async fn named_blobs(&self) -> Result<Vec<NamedBlob>> {
        images::named_blobs(&self.0).await
    }
}

async fn examine(mongo: &Mongo, check: &'static Check, now: Timestamp) -> Checked {
    let (mut wrong, mut examples) = (0, Vec::new());
    let looked = look_through(mongo, check, now, |found| {
        wrong += 1;
        if examples.len() < Checked::EXAMPLES {
            examples.push(found.told);
        }
    });
    match looked.await {
        Ok(()) => Checked { name: check.name, what: check.what, wrong, examples, cure: check.cure() },
        Err(error) => Checked::failed(check.name, mend::why(&error)),
    }
}

async fn lags(mongo: &Mongo) -> Outcome<Vec<Lag>> {
    let kept = mongo.collection::<EventRow>(&EVENTS);
    let mut consumers = mongo.options.consumers.to_vec();
    consumers.sort_unstable();
    let mut lags = Vec::new();
    for consumer in consumers {
        let waiting = doc! { "waiting": consumer };
        let events = kept.count_documents(waiting.clone()).await?;
        let oldest = kept.find_one(waiting).sort(doc! { "position": 1 }).await?;
        lags.push(Lag { consumer: consumer.to_owned(), events, oldest: oldest.map(|event| time(event.at)) });
    }
    Ok(lags)
}
