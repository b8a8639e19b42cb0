//! What images count for that came before anybody measured their blobs.

use bson::{Document, doc};
use echo_domain::media::Digest;

use crate::{
    collections::{BLOBS, MEDIA, MEDIA_WRITERS},
    error::Outcome,
    transaction::Tx,
};

use super::rows::{BlobsRow, digest};

/// Notes the length of a set that nobody has measured, in its image and for its account, too.
pub(super) async fn measure(tx: Tx<'_>, blobs: Digest, bytes: i64) -> Outcome<()> {
    let sets = tx.mongo.collection::<BlobsRow>(&BLOBS);
    let unmeasured = doc! { "_id": digest(blobs), "unmeasured": true };
    let measured = doc! { "$set": { "bytes": bytes }, "$unset": { "unmeasured": true } };
    let Some(set) = sets.find_one_and_update(unmeasured, measured).session(&mut *tx.session).await? else {
        return Ok(());
    };
    let media = tx.mongo.collection::<Document>(&MEDIA);
    let image = doc! { "_id": set.stem, "blobs": digest(blobs) };
    let found = media.find_one_and_update(image, doc! { "$set": { "bytes": bytes } }).session(&mut *tx.session).await?;
    if let Some(account) = found.as_ref().and_then(|image| image.get("account")) {
        let writers = tx.mongo.collection::<Document>(&MEDIA_WRITERS);
        let charge = doc! { "$inc": { "bytes": bytes } };
        writers.update_one(doc! { "_id": account }, charge).upsert(true).session(&mut *tx.session).await?;
    }
    Ok(())
}
