//! Looks through every table for what does not fit together, and mends it.

mod checks;
mod mend;
#[cfg(test)]
mod tests;
mod unreadable;

use std::sync::Arc;

use async_trait::async_trait;
use echo_domain::{
    Result, Timestamp,
    doctor::{Checked, Cure, DATABASE, Doctor, Examination, Lag, Mended, NamedBlob},
};
use rusqlite::{Connection, Row};

use crate::{Database, blobs::named_blobs, snapshot};

use checks::{Check, Mend};
use unreadable::unreadable;

/// Examines and mends a database on SQLite. Its statements read whole tables, and so pass by `sql::prepare`:
/// no request runs them.
pub struct SqliteDoctor(pub Arc<Database>);

#[async_trait]
impl Doctor for SqliteDoctor {
    async fn examine(&self, now: Timestamp) -> Result<Examination> {
        self.0.read("doctor.examine", move |conn| Ok(examine(conn, now))).await
    }

    async fn mend(&self, now: Timestamp) -> Result<Vec<Mended>> {
        // Through an index that lacks a row, what is there seems to be gone, and would then be removed.
        let readable = self.0.read("doctor.readable", |conn| Ok(is_sound(conn).then(|| is_readable(conn)))).await?;
        match readable {
            Some(readable) => Ok(mend::all(&self.0, readable, now).await),
            None => Ok(Vec::new()),
        }
    }

    async fn named_blobs(&self) -> Result<Vec<NamedBlob>> {
        self.0.read("doctor.named_blobs", |conn| Ok(named_blobs(conn)?)).await
    }
}

fn examine(conn: &Connection, now: Timestamp) -> Examination {
    let mut checks = vec![integrity(conn)];
    if checks[0].wrong > 0 {
        return Examination { checks, lags: Vec::new() };
    }
    let unreadable = unreadable(conn);
    let readable = unreadable.wrong == 0;
    checks.push(unreadable);
    checks.extend(checks::possible(readable).map(|check| look(conn, check, now)));
    let lags = lags(conn).unwrap_or_else(|error| {
        checks.push(Checked::failed("events", error));
        Vec::new()
    });
    Examination { checks, lags }
}

fn is_sound(conn: &Connection) -> bool {
    integrity(conn).wrong == 0
}

fn is_readable(conn: &Connection) -> bool {
    unreadable(conn).wrong == 0
}

fn integrity(conn: &Connection) -> Checked {
    // What keeps SQLite from looking is damage, too.
    let damages = snapshot::integrity(conn).unwrap_or_else(|error| vec![error.to_string()]);
    Checked {
        name: DATABASE,
        what: "damages of the database's file",
        wrong: damages.len() as u64,
        examples: damages.into_iter().take(Checked::EXAMPLES).collect(),
        cure: Cure::Restore,
    }
}

fn look(conn: &Connection, check: &Check, now: Timestamp) -> Checked {
    let (mut wrong, mut examples) = (0, Vec::new());
    let found = find(conn, check, now, |row| {
        wrong += 1;
        if examples.len() < Checked::EXAMPLES {
            let told = row.get_ref(1)?.as_bytes_or_null()?.unwrap_or_default();
            examples.push(String::from_utf8_lossy(told).into_owned());
        }
        Ok(())
    });
    match found {
        Ok(()) => Checked { name: check.name, what: check.what, wrong, examples, cure: check.cure() },
        Err(error) => Checked::failed(check.name, error),
    }
}

/// Hands on each row that the check's statement finds: its key, and what tells of it.
fn find(
    conn: &Connection,
    check: &Check,
    now: Timestamp,
    mut each: impl FnMut(&Row<'_>) -> rusqlite::Result<()>,
) -> rusqlite::Result<()> {
    let mut statement = conn.prepare(&format!("{} {}", checks::PENDING, check.find))?;
    if statement.parameter_count() > 0 {
        statement.raw_bind_parameter(1, now.millis())?;
    }
    let mut rows = statement.raw_query();
    while let Some(row) = rows.next()? {
        each(row)?;
    }
    Ok(())
}

fn lags(conn: &Connection) -> rusqlite::Result<Vec<Lag>> {
    let lag = |row: &Row<'_>| {
        let oldest: Option<i64> = row.get(2)?;
        let events = crate::sql::count(row, 1)?;
        Ok(Lag { consumer: row.get(0)?, events, oldest: oldest.map(Timestamp::from_millis) })
    };
    conn.prepare(checks::LAGS)?.query_map([], lag)?.collect()
}
