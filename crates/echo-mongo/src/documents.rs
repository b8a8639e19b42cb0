//! How ids, times and counts lie in documents, and how pages are asked for.

use bson::{Binary, DateTime, Document, doc, oid::ObjectId, spec::BinarySubtype};
use echo_domain::{Error, PageRequest, RawId, Timestamp};

use crate::error::Outcome;

/// An id as a document keeps it.
pub(crate) fn oid(id: impl Into<RawId>) -> ObjectId {
    ObjectId::from_bytes(id.into().to_bytes())
}

/// The id that a document kept.
pub(crate) fn id<T: From<RawId>>(oid: ObjectId) -> T {
    RawId::from_bytes(oid.bytes()).into()
}

/// Ids for `$in`.
pub(crate) fn oids<T: Into<RawId> + Copy>(ids: &[T]) -> Vec<ObjectId> {
    ids.iter().map(|id| oid(*id)).collect()
}

pub(crate) fn date(time: Timestamp) -> DateTime {
    DateTime::from_millis(time.millis())
}

pub(crate) fn time(date: DateTime) -> Timestamp {
    Timestamp::from_millis(date.timestamp_millis())
}

/// A count that a document kept.
pub(crate) fn count(kept: i64) -> Outcome<u64> {
    u64::try_from(kept).map_err(|_| Error::internal(format!("{kept} is no count")).into())
}

/// A count as a document keeps it.
pub(crate) fn whole(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// A text that stands for one of a few values.
pub(crate) fn word<T>(text: &str, parse: impl FnOnce(&str) -> Option<T>) -> Outcome<T> {
    parse(text).ok_or_else(|| Error::internal(format!("{text:?} has no meaning")).into())
}

/// Adds to `filter` that `field` comes before where the page starts.
pub(crate) fn before<Id: Into<RawId> + Copy>(mut filter: Document, field: &str, page: &PageRequest<Id>) -> Document {
    if let Some(before) = page.before {
        filter.insert(field, doc! { "$lt": oid(before) });
    }
    filter
}

/// How many documents tell whether there is another page.
pub(crate) fn one_more<Id>(page: &PageRequest<Id>) -> i64 {
    limit(page.one_more())
}

pub(crate) fn limit(documents: usize) -> i64 {
    i64::try_from(documents).unwrap_or(i64::MAX)
}

/// Bytes as a document keeps them.
pub(crate) fn binary(bytes: &[u8]) -> Binary {
    Binary { subtype: BinarySubtype::Generic, bytes: bytes.to_vec() }
}
