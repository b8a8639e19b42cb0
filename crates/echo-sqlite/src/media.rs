//! The records of images.

use std::sync::Arc;

use async_trait::async_trait;
use echo_domain::{
    MediaId, Page, PageRequest, RawId, Result, Timestamp, UserId,
    auth::account_deleted,
    media::{Holder, Image, Media, MediaStore, Variant},
};
use rusqlite::{Row, params};
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
    async fn add(&self, media: &Media) -> Result<()> {
        let media = media.clone();
        self.0
            .write("media.add", move |tx| {
                if tx.any("SELECT 1 FROM media_barred WHERE account = ?1", [key(media.account)])? {
                    return Err(account_deleted().into());
                }
                insert(tx, media).map(drop)
            })
            .await
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
        const KEEP: &str = "UPDATE media SET expires = NULL WHERE id = ?1 AND holder = ?2 AND doomed = 0";
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
        const UNCLAIM: &str = "UPDATE media SET holder = NULL WHERE holder = ?1 AND expires IS NOT NULL AND doomed = 0";
        self.0
            .write("media.unclaim", move |tx| {
                tx.run(UNCLAIM, [holder_column(holder)])?;
                Ok(())
            })
            .await
    }

    async fn expired(&self, now: Timestamp, limit: usize) -> Result<Vec<Media>> {
        const EXPIRED: &str = "SELECT image, account, holder, expires FROM media
             WHERE doomed = 0 AND expires <= ?1 ORDER BY expires LIMIT ?2";
        self.0
            .read("media.expired", move |conn| Ok(conn.all(EXPIRED, [now.millis(), sql::limit(limit)], media_of)?))
            .await
    }

    async fn doom(&self, images: &[MediaId]) -> Result<()> {
        let images = images.to_vec();
        self.0
            .write("media.doom", move |tx| {
                for image in images {
                    tx.run("UPDATE media SET doomed = 1 WHERE id = ?1", [key(image)])?;
                }
                Ok(())
            })
            .await
    }

    async fn doomed(&self, after: Option<MediaId>, limit: usize) -> Result<Vec<Image>> {
        const DOOMED: &str = "SELECT image FROM media WHERE doomed = 1 AND id > ?1 ORDER BY id LIMIT ?2";
        let after = after.unwrap_or(MediaId(RawId::from_bytes([0; 12])));
        self.0
            .read("media.doomed", move |conn| Ok(conn.all(DOOMED, params![key(after), sql::limit(limit)], image_of)?))
            .await
    }

    async fn bar(&self, account: UserId) -> Result<()> {
        self.0
            .write("media.bar", move |tx| {
                tx.run("INSERT INTO media_barred (account) VALUES (?1) ON CONFLICT DO NOTHING", [key(account)])?;
                Ok(())
            })
            .await
    }

    async fn forget(&self, image: MediaId) -> Result<()> {
        self.0
            .write("media.forget", move |tx| {
                tx.run("DELETE FROM media WHERE id = ?1 AND doomed = 1", [key(image)])?;
                Ok(())
            })
            .await
    }

    async fn of_account(&self, account: UserId, page: PageRequest<MediaId>) -> Result<Page<Media, MediaId>> {
        const OF_ACCOUNT: &str = "SELECT image, account, holder, expires FROM media
             WHERE account = ?1 AND doomed = 0 AND id < ?2 ORDER BY id DESC LIMIT ?3";
        self.0
            .read("media.of_account", move |conn| {
                let range = params![key(account), sql::before(&page), sql::one_more(&page)];
                Ok(Page::cut(conn.all(OF_ACCOUNT, range, media_of)?, page.limit, |media| media.image.id))
            })
            .await
    }
}

const FIND: &str = "SELECT image, account, holder, expires FROM media WHERE id = ?1 AND doomed = 0";

/// Adds the image; `false` when its id is there.
pub(crate) fn insert(tx: &Tx<'_>, media: Media) -> Outcome<bool> {
    let added = tx.run(
        "INSERT INTO media (id, account, image, holder, expires) VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT DO NOTHING",
        params![
            key(media.image.id),
            key(media.account),
            sql::to_json(&ImageColumn::from(media.image))?,
            media.holder.map(holder_column),
            media.expires.map(Timestamp::millis)
        ],
    )?;
    Ok(added > 0)
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

/// From the columns `image, account, holder, expires`.
pub(crate) fn media_of(row: &Row<'_>) -> rusqlite::Result<Media> {
    let holder: Option<String> = row.get(2)?;
    let expires: Option<i64> = row.get(3)?;
    Ok(Media {
        image: image_of(row)?,
        account: sql::id(row, 1)?,
        holder: holder.map(|_| sql::word(row, 2, read_holder)).transpose()?,
        expires: expires.map(Timestamp::from_millis),
    })
}

fn image_of(row: &Row<'_>) -> rusqlite::Result<Image> {
    Ok(sql::from_json::<ImageColumn>(row, 0)?.into())
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
        let variant = |variant: Variant| VariantColumn { width: variant.width, location: variant.location };
        Self {
            id: image.id,
            location: image.location,
            width: image.width,
            height: image.height,
            blurhash: image.blurhash,
            alt: image.alt,
            variants: image.variants.into_iter().map(variant).collect(),
        }
    }
}

impl From<ImageColumn> for Image {
    fn from(column: ImageColumn) -> Self {
        let variant = |variant: VariantColumn| Variant { width: variant.width, location: variant.location };
        Self {
            id: column.id,
            location: column.location,
            width: column.width,
            height: column.height,
            blurhash: column.blurhash,
            alt: column.alt,
            variants: column.variants.into_iter().map(variant).collect(),
        }
    }
}
