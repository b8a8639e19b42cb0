//! The schema, and how it came to be: forward only, each step in a transaction of its own.

use std::path::Path;

use rusqlite::{Connection, TransactionBehavior};

use crate::error::OpenError;

/// Never changed once released: what was done to a database is done. Their order is their version, from 1.
const MIGRATIONS: &[(&str, &str)] = &[("initial", include_str!("../migrations/0001_initial.sql"))];

/// Does what is missing.
pub(crate) fn run(connection: &mut Connection, path: &Path) -> Result<(), OpenError> {
    let opening = |source| OpenError::new(path.to_owned(), source);
    let known = u32::try_from(MIGRATIONS.len()).unwrap_or(u32::MAX);
    let found = version(connection).map_err(opening)?;
    if found > known {
        return Err(OpenError::Newer { path: path.to_owned(), found, known });
    }
    for (version, (name, sql)) in (1..).zip(MIGRATIONS) {
        if version > found {
            apply(connection, version, sql).map_err(opening)?;
            tracing::info!(version, name, "database schema brought up to date");
        }
    }
    Ok(())
}

/// Another process may do the same at the same time: it is asked again where nobody else can write.
fn apply(connection: &mut Connection, to: u32, sql: &str) -> rusqlite::Result<()> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    if version(&transaction)? < to {
        transaction.execute_batch(sql)?;
        transaction.pragma_update(None, "user_version", to)?;
    }
    transaction.commit()
}

fn version(connection: &Connection) -> rusqlite::Result<u32> {
    connection.query_row("PRAGMA user_version", [], |row| row.get(0))
}
