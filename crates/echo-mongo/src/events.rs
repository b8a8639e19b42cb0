//! The event log: an outbox, written in the transactions that the events tell of.

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use async_trait::async_trait;
use bson::{DateTime, Document, doc};
use echo_domain::{Event, EventLog, Outbox, Recorded, Result, Timestamp, trace::Trace};
use futures_util::{FutureExt, TryStreamExt};
use mongodb::Collection;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use crate::{
    Mongo,
    collections::{EVENTS, EVENTS_SET_ASIDE},
    documents::{date, limit as at_most, time},
    error::{Failure, Outcome, unavailable},
    transaction::Tx,
};

/// Keeps events in MongoDB. Each waits for the consumers that were named when the database was opened.
pub struct MongoEvents(pub Arc<Mongo>);

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct EventRow {
    pub(crate) position: i64,
    pub(crate) event: Document,
    pub(crate) at: DateTime,
    /// Who has not confirmed it.
    pub(crate) waiting: Vec<String>,
    /// Where it was left: a place in a trace, as the header field `traceparent` has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) trace: Option<String>,
}

/// An event that a consumer could not handle, for a person to look at.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct SetAsideRow {
    pub(crate) consumer: String,
    pub(crate) position: i64,
    pub(crate) event: Document,
    pub(crate) reason: String,
    pub(crate) at: DateTime,
}

/// Leaves an event in the transaction of what it tells of. To be called after the write that it tells of: then two
/// transactions about one subject conflict before the later one takes a position, and positions have their order.
pub(crate) async fn append(tx: &mut Tx<'_>, event: &Event) -> Outcome<()> {
    let row = EventRow {
        position: tx.mongo.positions.next(),
        event: bson::serialize_to_document(event)?,
        at: DateTime::now(),
        waiting: tx.mongo.options.consumers.iter().map(|name| (*name).to_owned()).collect(),
        trace: Trace::here().map(|trace| trace.to_string()),
    };
    let inserted = tx.mongo.collection(&EVENTS).insert_one(row).session(&mut *tx.session).await;
    inserted.map_err(Failure::from).map_err(taken)?;
    tx.announce();
    Ok(())
}

/// Two processes have made the same position, which takes the same twenty bits in the same millisecond: the call can be
/// made again.
fn taken(failure: Failure) -> Failure {
    match failure.duplicate() {
        Some("position") => unavailable("the position of an event is taken").into(),
        _ => failure,
    }
}

/// Makes positions: milliseconds since 1970 and twenty bits that differ from process to process. They grow within a
/// process, whatever its clock does, and between processes as their clocks agree.
pub(crate) struct Positions {
    last: AtomicI64,
    process: i64,
}

impl Positions {
    const BITS: u32 = 20;

    pub(crate) fn new(instance: [u8; 16]) -> Self {
        let [.., a, b, c] = instance;
        let process = i64::from(u32::from_be_bytes([0, a, b, c])) & ((1 << Self::BITS) - 1);
        Self { last: AtomicI64::new(0), process }
    }

    fn next(&self) -> i64 {
        let now = (DateTime::now().timestamp_millis() << Self::BITS) | self.process;
        let after = |last: i64| Some(now.max(last + 1));
        let last = self.last.fetch_update(Ordering::Relaxed, Ordering::Relaxed, after).unwrap_or_else(|last| last);
        now.max(last + 1)
    }
}

#[async_trait]
impl EventLog for MongoEvents {
    async fn pending(&self, consumer: &'static str, limit: usize) -> Result<Vec<Recorded>> {
        let work = async {
            let events = self.0.collection::<EventRow>(&EVENTS);
            let found = events.find(doc! { "waiting": consumer }).sort(doc! { "position": 1 }).limit(at_most(limit));
            let rows: Vec<_> = found.await?.try_collect().await?;
            Ok(rows.into_iter().filter_map(recorded).collect())
        };
        self.0.run("events.pending", work).await
    }

    async fn confirm(&self, consumer: &'static str, events: &[Recorded]) -> Result<()> {
        self.0.run("events.confirm", confirm(&self.0, consumer, events)).await
    }

    async fn set_aside(&self, consumer: &'static str, event: &Recorded, reason: &str) -> Result<()> {
        self.0
            .transaction("events.set_aside", (consumer, event, reason), |tx, &(consumer, event, reason)| {
                set_aside(tx, consumer, event, reason).boxed()
            })
            .await
    }

    async fn trim(&self, consumers: &[&'static str], limit: usize) -> Result<usize> {
        self.0.run("events.trim", trim(&self.0, consumers, limit)).await
    }

    fn news(&self) -> watch::Receiver<()> {
        self.0.news()
    }
}

#[async_trait]
impl Outbox for MongoEvents {
    async fn unsent(&self, before: Timestamp, limit: usize) -> Result<Vec<Recorded>> {
        self.0.run("events.unsent", unsent(&self.0, before, limit)).await
    }

