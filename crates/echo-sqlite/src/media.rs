//! The records of images.

pub(crate) mod sets;

use std::sync::Arc;

use async_trait::async_trait;
use echo_domain::{
    Error, MediaId, Page, PageRequest, RawId, Result, Stem, Timestamp, UserId,
    auth::account_deleted,
    media::{BlobSet, Digest, DoomedBlobs, Holder, Image, Media, MediaStore, Upload, Variant, over_quota},
};
use rusqlite::{Connection, Row, params};
use serde::{Deserialize, Serialize};

use crate::{
    Database,
    error::Outcome,
    sql::{self, Sql, key},
    writer::Tx,
};

/// Keeps the records of images in SQLite.
pub struct SqliteMedia(pub Arc<Database>);

/// An image as a column keeps it, in JSON.
#[derive(Serialize, Deserialize)]
pub(crate) struct ImageColumn {
    id: MediaId,
    location: String,
    width: u32,
    height: u32,
    blurhash: String,
    alt: String,
    variants: Vec<VariantColumn>,
}

#[derive(Serialize, Deserialize)]
struct VariantColumn {
    width: u32,
    location: String,
}

#[async_trait]
impl MediaStore for SqliteMedia {
    async fn add(&self, upload: &Upload, quota: u64) -> Result<BlobSet> {
        let upload = upload.clone();
        self.0.write("media.add", move |tx| add(tx, upload, quota)).await
    }

    async fn find(&self, media: MediaId) -> Result<Option<Media>> {
        self.0.read("media.find", move |conn| Ok(conn.one(FIND, [key(media)], media_of)?)).await
    }

    async fn claim(
        &self,
        account: UserId,
        holder: Holder,
        images: &[MediaId],
        now: Timestamp,
        expires: Timestamp,
    ) -> Result<Vec<Image>> {
        let images = images.to_vec();
        self.0
            .write("media.claim", move |tx| {
                let mut claimed = Vec::with_capacity(images.len());
                for image in images {
                    match claimable(tx, account, holder, image, now)? {
                        Some(image) => claimed.push(image),
                        None => return Ok(Vec::new()),
                    }
                }
                claimed.iter().try_for_each(|image| give(tx, image.id, holder, expires))?;
                Ok(claimed)
            })
            .await
    }

    async fn keep(&self, holder: Holder, images: &[MediaId]) -> Result<()> {
        const KEEP: &str = "UPDATE media SET expires = NULL WHERE id = ?1 AND holder = ?2";
        let images = images.to_vec();
        self.0
            .write("media.keep", move |tx| {
                for image in images {
                    tx.run(KEEP, params![key(image), holder_column(holder)])?;
                }
                Ok(())
            })
            .await
    }

    async fn unclaim(&self, holder: Holder) -> Result<()> {
        const UNCLAIM: &str = "UPDATE media SET holder = NULL WHERE holder = ?1 AND expires IS NOT NULL";
        self.0
            .write("media.unclaim", move |tx| {
                tx.run(UNCLAIM, [holder_column(holder)])?;
                Ok(())
            })
            .await
    }

    async fn expired(&self, now: Timestamp, limit: usize) -> Result<Vec<Media>> {
        const EXPIRED: &str = "SELECT image, account, holder, expires, blobs, bytes FROM media
             WHERE expires <= ?1 ORDER BY expires LIMIT ?2";
        self.0
            .read("media.expired", move |conn| Ok(conn.all(EXPIRED, [now.millis(), sql::limit(limit)], media_of)?))
            .await
    }

    async fn remove(&self, images: &[MediaId]) -> Result<()> {
        let images = images.to_vec();
        self.0.write("media.remove", move |tx| images.into_iter().try_for_each(|image| remove(tx, image))).await
    }

    async fn doom(&self, blobs: &BlobSet) -> Result<()> {
        let blobs = blobs.clone();
        self.0
            .write("media.doom", move |tx| match sets::find(tx, blobs.digest)? {
                Some(live) if live.stem == blobs.stem => Ok(()),
                _ => sets::doom(tx, &(&blobs).into()),
            })
            .await
    }

    async fn doomed(&self, after: Option<Stem>, limit: usize) -> Result<Vec<DoomedBlobs>> {
        self.0.read("media.doomed", move |conn| Ok(sets::doomed(conn, after, sql::limit(limit))?)).await
    }

    async fn bar(&self, account: UserId) -> Result<()> {
        self.0
            .write("media.bar", move |tx| {
                tx.run("INSERT INTO media_barred (account) VALUES (?1) ON CONFLICT DO NOTHING", [key(account)])?;
                Ok(())
            })
            .await
    }

    async fn forget(&self, blobs: Stem) -> Result<()> {
        self.0
            .write("media.forget", move |tx| {
                tx.run("DELETE FROM blobs_doomed WHERE stem = ?1", [key(blobs)])?;
                Ok(())
            })
            .await
    }

