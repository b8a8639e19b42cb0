//! Statements, and how ids, times and counts lie in columns.

use echo_domain::{PageRequest, RawId, Timestamp};
use rusqlite::{CachedStatement, Connection, OptionalExtension, Params, Result, Row, types::Type};
use serde::{Serialize, de::DeserializeOwned};

/// Cached statements in one line each.
pub(crate) trait Sql {
    /// How many rows it changed.
    fn run(&self, sql: &str, params: impl Params) -> Result<usize>;

    /// Its first row.
    fn one<T>(&self, sql: &str, params: impl Params, read: impl FnOnce(&Row<'_>) -> Result<T>) -> Result<Option<T>>;

    /// All its rows.
    fn all<T>(&self, sql: &str, params: impl Params, read: impl FnMut(&Row<'_>) -> Result<T>) -> Result<Vec<T>>;

    /// Whether it has a row.
    fn any(&self, sql: &str, params: impl Params) -> Result<bool> {
        Ok(self.one(sql, params, |_| Ok(()))?.is_some())
    }
}

impl Sql for Connection {
    fn run(&self, sql: &str, params: impl Params) -> Result<usize> {
        prepare(self, sql)?.execute(params)
    }

    fn one<T>(&self, sql: &str, params: impl Params, read: impl FnOnce(&Row<'_>) -> Result<T>) -> Result<Option<T>> {
        prepare(self, sql)?.query_row(params, read).optional()
    }

    fn all<T>(&self, sql: &str, params: impl Params, read: impl FnMut(&Row<'_>) -> Result<T>) -> Result<Vec<T>> {
        prepare(self, sql)?.query_map(params, read)?.collect()
    }
}

/// Every statement of this crate passes here, so that the tests know them all.
pub(crate) fn prepare<'c>(connection: &'c Connection, sql: &str) -> Result<CachedStatement<'c>> {
    #[cfg(test)]
    crate::plan::note(sql);
    connection.prepare_cached(sql)
}

/// An id as a column keeps it: its twelve bytes.
pub(crate) fn key(id: impl Into<RawId>) -> [u8; 12] {
    id.into().to_bytes()
}

/// What every id of the page comes before. Without a cursor it is the greatest there can be, of the year 2106.
pub(crate) fn before<Id: Into<RawId> + Copy>(page: &PageRequest<Id>) -> [u8; 12] {
    page.before.map_or([0xff; 12], key)
}

/// How many rows tell whether there is another page.
pub(crate) fn one_more<Id>(page: &PageRequest<Id>) -> i64 {
    limit(page.one_more())
}

pub(crate) fn limit(rows: usize) -> i64 {
    i64::try_from(rows).unwrap_or(i64::MAX)
}

pub(crate) fn id<T: From<RawId>>(row: &Row<'_>, column: usize) -> Result<T> {
    Ok(RawId::from_bytes(row.get(column)?).into())
}

pub(crate) fn time(row: &Row<'_>, column: usize) -> Result<Timestamp> {
    Ok(Timestamp::from_millis(row.get(column)?))
}

pub(crate) fn count(row: &Row<'_>, column: usize) -> Result<u64> {
    let value: i64 = row.get(column)?;
    u64::try_from(value).map_err(|_| rusqlite::Error::IntegralValueOutOfRange(column, value))
}

/// A count as a column keeps it.
pub(crate) fn whole(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// A text that stands for one of a few values.
pub(crate) fn word<T>(row: &Row<'_>, column: usize, parse: impl FnOnce(&str) -> Option<T>) -> Result<T> {
    let text = row.get_ref(column)?.as_str()?;
    parse(text).ok_or_else(|| {
        rusqlite::Error::FromSqlConversionFailure(column, Type::Text, format!("{text:?} has no meaning").into())
    })
}

pub(crate) fn from_json<T: DeserializeOwned>(row: &Row<'_>, column: usize) -> Result<T> {
    serde_json::from_str(row.get_ref(column)?.as_str()?)
        .map_err(|error| rusqlite::Error::FromSqlConversionFailure(column, Type::Text, error.into()))
}

pub(crate) fn to_json(value: &impl Serialize) -> Result<String> {
    serde_json::to_string(value).map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))
}
