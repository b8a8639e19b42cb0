//! Which blobs the whole database names, for those who look after it. Like the doctor's checks, this looks at the tables of
//! all areas.

use echo_domain::{MediaId, doctor::NamedBlob, media::Image};
use rusqlite::{Connection, types::Type};

use crate::{media::ImageColumn, sql};

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
    /// Images whose records cannot be read: what their blobs are called, nobody knows.
    pub unreadable: Vec<MediaId>,
}

/// The blobs of every image. Those of which the confirmation waits are needed if their holder shows them.
pub(crate) fn blobs(conn: &Connection) -> rusqlite::Result<Blobs> {
    const ALL: &str =
        concat!("SELECT id, image, doomed = 0 AND (expires IS NULL OR ", shown!(), ") FROM media ORDER BY id");
    let mut statement = conn.prepare(ALL)?;
    let mut rows = statement.query([])?;
    let mut blobs = Blobs { named: Vec::new(), unreadable: Vec::new() };
    while let Some(row) = rows.next()? {
        let (id, needed): (MediaId, bool) = (sql::id(row, 0)?, row.get(2)?);
        let Ok(image) = sql::from_json::<ImageColumn>(row, 1).map(Image::from) else {
            blobs.unreadable.push(id);
            continue;
        };
        let names = std::iter::once(image.location).chain(image.variants.into_iter().map(|it| it.location));
        let ours = names.filter(|name| !name.contains('/'));
        blobs.named.extend(ours.map(|name| NamedBlob { image: id, name, needed }));
    }
    Ok(blobs)
}

/// The same, when every record can be read.
pub(crate) fn named_blobs(conn: &Connection) -> rusqlite::Result<Vec<NamedBlob>> {
    let blobs = blobs(conn)?;
    let unreadable = |id| {
        let cause = format!("the record of image {id} cannot be read").into();
        rusqlite::Error::FromSqlConversionFailure(1, Type::Text, cause)
    };
    blobs.unreadable.first().map_or(Ok(blobs.named), |id| Err(unreadable(id)))
}
