//! Fields of a document, whatever type they turn out to have.

use bson::{RawBsonRef, RawDocument, oid::ObjectId};
use echo_domain::{RawId, Timestamp};

/// The last moment of the year 9999: later ones have no written form.
const LAST: i64 = 253_402_300_799_999;

/// A document. What is not there, cannot be read or has a type that makes no sense is `None` alike.
#[derive(Clone, Copy)]
pub(crate) struct Fields<'a>(pub(crate) &'a RawDocument);

impl<'a> Fields<'a> {
    fn get(self, name: &str) -> Option<RawBsonRef<'a>> {
        self.0.get(name).ok().flatten()
    }

    pub(crate) fn id(self, name: &str) -> Option<ObjectId> {
        self.get(name).and_then(id_of)
    }

    /// Without the character NUL, which no text of Echo has.
    pub(crate) fn text(self, name: &str) -> Option<String> {
        self.get(name).and_then(|value| value.as_str()).map(|text| text.replace('\0', ""))
    }

    pub(crate) fn time(self, name: &str) -> Option<Timestamp> {
        let millis = match self.get(name)? {
            RawBsonRef::DateTime(time) => time.timestamp_millis(),
            RawBsonRef::Int64(millis) => millis,
            RawBsonRef::String(text) => bson::DateTime::parse_rfc3339_str(text).ok()?.timestamp_millis(),
            _ => return None,
        };
        (0..=LAST).contains(&millis).then(|| Timestamp::from_millis(millis))
    }

    pub(crate) fn document(self, name: &str) -> Option<Self> {
        self.get(name).and_then(|value| value.as_document()).map(Fields)
    }

    /// The elements of an array, as far as they can be read.
    pub(crate) fn list(self, name: &str) -> impl Iterator<Item = RawBsonRef<'a>> {
        let array = self.get(name).and_then(|value| value.as_array());
        array.into_iter().flat_map(|array| array.into_iter().map_while(Result::ok))
    }
}

/// An id, also one that became text, or the id of somebody who lies there whole.
pub(crate) fn id_of(value: RawBsonRef<'_>) -> Option<ObjectId> {
    match value {
        RawBsonRef::ObjectId(id) => Some(id),
        RawBsonRef::String(text) => ObjectId::parse_str(text).ok(),
        RawBsonRef::Document(document) => document.get_object_id("_id").ok(),
        _ => None,
    }
}

pub(crate) fn raw(id: ObjectId) -> RawId {
    RawId::from_bytes(id.bytes())
}