    async fn mark_sent(&self, events: &[Recorded], now: Timestamp) -> Result<()> {
        let sent = doc! { "$set": { "sent": date(now) } };
        let work = async {
            let kept = self.0.collection::<EventRow>(&EVENTS);
            Ok(kept.update_many(doc! { "position": { "$in": positions(events) } }, sent).await.map(drop)?)
        };
        self.0.run("events.mark_sent", work).await
    }
}

/// Whoever was handed on longest ago is oldest but for what was handed on again; each is found in one range of an index.
async fn unsent(mongo: &Mongo, before: Timestamp, limit: usize) -> Outcome<Vec<Recorded>> {
    let events = mongo.collection::<EventRow>(&EVENTS);
    let mut rows = Vec::new();
    for due in [doc! { "sent": null }, doc! { "sent": { "$lt": date(before) } }] {
        let oldest = events.find(due).sort(doc! { "sent": 1, "position": 1 }).limit(at_most(limit)).await?;
        rows.extend(oldest.try_collect::<Vec<_>>().await?);
    }
    rows.sort_unstable_by_key(|row| row.position);
    rows.truncate(limit);
    Ok(rows.into_iter().filter_map(recorded).collect())
}

/// `None` for what is no event of this version: it stays in the log and is passed over.
fn recorded(row: EventRow) -> Option<Recorded> {
    let position = u64::try_from(row.position).unwrap_or_default();
    let trace = row.trace.and_then(|trace| Trace::parse(&trace, None));
    match bson::deserialize_from_document(row.event) {
        Ok(event) => Some(Recorded { position, event, at: time(row.at), trace }),
        Err(error) => {
            tracing::error!(
                event.position = position,
                error = &error as &dyn std::error::Error,
                "event cannot be read"
            );
            None
        }
    }
}

/// What nobody waits for any more goes at once.
async fn confirm(mongo: &Mongo, consumer: &str, confirmed: &[Recorded]) -> Outcome<()> {
    let positions = positions(confirmed);
    let events = mongo.collection::<EventRow>(&EVENTS);
    let no_longer = doc! { "$pull": { "waiting": consumer } };
    events.update_many(doc! { "position": { "$in": &positions } }, no_longer).await?;
    events.delete_many(doc! { "position": { "$in": positions }, "waiting": { "$size": 0 } }).await?;
    Ok(())
}

async fn set_aside(tx: Tx<'_>, consumer: &str, failed: &Recorded, reason: &str) -> Outcome<()> {
    let position = column(failed.position);
    let row = SetAsideRow {
        consumer: consumer.to_owned(),
        position,
        event: bson::serialize_to_document(&failed.event)?,
        reason: reason.to_owned(),
        at: DateTime::now(),
    };
    let events = tx.mongo.collection::<EventRow>(&EVENTS);
    let waited = doc! { "position": position, "waiting": consumer };
    let pulled = doc! { "$pull": { "waiting": consumer } };
    // Confirmed already, it is aside already, too.
    if events.update_one(waited, pulled).session(&mut *tx.session).await?.modified_count > 0 {
        tx.mongo.collection(&EVENTS_SET_ASIDE).insert_one(row).session(&mut *tx.session).await?;
    }
    Ok(())
}

/// Up to where each of them has come, in the order of positions. What was left at a lower position since is not
/// deleted: somebody waits for it.
async fn trim(mongo: &Mongo, consumers: &[&'static str], limit: usize) -> Outcome<usize> {
    let events = mongo.collection::<EventRow>(&EVENTS);
    let first = first_waited_for(&events, consumers).await?.unwrap_or(i64::MAX);
    let mut done = doc! { "position": { "$lt": first }, "waiting": { "$nin": consumers } };
    let oldest = events.find(done.clone()).sort(doc! { "position": 1 }).limit(at_most(limit));
    let rows: Vec<_> = oldest.await?.try_collect().await?;
    let positions: Vec<_> = rows.iter().map(|row| row.position).collect();
    done.insert("position", doc! { "$in": positions });
    Ok(usize::try_from(events.delete_many(done).await?.deleted_count).unwrap_or(usize::MAX))
}

/// `None` when nobody waits for anything.
async fn first_waited_for(events: &Collection<EventRow>, consumers: &[&'static str]) -> Outcome<Option<i64>> {
    let mut first: Option<i64> = None;
    for consumer in consumers {
        let waited = events.find_one(doc! { "waiting": consumer }).sort(doc! { "position": 1 }).await?;
        let position = waited.map(|row| row.position);
        first = [first, position].into_iter().flatten().min();
    }
    Ok(first)
}

fn positions(events: &[Recorded]) -> Vec<i64> {
    events.iter().map(|event| column(event.position)).collect()
}

fn column(position: u64) -> i64 {
    i64::try_from(position).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_grow_within_a_process_and_differ_between_two() {
        let [one, other] = [[1; 16], [2; 16]].map(Positions::new);

        let made: Vec<_> = (0..1000).flat_map(|_| [one.next(), other.next()]).collect();

        for of_one in [0, 1] {
            assert!(made.iter().skip(of_one).step_by(2).is_sorted_by(|a, b| a < b));
        }
        let different: std::collections::BTreeSet<_> = made.iter().collect();
        assert_eq!(different.len(), made.len());
        assert_eq!(made[0] & 0xf_ffff, 0x1_0101);
    }
}
