//! How a check looks: some ids at a time, each time at one moment.

use std::collections::{BTreeSet, HashMap};

use bson::{Binary, Bson, Document, doc, oid::ObjectId};
use echo_domain::{Error, Result, Timestamp};
use futures_util::{FutureExt, TryStreamExt, future::BoxFuture};
use serde::de::DeserializeOwned;

use crate::{Mongo, collections::EVENTS, documents::limit, error::Outcome, indexes::Declared, transaction::Tx};

use super::checks::Check;

/// As many ids as are looked at in one transaction.
const BATCH: usize = 500;

/// Where the ids of what is looked at are: in a field with which an index begins.
#[derive(Debug)]
pub(super) struct Through {
    pub declared: &'static Declared,
    pub field: &'static str,
}

/// Looks at what has these ids, or is about them.
pub(super) type Look = for<'t> fn(&'t mut Moment<'_>, Asked<'t>) -> BoxFuture<'t, Outcome<Vec<Wrong>>>;

/// What is to be looked at.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asked<'t> {
    pub ids: &'t [ObjectId],
    /// Where the ids are.
    pub collection: &'static str,
    pub now: Timestamp,
}

/// Something that is wrong.
#[derive(Debug)]
pub(super) struct Wrong {
    /// By which it is mended.
    pub key: ObjectId,
    /// For people.
    pub told: String,
    /// What an event that waits may be about, and then has it put right.
    pub about: Vec<ObjectId>,
}

/// Everything as it was at one moment.
pub(super) struct Moment<'t>(pub Tx<'t>);

impl Wrong {
    /// Told by its id alone.
    pub(super) fn of(key: ObjectId) -> Self {
        Self::told(key, key.to_hex())
    }

    pub(super) fn told(key: ObjectId, told: String) -> Self {
        Self { key, told, about: vec![key] }
    }
}

/// Hands on all that is wrong by the check, each thing once.
pub(super) async fn look_through(
    mongo: &Mongo,
    check: &'static Check,
    now: Timestamp,
    mut found: impl FnMut(Wrong) + Send,
) -> Result<()> {
    let mut seen = BTreeSet::new();
    for through in check.through {
        let (collection, mut after) = (through.declared.name, None);
        loop {
            let ids = mongo.run("doctor.page", page(mongo, through, after)).await?;
            after = ids.last().copied();
            if after.is_none() {
                break;
            }
            let wrong = look_at(mongo, check, Asked { ids: &ids, collection, now }).await?;
            wrong.into_iter().filter(|it| seen.insert(it.key)).for_each(&mut found);
        }
    }
    if check.through.is_empty() {
        let asked = Asked { ids: &[], collection: "", now };
        look_at(mongo, check, asked).await?.into_iter().for_each(found);
    }
    Ok(())
}

/// What is wrong of what is asked, at one moment.
async fn look_at(mongo: &Mongo, check: &'static Check, asked: Asked<'_>) -> Result<Vec<Wrong>> {
    mongo
        .transaction("doctor.look", (check, asked), |tx, &(check, asked)| {
            async move {
                let mut moment = Moment(tx);
                let wrong = (check.look)(&mut moment, asked).await?;
                moment.without_waiting(check.waits, wrong).await
            }
            .boxed()
        })
        .await
}

/// Different ids, in their order. Many that are the same are passed over together.
pub(super) async fn page(mongo: &Mongo, through: &Through, after: Option<ObjectId>) -> Outcome<Vec<ObjectId>> {
    let Through { declared, field } = through;
    let filter = after.map(|after| doc! { *field: { "$gt": after } }).unwrap_or_default();
    let mut fields = doc! { *field: 1 };
    if *field != "_id" {
        fields.insert("_id", 0);
    }
    let kept = mongo.collection::<Document>(declared);
    let found = kept.find(filter).sort(doc! { *field: 1 }).projection(fields).limit(limit(BATCH));
    let rows: Vec<_> = found.await?.try_collect().await?;
    let mut ids = rows.iter().map(|row| id_in(row, field)).collect::<Outcome<Vec<_>>>()?;
    ids.dedup();
    Ok(ids)
}

/// Whom or what an event is about.
fn subject(row: &Document) -> Option<ObjectId> {
    let event = row.get_document("event").ok()?;
    let id = event.get_str("post").or_else(|_| event.get_str("account")).ok()?;
    id.parse().ok()
}

/// A sum, which may come in either width.
pub(super) fn summed(sum: &Bson) -> i64 {
    sum.as_i64().or_else(|| sum.as_i32().map(i64::from)).unwrap_or(0)
}

