//! Sets of blobs, and how many images are of each.

use std::collections::BTreeMap;

use bson::{Document, doc};
use echo_domain::{Error, media::BlobSet};
use mongodb::options::ReturnDocument;

use crate::{
    collections::{BLOBS, BLOBS_DOOMED},
    documents::binary,
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
            let row = DoomedRow::from(echo_domain::media::DoomedBlobs::from(&unused.read()?));
            tx.mongo.collection(&BLOBS_DOOMED).insert_one(row).session(&mut *tx.session).await?;
        }
    }
    Ok(())
}
