//! Records that cannot be read: each is read as its store reads it.

use bson::{Document, doc};
use echo_domain::{Error, Event};

use crate::{
    collections::{EVENTS, MEDIA, POSTS},
    error::{Failure, Outcome},
    events::EventRow,
    indexes::Declared,
    media::MediaRow,
    posts::PostRow,
};

use super::{
    look::{Asked, Moment, Wrong, id_in},
    mend,
};

/// How documents are read, and what they are.
struct Rows {
    declared: &'static Declared,
    of: &'static str,
    read: fn(Document) -> Outcome<()>,
}

const ROWS: [Rows; 3] = [
    Rows {
        declared: &POSTS,
        of: "post",
        read: |row| bson::deserialize_from_document::<PostRow>(row)?.read().map(drop),
    },
    Rows {
        declared: &MEDIA,
        of: "image",
        read: |row| bson::deserialize_from_document::<MediaRow>(row)?.read().map(drop),
    },
    Rows {
        declared: &EVENTS,
        of: "event",
        read: |row| {
            let event = bson::deserialize_from_document::<EventRow>(row)?.event;
            Ok(bson::deserialize_from_document::<Event>(event).map(drop)?)
        },
    },
];

/// As much as is told of why.
const WHY: usize = 200;

pub(super) async fn look(it: &mut Moment<'_>, asked: Asked<'_>) -> Outcome<Vec<Wrong>> {
    let Some(rows) = ROWS.iter().find(|rows| rows.declared.name == asked.collection) else { return Ok(Vec::new()) };
    let mut wrong = Vec::new();
    for row in it.find::<Document>(rows.declared, doc! { "_id": { "$in": asked.ids } }, doc! {}).await? {
        let id = id_in(&row, "_id")?;
        if let Err(failure) = (rows.read)(row) {
            wrong.push(Wrong::told(id, format!("{} {id}: {:.WHY$}", rows.of, why(failure))));
        }
    }
    Ok(wrong)
}

fn why(failure: Failure) -> String {
    mend::why(&Error::from(failure))
}
