//! Sets of blobs, and how many images are of each.

use std::collections::BTreeMap;

use bson::{Document, doc, oid::ObjectId};
use echo_domain::{
    Error, RawId,
    media::{BlobSet, Digest, DoomedBlobs, Image, Media},
};
use mongodb::options::ReturnDocument;

use crate::{
    collections::{BLOBS, BLOBS_DOOMED, MEDIA},
    documents::{binary, oid},
    error::Outcome,
    transaction::Tx,
};

use super::rows::{BlobsRow, DoomedRow, MediaRow, digest};

/// The set that an image is of.
pub(super) async fn of(tx: &mut Tx<'_>, media: &MediaRow) -> Outcome<BlobSet> {
    let blobs = tx.mongo.collection::<BlobsRow>(&BLOBS);
    let found = blobs.find_one(doc! { "_id": &media.blobs }).session(&mut *tx.session).await?;
    found.ok_or_else(|| Error::internal("an image has no blobs"))?.read()
}

/// The set of the same digest, with one more image; the blobs themselves, when there was none.
pub(super) async fn share(tx: &mut Tx<'_>, blobs: &BlobSet) -> Outcome<BlobSet> {
    let kept = tx.mongo.collection::<BlobsRow>(&BLOBS);
    let one_more = kept
        .find_one_and_update(doc! { "_id": digest(blobs.digest) }, doc! { "$inc": { "images": 1_i64 } })
        .return_document(ReturnDocument::After)
        .session(&mut *tx.session);
    if let Some(kept) = one_more.await? {
        return kept.read();
    }
    kept.insert_one(BlobsRow::new(blobs, 1)).session(&mut *tx.session).await?;
    Ok(blobs.clone())
}

/// Counts so many more images of each set, by digest.
pub(crate) async fn count_up(tx: &mut Tx<'_>, images: BTreeMap<Vec<u8>, i64>) -> Outcome<()> {
    let kept = tx.mongo.collection::<Document>(&BLOBS);
    for (digest, images) in images {
        let more = doc! { "$inc": { "images": images } };
        kept.update_one(doc! { "_id": binary(&digest) }, more).session(&mut *tx.session).await?;
    }
    Ok(())
}

/// Counts anew how many images are of the same blobs as this one. Where nobody knows these blobs, the image tells what they
/// are, and they are not to go, whoever doomed them.
pub(crate) async fn count_again(tx: Tx<'_>, image: ObjectId) -> Outcome<()> {
    let media = tx.mongo.collection::<MediaRow>(&MEDIA);
    let row = media.find_one(doc! { "_id": image }).session(&mut *tx.session).await?;
    let Some(Media { image, blobs: Some(of), bytes, .. }) = row.map(MediaRow::read).transpose()? else { return Ok(()) };
    let has = media.count_documents(doc! { "blobs": digest(of) }).session(&mut *tx.session).await?;
    let has = i64::try_from(has).unwrap_or(i64::MAX);
    let kept = tx.mongo.collection::<BlobsRow>(&BLOBS);
    let count = doc! { "$set": { "images": has } };
    let counted = kept.update_one(doc! { "_id": digest(of) }, count).session(&mut *tx.session).await?;
    if counted.matched_count == 0 {
        let told = told_by(image, of, bytes)?;
        kept.insert_one(BlobsRow::new(&told, has)).session(&mut *tx.session).await?;
        let doomed = tx.mongo.collection::<Document>(&BLOBS_DOOMED);
        doomed.delete_one(doc! { "_id": oid(told.stem) }).session(&mut *tx.session).await?;
    }
    Ok(())
}

/// The set of blobs that an image is of, by its names. Without a length nobody has measured them.
fn told_by(image: Image, digest: Digest, bytes: u64) -> Outcome<BlobSet> {
    let stem = image.location.split(['.', '-']).next().unwrap_or_default();
    Ok(BlobSet {
        digest,
        stem: stem.parse::<RawId>().map_err(Error::internal)?.into(),
        location: image.location,
        width: image.width,
        height: image.height,
        blurhash: image.blurhash,
        variants: image.variants,
        bytes: (bytes > 0).then_some(bytes),
    })
}

/// Counts so many images less of each set, by digest. One that has none left is doomed.
pub(super) async fn count_down(tx: &mut Tx<'_>, images: BTreeMap<Vec<u8>, i64>) -> Outcome<()> {
    let kept = tx.mongo.collection::<BlobsRow>(&BLOBS);
    for (digest, images) in images {
        let this = doc! { "_id": binary(&digest) };
        let less = kept
            .find_one_and_update(this.clone(), doc! { "$inc": { "images": -images } })
            .return_document(ReturnDocument::After)
            .session(&mut *tx.session);
        if let Some(unused) = less.await?.filter(|blobs| blobs.images <= 0) {
            kept.delete_one(this).session(&mut *tx.session).await?;
            doom(tx, (&unused.read()?).into()).await?;
        }
    }
    Ok(())
}

pub(super) async fn doom(tx: &mut Tx<'_>, blobs: DoomedBlobs) -> Outcome<()> {
    let DoomedRow { id, names } = blobs.into();
    let doomed = tx.mongo.collection::<Document>(&BLOBS_DOOMED);
    let unless_there = doc! { "$setOnInsert": { "names": names } };
    doomed.update_one(doc! { "_id": id }, unless_there).upsert(true).session(&mut *tx.session).await?;
    Ok(())
}