    async fn unmeasured(&self, limit: usize) -> Result<Vec<BlobSet>> {
        self.0.read("media.unmeasured", move |conn| Ok(sets::unmeasured(conn, sql::limit(limit))?)).await
    }

    async fn measure(&self, blobs: Digest, bytes: u64) -> Result<()> {
        self.0.write("media.measure", move |tx| measure(tx, blobs, bytes)).await
    }

    async fn of_account(&self, account: UserId, page: PageRequest<MediaId>) -> Result<Page<Media, MediaId>> {
        const OF_ACCOUNT: &str = "SELECT image, account, holder, expires, blobs, bytes FROM media
             WHERE account = ?1 AND id < ?2 ORDER BY id DESC LIMIT ?3";
        self.0
            .read("media.of_account", move |conn| {
                let range = params![key(account), sql::before(&page), sql::one_more(&page)];
                Ok(Page::cut(conn.all(OF_ACCOUNT, range, media_of)?, page.limit, |media| media.image.id))
            })
            .await
    }

    async fn bytes_of(&self, account: UserId) -> Result<u64> {
        self.0.read("media.bytes_of", move |conn| Ok(bytes_of(conn, account)?)).await
    }

    async fn heaviest(&self, limit: usize) -> Result<Vec<(UserId, u64)>> {
        const HEAVIEST: &str = "SELECT account, bytes FROM media_bytes WHERE bytes > 0 ORDER BY bytes DESC LIMIT ?1";
        let read = |row: &Row<'_>| Ok((sql::id(row, 0)?, sql::count(row, 1)?));
        self.0.read("media.heaviest", move |conn| Ok(conn.all(HEAVIEST, [sql::limit(limit)], read)?)).await
    }
}

const FIND: &str = "SELECT image, account, holder, expires, blobs, bytes FROM media WHERE id = ?1";

fn add(tx: &Tx<'_>, upload: Upload, quota: u64) -> Outcome<BlobSet> {
    if tx.any("SELECT 1 FROM media_barred WHERE account = ?1", [key(upload.account)])? {
        return Err(account_deleted().into());
    }
    if let Some(there) = tx.one(FIND, [key(upload.id)], media_of)? {
        let blobs = there.blobs.map(|digest| sets::find(tx, digest)).transpose()?.flatten();
        return blobs.ok_or_else(|| Error::internal(format!("image {} has no blobs", upload.id)).into());
    }
    let bytes = upload.blobs.bytes.unwrap_or(0);
    if bytes_of(tx, upload.account)?.saturating_add(bytes) > quota {
        return Err(over_quota(quota).into());
    }
    let blobs = match sets::find(tx, upload.blobs.digest)? {
        Some(kept) => kept,
        None => {
            sets::insert(tx, &upload.blobs)?;
            upload.blobs.clone()
        }
    };
    insert(tx, &upload.of(&blobs))?;
    Ok(blobs)
}

/// Adds the image, which counts for its account and its blobs, unless its id is there.
pub(crate) fn insert(tx: &Tx<'_>, media: &Media) -> Outcome<()> {
    let added = tx.run(
        "INSERT INTO media (id, account, image, holder, expires, blobs, bytes) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
         ON CONFLICT DO NOTHING",
        params![
            key(media.image.id),
            key(media.account),
            sql::to_json(&ImageColumn::from(media.image.clone()))?,
            media.holder.map(holder_column),
            media.expires.map(Timestamp::millis),
            media.blobs.map(Digest::to_bytes),
            sql::whole(media.bytes)
        ],
    )?;
    if added > 0 {
        charge(tx, media.account, media.bytes)?;
        media.blobs.map_or(Ok(()), |digest| sets::count_up(tx, digest))?;
    }
    Ok(())
}

/// Removes the image, and dooms its blobs, or the addresses that another service delivers it from, if it is the last of
/// these.
pub(crate) fn remove(tx: &Tx<'_>, image: MediaId) -> Outcome<()> {
    const REMOVE: &str = "DELETE FROM media WHERE id = ?1 RETURNING account, blobs, bytes, image";
    let removed = tx.one(REMOVE, [key(image)], |row| {
        let blobs: Option<[u8; 32]> = row.get(1)?;
        // What cannot be read has no address that anybody knows.
        let image = sql::from_json::<ImageColumn>(row, 3).ok();
        Ok((sql::id(row, 0)?, blobs.map(Digest::from_bytes), row.get(2)?, image.map(Image::from)))
    })?;
    let Some((account, blobs, bytes, image)): Option<(UserId, _, i64, _)> = removed else { return Ok(()) };
    tx.run("UPDATE media_bytes SET bytes = bytes - ?2 WHERE account = ?1", params![key(account), bytes])?;
    tx.run("DELETE FROM media_bytes WHERE account = ?1 AND bytes = 0", [key(account)])?;
    match (blobs, image) {
        (Some(digest), _) => sets::count_down(tx, digest),
        (None, Some(image)) if !tx.prepare_cached(DELIVERED)?.exists([&image.location])? => {
            sets::doom(tx, &(&image).into())
        }
        (None, _) => Ok(()),
    }
}

