//! Which blobs the whole database names, for those who look after it. Like the doctor's checks, this looks at the tables of
//! all areas.

use echo_domain::{RawId, doctor::NamedBlob};
use rusqlite::{Connection, Row, types::Type};

use crate::{media::sets::ShapeColumn, sql};

/// Whether the holder of an image in `media` shows it. A post that cannot be read may show anything.
macro_rules! shown {
    () => {
        "CASE substr(coalesce(holder, ''), 1, 5)
             WHEN 'post:' THEN EXISTS (SELECT 1 FROM posts WHERE posts.id = unhex(substr(holder, 6))
                 AND CASE WHEN json_valid(content) AND json_type(content) = 'array' THEN
                     EXISTS (SELECT 1 FROM json_each(content) AS block WHERE
                         iif(block.type = 'object', block.value ->> '$.image.id', NULL) = lower(hex(media.id)))
                     ELSE TRUE END)
             WHEN 'profi' THEN EXISTS (SELECT 1 FROM profiles
                 WHERE profiles.id = unhex(substr(holder, 9)) AND picture_media = media.id)
             ELSE FALSE END"
    };
}
pub(crate) use shown;

/// The blobs of images.
pub struct Blobs {
    /// Without those that another service delivers.
    pub named: Vec<NamedBlob>,
    /// What cannot be read: images, and sets of blobs by their stems. What their blobs are called, nobody knows.
    pub unreadable: Vec<RawId>,
}

impl Blobs {
    /// From the columns `id, shape, needed`. An image has all that a shape has.
    fn note(&mut self, row: &Row<'_>) -> rusqlite::Result<()> {
        let needed = row.get(2)?;
        match sql::from_json::<ShapeColumn>(row, 1) {
            Ok(shape) => self.add(shape.into_names(), needed),
            Err(_) => self.unreadable.push(sql::id(row, 0)?),
        }
        Ok(())
    }

    fn note_doomed(&mut self, row: &Row<'_>) -> rusqlite::Result<()> {
        match sql::from_json(row, 1) {
            Ok(names) => self.add(names, false),
            Err(_) => self.unreadable.push(sql::id(row, 0)?),
        }
        Ok(())
    }

    fn add(&mut self, names: Vec<String>, needed: bool) {
        let ours = names.into_iter().filter(|name| !name.contains('/'));
        self.named.extend(ours.map(|name| NamedBlob { name, needed }));
    }
}

/// The blobs of every set, and of every image in a database from before there were sets. Those of images of which the
/// confirmation waits are needed if their holder shows them.
pub(crate) fn blobs(conn: &Connection) -> rusqlite::Result<Blobs> {
    const SETS: &str = concat!(
        "SELECT stem, shape, EXISTS (SELECT 1 FROM media WHERE media.blobs = digest AND (expires IS NULL OR ",
        shown!(),
        ")) FROM blobs ORDER BY stem"
    );
    const IMAGES: &str =
        concat!("SELECT id, image, doomed = 0 AND (expires IS NULL OR ", shown!(), ") FROM media ORDER BY id");
    // What nobody could read when it was to get a set.
    const LOST: &str = "SELECT id FROM media WHERE blobs IS NULL
         AND NOT CASE WHEN json_valid(image) THEN coalesce(image ->> '$.location' LIKE '%/%', FALSE) ELSE FALSE END
         ORDER BY id";
    let mut blobs = Blobs { named: Vec::new(), unreadable: Vec::new() };
    if conn.table_exists(None, "blobs")? {
        each(conn, SETS, |row| blobs.note(row))?;
        each(conn, "SELECT stem, names FROM blobs_doomed ORDER BY stem", |row| blobs.note_doomed(row))?;
        each(conn, LOST, |row| {
            blobs.unreadable.push(sql::id(row, 0)?);
            Ok(())
        })?;
    } else {
        each(conn, IMAGES, |row| blobs.note(row))?;
    }
    Ok(blobs)
}

/// The same, when every record can be read.
pub(crate) fn named_blobs(conn: &Connection) -> rusqlite::Result<Vec<NamedBlob>> {
    let blobs = blobs(conn)?;
    let unreadable = |id: &RawId| {
        let cause = format!("the record of {id} cannot be read").into();
        rusqlite::Error::FromSqlConversionFailure(1, Type::Text, cause)
    };
    blobs.unreadable.first().map_or(Ok(blobs.named), |id| Err(unreadable(id)))
}

fn each(
    conn: &Connection,
    select: &str,
    mut note: impl FnMut(&Row<'_>) -> rusqlite::Result<()>,
) -> rusqlite::Result<()> {
    let mut statement = conn.prepare(select)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        note(row)?;
    }
    Ok(())
}