/// The id that a document has in the field.
pub(super) fn id_in(row: &Document, field: &str) -> Outcome<ObjectId> {
    Ok(row.get_object_id(field).map_err(Error::internal)?)
}

impl Moment<'_> {
    /// Leaves out what an event is about that waits for one of these consumers: it is not done yet, and so not wrong.
    async fn without_waiting(&mut self, consumers: &[&str], mut wrong: Vec<Wrong>) -> Outcome<Vec<Wrong>> {
        if consumers.is_empty() || wrong.is_empty() {
            return Ok(wrong);
        }
        let about: Vec<_> = wrong.iter().flat_map(|it| it.about.iter().copied().map(ObjectId::to_hex)).collect();
        let waiting = doc! {
            "waiting": { "$in": consumers.to_vec() },
            "$or": [{ "event.post": { "$in": &about } }, { "event.account": { "$in": about } }],
        };
        let fields = doc! { "event.post": 1, "event.account": 1 };
        let events: Vec<Document> = self.find(&EVENTS, waiting, fields).await?;
        let subjects: BTreeSet<_> = events.iter().filter_map(subject).collect();
        wrong.retain(|it| !it.about.iter().any(|id| subjects.contains(id)));
        Ok(wrong)
    }

    /// All documents that the filter finds, with these fields.
    pub(super) async fn find<T: DeserializeOwned + Send + Sync>(
        &mut self,
        declared: &Declared,
        filter: Document,
        fields: Document,
    ) -> Outcome<Vec<T>> {
        let kept = self.0.mongo.collection::<T>(declared);
        let mut found = kept.find(filter).projection(fields).session(&mut *self.0.session).await?;
        Ok(found.stream(&mut *self.0.session).try_collect().await?)
    }

    /// Those of the ids that have a document.
    pub(super) async fn there(&mut self, declared: &Declared, ids: &[ObjectId]) -> Outcome<BTreeSet<ObjectId>> {
        let rows: Vec<Document> = self.find(declared, doc! { "_id": { "$in": ids } }, doc! { "_id": 1 }).await?;
        rows.iter().map(|row| id_in(row, "_id")).collect()
    }

    /// One field of those documents, by id.
    pub(super) async fn field(
        &mut self,
        declared: &Declared,
        field: &str,
        ids: &[ObjectId],
    ) -> Outcome<HashMap<ObjectId, Bson>> {
        let rows: Vec<Document> = self.find(declared, doc! { "_id": { "$in": ids } }, doc! { field: 1 }).await?;
        let value = |mut row: Document| Ok((id_in(&row, "_id")?, row.remove(field).unwrap_or_default()));
        rows.into_iter().map(value).collect()
    }

    /// For each of the ids, what `gathered` makes of the documents that have it in the field; none where there are none.
    pub(super) async fn grouped(
        &mut self,
        declared: &Declared,
        field: &str,
        ids: &[ObjectId],
        gathered: Document,
    ) -> Outcome<HashMap<ObjectId, Bson>> {
        let group = doc! { "_id": format!("${field}"), "gathered": gathered };
        let pipeline = [doc! { "$match": { field: { "$in": ids } } }, doc! { "$group": group }];
        let kept = self.0.mongo.collection::<Document>(declared);
        let mut found = kept.aggregate(pipeline).session(&mut *self.0.session).await?;
        let rows: Vec<_> = found.stream(&mut *self.0.session).try_collect().await?;
        let value = |mut row: Document| Ok((id_in(&row, "_id")?, row.remove("gathered").unwrap_or_default()));
        rows.into_iter().map(value).collect()
    }

    /// How many documents have each of the ids in the field.
    pub(super) async fn tally(
        &mut self,
        declared: &Declared,
        field: &str,
        ids: &[ObjectId],
    ) -> Outcome<HashMap<ObjectId, i64>> {
        let grouped = self.grouped(declared, field, ids, doc! { "$sum": 1_i64 }).await?;
        Ok(grouped.into_iter().map(|(id, n)| (id, summed(&n))).collect())
    }

    /// As rows of `_id` and `images`: how many documents have each of the values in the field.
    pub(super) async fn counted<T: DeserializeOwned + Send + Sync>(
        &mut self,
        declared: &Declared,
        field: &str,
        values: Vec<Binary>,
    ) -> Outcome<Vec<T>> {
        let group = doc! { "_id": format!("${field}"), "images": { "$sum": 1_i64 } };
        let pipeline = [doc! { "$match": { field: { "$in": values } } }, doc! { "$group": group }];
        let kept = self.0.mongo.collection::<Document>(declared);
        let mut found = kept.aggregate(pipeline).with_type::<T>().session(&mut *self.0.session).await?;
        Ok(found.stream(&mut *self.0.session).try_collect().await?)
    }
}
