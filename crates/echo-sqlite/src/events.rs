//! The event log: an outbox table, written in the transactions that the events tell of.

use std::sync::Arc;

use async_trait::async_trait;
use echo_domain::{Event, EventLog, Recorded, Result, trace::Trace};
use rusqlite::{Connection, Row, params};
use tokio::sync::watch;

use crate::{
    Database,
    error::Outcome,
    sql::{self, Sql},
    writer::Tx,
};

/// Keeps events in SQLite.
pub struct SqliteEvents(pub Arc<Database>);

/// Leaves an event in the transaction of what it tells of. Positions grow in the order of commits, across processes,
/// because whoever holds one holds the write lock until it is committed.
pub(crate) fn append(tx: &Tx<'_>, event: &Event) -> Outcome<()> {
    let trace = tx.trace.map(ToString::to_string);
    tx.run("INSERT INTO events (body, trace) VALUES (?1, ?2)", params![sql::to_json(event)?, trace])?;
    tx.announce();
    Ok(())
}

#[async_trait]
impl EventLog for SqliteEvents {
    async fn pending(&self, consumer: &'static str, limit: usize) -> Result<Vec<Recorded>> {
        const PENDING: &str = "SELECT position, body, at, trace FROM events
             WHERE position > coalesce((SELECT position FROM event_consumers WHERE name = ?1), 0)
             ORDER BY position LIMIT ?2";
        self.0
            .read("events.pending", move |conn| {
                let rows = conn.all(PENDING, params![consumer, sql::limit(limit)], recorded)?;
                Ok(rows.into_iter().flatten().collect())
            })
            .await
    }

    async fn confirm(&self, consumer: &'static str, events: &[Recorded]) -> Result<()> {
        // The first that are pending: all up to the last of them.
        let Some(last) = events.iter().map(|event| event.position).max() else { return Ok(()) };
        self.0.write("events.confirm", move |tx| confirm(tx, consumer, last)).await
    }

    async fn set_aside(&self, consumer: &'static str, event: &Recorded, reason: &str) -> Result<()> {
        let (event, reason) = (event.clone(), reason.to_owned());
        self.0
            .write("events.set_aside", move |tx| {
                tx.run(
                    "INSERT INTO events_set_aside (consumer, position, body, reason) VALUES (?1, ?2, ?3, ?4)
                     ON CONFLICT DO NOTHING",
                    params![consumer, column(event.position), sql::to_json(&event.event)?, reason],
                )?;
                confirm(tx, consumer, event.position)
            })
            .await
    }

    async fn trim(&self, consumers: &[&'static str], limit: usize) -> Result<usize> {
        let consumers = consumers.to_vec();
        self.0
            .write("events.trim", move |tx| {
                let Some(confirmed) = confirmed_by_all(tx, &consumers)? else { return Ok(0) };
                let trimmed = "DELETE FROM events WHERE position IN
                     (SELECT position FROM events WHERE position <= ?1 ORDER BY position LIMIT ?2)";
                Ok(tx.run(trimmed, [confirmed, sql::limit(limit)])?)
            })
            .await
    }

    fn news(&self) -> watch::Receiver<()> {
        self.0.news()
    }
}

/// `None` for what is no event of this version: it stays in the log and is passed over.
fn recorded(row: &Row<'_>) -> rusqlite::Result<Option<Recorded>> {
    let position = sql::count(row, 0)?;
    let trace = row.get::<_, Option<String>>(3)?.and_then(|trace| Trace::parse(&trace, None));
    Ok(match sql::from_json(row, 1) {
        Ok(event) => Some(Recorded { position, event, at: sql::time(row, 2)?, trace }),
        Err(error) => {
            tracing::error!(
                event.position = position,
                error = &error as &dyn std::error::Error,
                "event cannot be read"
            );
            None
        }
    })
}

fn confirm(tx: &Tx<'_>, consumer: &'static str, position: u64) -> Outcome<()> {
    tx.run(
        "INSERT INTO event_consumers (name, position) VALUES (?1, ?2)
         ON CONFLICT (name) DO UPDATE SET position = max(position, excluded.position)",
        params![consumer, column(position)],
    )?;
    Ok(())
}

/// `None` when one of them has confirmed nothing yet, or there are none.
pub(crate) fn confirmed_by_all(conn: &Connection, consumers: &[&'static str]) -> Outcome<Option<i64>> {
    let mut confirmed = None;
    for consumer in consumers {
        let position: Option<i64> =
            conn.one("SELECT position FROM event_consumers WHERE name = ?1", [consumer], |row| row.get(0))?;
        let Some(position) = position else { return Ok(None) };
        confirmed = Some(confirmed.map_or(position, |least: i64| least.min(position)));
    }
    Ok(confirmed)
}

pub(crate) fn column(position: u64) -> i64 {
    i64::try_from(position).unwrap_or(i64::MAX)
}