/// Whether an image is delivered from this address.
const DELIVERED: &str = "SELECT 1 FROM media WHERE blobs IS NULL AND json_valid(image) AND image ->> '$.location' = ?1";

fn measure(tx: &Tx<'_>, digest: Digest, bytes: u64) -> Outcome<()> {
    const MEASURE: &str = "UPDATE blobs SET bytes = ?2 WHERE digest = ?1 AND bytes IS NULL RETURNING stem";
    let bytes_column = sql::whole(bytes);
    let image = tx.one(MEASURE, params![digest.to_bytes(), bytes_column], |row| sql::id::<MediaId>(row, 0))?;
    let Some(image) = image else { return Ok(()) };
    let sql = "UPDATE media SET bytes = ?2 WHERE id = ?1 AND blobs = ?3 RETURNING account";
    let account = tx.one(sql, params![key(image), bytes_column, digest.to_bytes()], |row| sql::id(row, 0))?;
    account.map_or(Ok(()), |account| charge(tx, account, bytes))
}

fn charge(tx: &Tx<'_>, account: UserId, bytes: u64) -> Outcome<()> {
    const CHARGE: &str = "INSERT INTO media_bytes (account, bytes) VALUES (?1, ?2)
         ON CONFLICT (account) DO UPDATE SET bytes = bytes + excluded.bytes";
    if bytes > 0 {
        tx.run(CHARGE, params![key(account), sql::whole(bytes)])?;
    }
    Ok(())
}

fn bytes_of(conn: &Connection, account: UserId) -> rusqlite::Result<u64> {
    let kept =
        conn.one("SELECT bytes FROM media_bytes WHERE account = ?1", [key(account)], |row| sql::count(row, 0))?;
    Ok(kept.unwrap_or(0))
}

/// The image, if the account may give it to the holder.
fn claimable(tx: &Tx<'_>, account: UserId, holder: Holder, image: MediaId, now: Timestamp) -> Outcome<Option<Image>> {
    let media = tx.one(FIND, [key(image)], media_of)?;
    let free = |media: &Media| {
        media.account == account
            && media.holder.is_none_or(|by| by == holder)
            && media.expires.is_none_or(|expires| expires > now)
    };
    Ok(media.filter(free).map(|media| media.image))
}

/// What the holder shows already has no expiry, and gets none.
fn give(tx: &Tx<'_>, image: MediaId, holder: Holder, expires: Timestamp) -> Outcome<()> {
    tx.run(
        "UPDATE media SET holder = ?2, expires = iif(holder = ?2 AND expires IS NULL, NULL, ?3) WHERE id = ?1",
        params![key(image), holder_column(holder), expires.millis()],
    )?;
    Ok(())
}

/// From the columns `image, account, holder, expires, blobs, bytes`.
pub(crate) fn media_of(row: &Row<'_>) -> rusqlite::Result<Media> {
    let holder: Option<String> = row.get(2)?;
    let expires: Option<i64> = row.get(3)?;
    let blobs: Option<[u8; 32]> = row.get(4)?;
    Ok(Media {
        image: sql::from_json::<ImageColumn>(row, 0)?.into(),
        account: sql::id(row, 1)?,
        holder: holder.map(|_| sql::word(row, 2, read_holder)).transpose()?,
        expires: expires.map(Timestamp::from_millis),
        blobs: blobs.map(Digest::from_bytes),
        bytes: sql::count(row, 5)?,
    })
}

fn holder_column(holder: Holder) -> String {
    match holder {
        Holder::Post(post) => format!("post:{post}"),
        Holder::Profile(user) => format!("profile:{user}"),
    }
}

fn read_holder(text: &str) -> Option<Holder> {
    let (kind, id) = text.split_once(':')?;
    let id: RawId = id.parse().ok()?;
    match kind {
        "post" => Some(Holder::Post(id.into())),
        "profile" => Some(Holder::Profile(id.into())),
        _ => None,
    }
}

impl From<Image> for ImageColumn {
    fn from(image: Image) -> Self {
        Self {
            id: image.id,
            location: image.location,
            width: image.width,
            height: image.height,
            blurhash: image.blurhash,
            alt: image.alt,
            variants: image.variants.into_iter().map(VariantColumn::from).collect(),
        }
    }
}

impl From<ImageColumn> for Image {
    fn from(column: ImageColumn) -> Self {
        Self {
            id: column.id,
            location: column.location,
            width: column.width,
            height: column.height,
            blurhash: column.blurhash,
            alt: column.alt,
            variants: column.variants.into_iter().map(Variant::from).collect(),
        }
    }
}

impl From<Variant> for VariantColumn {
    fn from(Variant { width, location }: Variant) -> Self {
        Self { width, location }
    }
}

impl From<VariantColumn> for Variant {
    fn from(VariantColumn { width, location }: VariantColumn) -> Self {
        Self { width, location }
    }
}
