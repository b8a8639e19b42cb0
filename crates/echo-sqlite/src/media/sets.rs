//! The sets of blobs that images are of, and those that no image is of any more.

use echo_domain::{
    Stem,
    media::{BlobSet, Digest, DoomedBlobs, Variant},
};
use rusqlite::{Connection, Result, Row, params};
use serde::{Deserialize, Serialize};

use crate::{
    error::Outcome,
    sql::{self, Sql, key},
    writer::Tx,
};

use super::VariantColumn;

/// How a set of blobs is shown, as a column keeps it, in JSON.
#[derive(Serialize, Deserialize)]
pub(crate) struct ShapeColumn {
    location: String,
    width: u32,
    height: u32,
    blurhash: String,
    variants: Vec<VariantColumn>,
}

impl ShapeColumn {
    /// Of its blobs.
    pub(crate) fn into_names(self) -> Vec<String> {
        let variants = self.variants.into_iter().map(|variant| variant.location);
        std::iter::once(self.location).chain(variants).collect()
    }
}

/// The set of this digest.
pub(crate) fn find(conn: &Connection, digest: Digest) -> Result<Option<BlobSet>> {
    const FIND: &str = "SELECT digest, stem, shape, bytes FROM blobs WHERE digest = ?1";
    conn.one(FIND, [digest.to_bytes()], set_of)
}

/// Adds the set, of which there is no image yet, unless one of its digest is there.
pub(crate) fn insert(tx: &Tx<'_>, blobs: &BlobSet) -> Outcome<()> {
    let variants = blobs.variants.iter().cloned().map(VariantColumn::from).collect();
    let shape = ShapeColumn {
        location: blobs.location.clone(),
        width: blobs.width,
        height: blobs.height,
        blurhash: blobs.blurhash.clone(),
        variants,
    };
    tx.run(
        "INSERT INTO blobs (digest, stem, shape, bytes, images) VALUES (?1, ?2, ?3, ?4, 0) ON CONFLICT DO NOTHING",
        params![blobs.digest.to_bytes(), key(blobs.stem), sql::to_json(&shape)?, blobs.bytes.map(sql::whole)],
    )?;
    Ok(())
}

/// Counts one more image of the set.
pub(super) fn count_up(tx: &Tx<'_>, digest: Digest) -> Outcome<()> {
    tx.run("UPDATE blobs SET images = images + 1 WHERE digest = ?1", [digest.to_bytes()])?;
    Ok(())
}

/// Counts one image less. With the last one, the set is doomed.
pub(super) fn count_down(tx: &Tx<'_>, digest: Digest) -> Outcome<()> {
    const DELETE: &str = "DELETE FROM blobs WHERE digest = ?1 AND images <= 1 RETURNING digest, stem, shape, bytes";
    match tx.one(DELETE, [digest.to_bytes()], set_of)? {
        Some(last) => doom(tx, &(&last).into()),
        None => {
            tx.run("UPDATE blobs SET images = images - 1 WHERE digest = ?1", [digest.to_bytes()])?;
            Ok(())
        }
    }
}

/// Counts the images of the set anew, and dooms it when there is none.
pub(crate) fn recount(tx: &Tx<'_>, digest: Digest) -> Outcome<()> {
    let recount = "UPDATE blobs SET images = (SELECT count(*) FROM media WHERE blobs = ?1) WHERE digest = ?1";
    tx.run(recount, [digest.to_bytes()])?;
    const DELETE: &str = "DELETE FROM blobs WHERE digest = ?1 AND images = 0 RETURNING digest, stem, shape, bytes";
    let unused = tx.one(DELETE, [digest.to_bytes()], set_of)?;
    unused.map_or(Ok(()), |unused| doom(tx, &(&unused).into()))
}

pub(crate) fn doom(tx: &Tx<'_>, blobs: &DoomedBlobs) -> Outcome<()> {
    let sql = "INSERT INTO blobs_doomed (stem, names) VALUES (?1, ?2) ON CONFLICT DO NOTHING";
    tx.run(sql, params![key(blobs.stem), sql::to_json(&blobs.names)?])?;
    Ok(())
}

pub(super) fn doomed(conn: &Connection, after: Option<Stem>, limit: i64) -> Result<Vec<DoomedBlobs>> {
    const DOOMED: &str = "SELECT stem, names FROM blobs_doomed WHERE stem > ?1 ORDER BY stem LIMIT ?2";
    // No bytes come before all others.
    let after = after.map(|stem| key(stem).to_vec()).unwrap_or_default();
    conn.all(DOOMED, params![after, limit], doomed_of)
}

pub(super) fn unmeasured(conn: &Connection, limit: i64) -> Result<Vec<BlobSet>> {
    const UNMEASURED: &str = "SELECT digest, stem, shape, bytes FROM blobs INDEXED BY blobs_unmeasured
         WHERE bytes IS NULL AND digest > x'' LIMIT ?1";
    conn.all(UNMEASURED, [limit], set_of)
}

/// From the columns `digest, stem, shape, bytes`.
pub(crate) fn set_of(row: &Row<'_>) -> Result<BlobSet> {
    let shape: ShapeColumn = sql::from_json(row, 2)?;
    let bytes: Option<i64> = row.get(3)?;
    Ok(BlobSet {
        digest: Digest::from_bytes(row.get(0)?),
        stem: sql::id(row, 1)?,
        location: shape.location,
        width: shape.width,
        height: shape.height,
        blurhash: shape.blurhash,
        variants: shape.variants.into_iter().map(Variant::from).collect(),
        bytes: bytes.map(|_| sql::count(row, 3)).transpose()?,
    })
}

/// From the columns `stem, names`.
pub(crate) fn doomed_of(row: &Row<'_>) -> Result<DoomedBlobs> {
    Ok(DoomedBlobs { stem: sql::id(row, 0)?, names: sql::from_json(row, 1)? })
}
