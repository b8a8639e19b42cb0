//! Images go, and what is counted of them goes with them.

use std::collections::BTreeMap;

use bson::{Binary, Document, doc, oid::ObjectId};
use echo_domain::{MediaId, media::Image};
use futures_util::TryStreamExt;
use serde::Deserialize;

use crate::{
    collections::{MEDIA, MEDIA_WRITERS},
    documents::oids,
    error::Outcome,
    transaction::Tx,
};

use super::{rows::MediaRow, sets};

/// Where an image is counted.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Placed {
    #[serde(rename = "_id")]
    id: ObjectId,
    account: ObjectId,
    #[serde(default)]
    blobs: Option<Binary>,
    #[serde(default)]
    bytes: i64,
}

impl Placed {
    /// Whose turn it is when it is removed.
    pub(super) fn turns(&self) -> Vec<ObjectId> {
        let digest = self.blobs.as_ref().and_then(|digest| digest.bytes.first_chunk::<12>());
        [self.account].into_iter().chain(digest.map(|bytes| ObjectId::from_bytes(*bytes))).collect()
    }
}

/// Removes the images that are there.
pub(crate) async fn remove(mut tx: Tx<'_>, images: &[MediaId]) -> Outcome<()> {
    let media = tx.mongo.collection::<Placed>(&MEDIA);
    let asked = media.find(doc! { "_id": { "$in": oids(images) } });
    let mut found = asked.projection(doc! { "account": 1, "blobs": 1, "bytes": 1 }).session(&mut *tx.session).await?;
    let there: Vec<Placed> = found.stream(&mut *tx.session).try_collect().await?;
    if there.is_empty() {
        return Ok(());
    }
    let delivered = delivered(&mut tx, &there).await?;
    let ids: Vec<_> = there.iter().map(|image| image.id).collect();
    media.delete_many(doc! { "_id": { "$in": ids } }).session(&mut *tx.session).await?;
    for image in delivered {
        doom_last(&mut tx, &image).await?;
    }
    charge(&mut tx, &there, -1).await?;
    sets::count_down(&mut tx, by_digest(&there)).await
}

/// Those of the images that another service delivers, and that are of no set of blobs.
async fn delivered(tx: &mut Tx<'_>, images: &[Placed]) -> Outcome<Vec<Image>> {
    let ids: Vec<_> = images.iter().filter(|image| image.blobs.is_none()).map(|image| image.id).collect();
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let media = tx.mongo.collection::<MediaRow>(&MEDIA);
    let mut found = media.find(doc! { "_id": { "$in": ids } }).session(&mut *tx.session).await?;
    let rows: Vec<MediaRow> = found.stream(&mut *tx.session).try_collect().await?;
    rows.into_iter().map(|row| Ok(row.read()?.image)).collect()
}

/// Dooms the names of an image that was removed, unless another one is delivered from the same address. Of the last two
/// that go at the same moment each may take the other for one that stays: then what the service has stays there.
pub(super) async fn doom_last(tx: &mut Tx<'_>, image: &Image) -> Outcome<()> {
    let media = tx.mongo.collection::<Document>(&MEDIA);
    let same = media.find_one(doc! { "image.location": &image.location }).projection(doc! { "_id": 1 });
    match same.session(&mut *tx.session).await? {
        Some(_) => Ok(()),
        None => sets::doom(tx, image.into()).await,
    }
}

/// Counts images that were added.
pub(crate) async fn count_added(tx: &mut Tx<'_>, added: Vec<Document>) -> Outcome<()> {
    let added: Vec<Placed> = added.into_iter().map(bson::deserialize_from_document).collect::<Result<_, _>>()?;
    charge(tx, &added, 1).await?;
    sets::count_up(tx, by_digest(&added)).await
}

/// Counts the images, `sign` times, for whoever uploaded them.
async fn charge(tx: &mut Tx<'_>, images: &[Placed], sign: i64) -> Outcome<()> {
    let mut charges = BTreeMap::<ObjectId, (i64, i64)>::new();
    for image in images {
        let (n_images, bytes) = charges.entry(image.account).or_default();
        *n_images += sign;
        *bytes += sign * image.bytes;
    }
    let writers = tx.mongo.collection::<Document>(&MEDIA_WRITERS);
    for (account, (images, bytes)) in charges {
        let change = doc! { "$inc": { "images": images, "bytes": bytes } };
        writers.update_one(doc! { "_id": account }, change).upsert(true).session(&mut *tx.session).await?;
    }
    Ok(())
}

/// How many images there are of each set.
fn by_digest(images: &[Placed]) -> BTreeMap<Vec<u8>, i64> {
    let mut counts = BTreeMap::new();
    for digest in images.iter().filter_map(|image| image.blobs.as_ref()) {
        *counts.entry(digest.bytes.clone()).or_default() += 1;
    }
    counts
}
