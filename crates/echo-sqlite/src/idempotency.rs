//! Requests that were begun, and their replies.

use std::sync::Arc;

use async_trait::async_trait;
use echo_domain::{
    RawId, Result, Timestamp,
    idempotency::{Begun, Fingerprint, IdempotencyStore, RequestKey},
};
use rusqlite::{Row, params};

use crate::{
    Database,
    error::Outcome,
    sql::{self, Sql},
    writer::Tx,
};

/// Remembers requests in SQLite. One process at a time serves a file, so a request that is being done by another
/// instance is one whose process died.
pub struct SqliteIdempotency(pub Arc<Database>);

struct Request {
    fingerprint: Fingerprint,
    seed: RawId,
    process: Option<[u8; 16]>,
    reply: Option<Vec<u8>>,
}

#[async_trait]
impl IdempotencyStore for SqliteIdempotency {
    async fn begin(&self, key: &RequestKey, fingerprint: &Fingerprint, seed: RawId, now: Timestamp) -> Result<Begun> {
        let (key, fingerprint, process) = (*key, *fingerprint, self.0.instance());
        self.0
            .write("idempotency.begin", move |tx| {
                let found = tx.one(
                    "SELECT fingerprint, seed, process, reply FROM requests WHERE key = ?1",
                    [key],
                    Request::read,
                )?;
                match found {
                    Some(request) if request.fingerprint != fingerprint => Ok(Begun::Mismatch),
                    Some(Request { reply: Some(reply), .. }) => Ok(Begun::Done(reply)),
                    Some(Request { process: Some(doing), .. }) if doing == process => Ok(Begun::Running),
                    Some(Request { seed, .. }) => start(tx, &key, &fingerprint, seed, &process, now),
                    None => start(tx, &key, &fingerprint, seed, &process, now),
                }
            })
            .await
    }

    async fn finish(&self, key: &RequestKey, reply: &[u8]) -> Result<()> {
        let (key, reply) = (*key, reply.to_vec());
        self.0
            .write("idempotency.finish", move |tx| {
                tx.run("UPDATE requests SET reply = ?2, process = NULL WHERE key = ?1", params![key, reply])?;
                Ok(())
            })
            .await
    }

    async fn release(&self, key: &RequestKey) -> Result<()> {
        let key = *key;
        self.0
            .write("idempotency.release", move |tx| {
                tx.run("UPDATE requests SET process = NULL WHERE key = ?1", [key])?;
                Ok(())
            })
            .await
    }

    async fn forget(&self, before: Timestamp, limit: usize) -> Result<usize> {
        self.0
            .write("idempotency.forget", move |tx| {
                let forgotten = "DELETE FROM requests WHERE key IN
                     (SELECT key FROM requests WHERE begun < ?1 ORDER BY begun LIMIT ?2)";
                Ok(tx.run(forgotten, [before.millis(), sql::limit(limit)])?)
            })
            .await
    }
}

fn start(
    tx: &Tx<'_>,
    key: &RequestKey,
    fingerprint: &Fingerprint,
    seed: RawId,
    process: &[u8; 16],
    now: Timestamp,
) -> Outcome<Begun> {
    tx.run(
        "INSERT INTO requests (key, fingerprint, seed, process, begun) VALUES (?1, ?2, ?3, ?4, ?5)
         ON CONFLICT (key) DO UPDATE SET process = excluded.process, begun = excluded.begun",
        params![key, fingerprint, sql::key(seed), process, now.millis()],
    )?;
    Ok(Begun::First { seed })
}

impl Request {
    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self { fingerprint: row.get(0)?, seed: sql::id(row, 1)?, process: row.get(2)?, reply: row.get(3)? })
    }
}
