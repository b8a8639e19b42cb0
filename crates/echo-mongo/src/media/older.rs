//! Images from before there were sets of blobs: each gets one of its own, of which nobody knows the digest or the length.

use bson::{Document, doc, oid::ObjectId};
use echo_domain::{
    Result, Stem,
    media::{BlobSet, Digest, Image},
};
use futures_util::{FutureExt, TryStreamExt};
use serde::Deserialize;

use crate::{
    Mongo,
    collections::{BLOBS, MEDIA},
    documents::id,
    error::Outcome,
    transaction::Tx,
};

use super::{
    removal::doom_last,
    rows::{BlobsRow, ImageRow, digest},
};

/// How many get theirs in one transaction.
const BATCH: i64 = 200;

/// An image as it was: those that were on their way out were marked, and not removed.
#[derive(Debug, Clone, Deserialize)]
struct OlderRow {
    #[serde(rename = "_id")]
    id: ObjectId,
    image: ImageRow,
    doomed: bool,
}

impl OlderRow {
    /// What it is shown from; nothing when another service delivers it.
    fn blobs(&self) -> Option<BlobSet> {
        let stem: Stem = id(self.id);
        let Image { location, width, height, blurhash, variants, .. } = self.image.clone().into();
        let digest = Digest::unknown(stem);
        let blobs = BlobSet { digest, stem, location, width, height, blurhash, variants, bytes: None };
        (!blobs.location.contains('/')).then_some(blobs)
    }
}

/// Gives all of them theirs. Several processes may do so at once, and again.
pub(crate) async fn give_blobs(mongo: &Mongo) -> Result<()> {
    loop {
        let look = async {
            let media = mongo.collection::<OlderRow>(&MEDIA);
            let older = media.find(doc! { "doomed": { "$exists": true } }).limit(BATCH).await?;
            Ok(older.try_collect::<Vec<_>>().await?)
        };
        let older = mongo.run("media.older", look).await?;
        if older.is_empty() {
            return Ok(());
        }
        mongo.transaction("media.give_blobs", older, |tx, older| give(tx, older).boxed()).await?;
    }
}

async fn give(mut tx: Tx<'_>, older: &[OlderRow]) -> Outcome<()> {
    for image in older {
        match image.doomed {
            true => doom(&mut tx, image).await?,
            false => give_one(&mut tx, image).await?,
        }
    }
    Ok(())
}

async fn doom(tx: &mut Tx<'_>, image: &OlderRow) -> Outcome<()> {
    let media = tx.mongo.collection::<Document>(&MEDIA);
    let gone = media.delete_one(doc! { "_id": image.id, "doomed": true }).session(&mut *tx.session).await?;
    match gone.deleted_count {
        0 => Ok(()),
        _ => doom_last(tx, &Image::from(image.image.clone())).await,
    }
}

async fn give_one(tx: &mut Tx<'_>, image: &OlderRow) -> Outcome<()> {
    let blobs = image.blobs();
    let mut set = doc! { "bytes": 0_i64 };
    if let Some(blobs) = &blobs {
        set.insert("blobs", digest(blobs.digest));
    }
    let media = tx.mongo.collection::<Document>(&MEDIA);
    let change = doc! { "$set": set, "$unset": { "doomed": true } };
    let older = doc! { "_id": image.id, "doomed": false };
    let given = media.update_one(older, change).session(&mut *tx.session).await?;
    if let Some(blobs) = blobs.filter(|_| given.modified_count > 0) {
        let row = BlobsRow::new(&blobs, 1);
        tx.mongo.collection(&BLOBS).insert_one(row).session(&mut *tx.session).await?;
    }
    Ok(())
}
