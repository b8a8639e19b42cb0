//! What should not be there any more, or waits for somebody to look at it.

use std::time::Duration;

use bson::{Document, doc, oid::ObjectId};

use crate::{
    collections::{EVENTS_SET_ASIDE, MEDIA, SESSIONS},
    documents::date,
    error::Outcome,
    events::SetAsideRow,
    indexes::Declared,
};

use super::look::{Asked, Moment, Wrong, id_in};

const TEN_MINUTES: Duration = Duration::from_secs(600);
const TWO_HOURS: Duration = Duration::from_secs(2 * 3600);

/// Images whose time is over.
pub(super) async fn images(it: &mut Moment<'_>, Asked { ids, now, .. }: Asked<'_>) -> Outcome<Vec<Wrong>> {
    let over = doc! { "$lt": date(now - TEN_MINUTES) };
    all(it, &MEDIA, doc! { "_id": { "$in": ids }, "expires": over }).await
}

/// Sessions that have ended.
pub(super) async fn sessions(it: &mut Moment<'_>, Asked { ids, now, .. }: Asked<'_>) -> Outcome<Vec<Wrong>> {
    let over = doc! { "$lt": date(now - TWO_HOURS) };
    let ended = [doc! { "revoked": &over }, doc! { "revoked": null, "expires": over }];
    all(it, &SESSIONS, doc! { "_id": { "$in": ids }, "$or": ended.to_vec() }).await
}

/// Events that no consumer could handle.
pub(super) async fn events(it: &mut Moment<'_>, aside: &[ObjectId]) -> Outcome<Vec<Wrong>> {
    let rows: Vec<Document> = it.find(&EVENTS_SET_ASIDE, doc! { "_id": { "$in": aside } }, doc! {}).await?;
    let wrong = |row: Document| {
        let id = id_in(&row, "_id")?;
        let SetAsideRow { consumer, position, reason, .. } = bson::deserialize_from_document(row)?;
        Ok(Wrong::told(id, format!("{consumer} {position}: {reason}")))
    };
    rows.into_iter().map(wrong).collect()
}

async fn all(it: &mut Moment<'_>, declared: &Declared, filter: Document) -> Outcome<Vec<Wrong>> {
    let rows: Vec<Document> = it.find(declared, filter, doc! { "_id": 1 }).await?;
    rows.iter().map(|row| Ok(Wrong::of(id_in(row, "_id")?))).collect()
}
