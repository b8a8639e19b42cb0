//! Looks through every table for what does not fit together, and mends it.

mod checks;
mod mend;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use async_trait::async_trait;
use echo_domain::{
    Result, Timestamp,
    doctor::{Checked, Cure, Doctor, Examination, Lag, NamedBlob},
};
use rusqlite::{Connection, Row, types::Value};

use crate::{Database, media::named_blobs, snapshot};

use checks::{CHECKS, Check, Mend};

/// Examines and mends a database on SQLite. Its statements read whole tables, and so pass by `sql::prepare`:
/// no request runs them.
pub struct SqliteDoctor(pub Arc<Database>);

#[async_trait]
impl Doctor for SqliteDoctor {
    async fn examine(&self, now: Timestamp) -> Result<Examination> {
        self.0
            .read("doctor.examine", move |conn| {
                let mut checks = vec![integrity(conn)?];
                for check in CHECKS {
                    checks.push(look(conn, check, now)?);
                }
                Ok(Examination { checks, lags: lags(conn)? })
            })
            .await
    }

    async fn mend(&self, now: Timestamp) -> Result<Vec<(&'static str, u64)>> {
        let mut mended = Vec::new();
        for check in CHECKS.iter().filter(|check| check.cure() == Cure::Mend) {
            let n = mend::all(&self.0, check, now).await?;
            if n > 0 {
                mended.push((check.name, n));
            }
        }
        Ok(mended)
    }

    async fn named_blobs(&self) -> Result<Vec<NamedBlob>> {
        self.0.read("doctor.named_blobs", |conn| Ok(named_blobs(conn)?)).await
    }
}

/// What a check's statement finds: what to mend, and how to tell of it.
struct Found {
    key: Value,
    told: String,
}

fn integrity(conn: &Connection) -> rusqlite::Result<Checked> {
    let damages = snapshot::integrity(conn)?;
    Ok(Checked {
        name: "database",
        what: "damages of the database's file",
        wrong: damages.len() as u64,
        examples: damages.into_iter().take(Checked::EXAMPLES).collect(),
        cure: Cure::Person,
    })
}

fn look(conn: &Connection, check: &Check, now: Timestamp) -> rusqlite::Result<Checked> {
    let (wrong, found) = find(conn, check, now, Checked::EXAMPLES)?;
    let examples = found.into_iter().map(|found| found.told).collect();
    Ok(Checked { name: check.name, what: check.what, wrong, examples, cure: check.cure() })
}

/// How many there are, and the first `most` of them.
fn find(conn: &Connection, check: &Check, now: Timestamp, most: usize) -> rusqlite::Result<(u64, Vec<Found>)> {
    let mut statement = conn.prepare(&format!("{} {}", checks::PENDING, check.find))?;
    if statement.parameter_count() > 0 {
        statement.raw_bind_parameter(1, now.millis())?;
    }
    let mut rows = statement.raw_query();
    let (mut wrong, mut found) = (0, Vec::new());
    while let Some(row) = rows.next()? {
        wrong += 1;
        if found.len() < most {
            found.push(Found { key: row.get(0)?, told: row.get(1)? });
        }
    }
    Ok((wrong, found))
}

fn lags(conn: &Connection) -> rusqlite::Result<Vec<Lag>> {
    let lag = |row: &Row<'_>| {
        let oldest: Option<i64> = row.get(2)?;
        let events = crate::sql::count(row, 1)?;
        Ok(Lag { consumer: row.get(0)?, events, oldest: oldest.map(Timestamp::from_millis) })
    };
    conn.prepare(checks::LAGS)?.query_map([], lag)?.collect()
}
