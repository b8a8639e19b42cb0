//! The records of images.

mod claim;
mod measuring;
pub(crate) mod older;
mod removal;
mod rows;
mod sets;

use std::sync::Arc;

use async_trait::async_trait;
use bson::{Document, doc, oid::ObjectId};
use echo_domain::{
    MediaId, Page, PageRequest, Result, Stem, Timestamp, UserId,
    media::{BlobSet, Digest, DoomedBlobs, Holder, Image, Media, MediaStore, Upload, over_quota},
};
use futures_util::{FutureExt, TryStreamExt, future::try_join_all};
use serde::Deserialize;

use crate::{
    Mongo,
    areas::{Area, NotOpened},
    bars,
    collections::{BLOBS, BLOBS_DOOMED, MEDIA, MEDIA_WRITERS},
    documents::{before, count, date, id, limit as at_most, oid, oids, one_more, whole},
    error::{Outcome, unavailable},
    transaction::Tx,
};

use claim::Claim;
use removal::Placed;
pub(crate) use removal::{count_added, remove};
pub(crate) use rows::{BlobsRow, DoomedRow, ImageRow, MediaRow, digest, holder_word};
pub(crate) use sets::count_again;

/// How often an image is added anew when others come in between.
const ATTEMPTS: u32 = 5;

/// Keeps the records of images in MongoDB.
pub struct MongoMedia(pub(crate) Arc<Mongo>);

impl MongoMedia {
    /// # Errors
    /// [`NotOpened`] when the process has not opened the area's database.
    pub fn new(mongo: Arc<Mongo>) -> Result<Self, NotOpened> {
        mongo.with([Area::Media]).map(Self)
    }
}

#[async_trait]
impl MediaStore for MongoMedia {
    async fn add(&self, upload: &Upload, quota: u64) -> Result<BlobSet> {
        let work = async {
            let _turns = self.0.turns.take(&[oid(upload.account), turn(&upload.blobs.digest)]).await;
            // Another process may have added the image, or equal blobs, since this transaction began.
            for _ in 0..ATTEMPTS {
                match self.0.together((upload, quota), |tx, &(upload, quota)| add(tx, upload, quota).boxed()).await {
                    Err(refused) if refused.duplicate().is_some() => {}
                    added => return added,
                }
            }
            Err(unavailable("others add the same").into())
        };
        self.0.run("media.add", work).await
    }

    async fn bar(&self, account: UserId) -> Result<()> {
        self.0.run("media.bar", bars::bar(&self.0, &MEDIA_WRITERS, account)).await
    }

    async fn find(&self, media: MediaId) -> Result<Option<Media>> {
        let work = async {
            let kept = self.0.collection::<MediaRow>(&MEDIA);
            let found = kept.find_one(doc! { "_id": oid(media) }).await?;
            found.map(MediaRow::read).transpose()
        };
        self.0.run("media.find", work).await
    }

    async fn claim(
        &self,
        account: UserId,
        holder: Holder,
        images: &[MediaId],
        now: Timestamp,
        expires: Timestamp,
    ) -> Result<Vec<Image>> {
        if images.is_empty() {
            return Ok(Vec::new());
        }
        let claim = Claim { account, holder, images, now, expires };
        self.0.transaction("media.claim", claim, |tx, claim| claim.make(tx).boxed()).await
    }

    /// Each by itself: so the driver tries a write again that the network lost.
    async fn keep(&self, holder: Holder, images: &[MediaId]) -> Result<()> {
        let work = async {
            let media = self.0.collection::<Document>(&MEDIA);
            let for_good = doc! { "$unset": { "expires": true } };
            let keep = async |image: &MediaId| {
                let claimed = doc! { "_id": oid(*image), "holder": holder_word(holder) };
                media.update_one(claimed, for_good.clone()).await
            };
            try_join_all(images.iter().map(keep)).await?;
            Ok(())
        };
        self.0.run("media.keep", work).await
    }

    async fn unclaim(&self, holder: Holder) -> Result<()> {
        let work = async {
            let media = self.0.collection::<Document>(&MEDIA);
            let claimed = doc! { "holder": holder_word(holder), "expires": { "$exists": true } };
            media.update_many(claimed, doc! { "$unset": { "holder": true } }).await?;
            Ok(())
        };
        self.0.run("media.unclaim", work).await
    }

    async fn expired(&self, now: Timestamp, limit: usize) -> Result<Vec<Media>> {
        let work = async {
            let media = self.0.collection::<MediaRow>(&MEDIA);
            let over = media.find(doc! { "expires": { "$lte": date(now) } });
            let rows: Vec<_> = over.sort(doc! { "expires": 1 }).limit(at_most(limit)).await?.try_collect().await?;
            rows.into_iter().map(MediaRow::read).collect()
        };
        self.0.run("media.expired", work).await
    }

    async fn remove(&self, images: &[MediaId]) -> Result<()> {
        let work = async {
            let media = self.0.collection::<Placed>(&MEDIA);
            let asked = media
                .find(doc! { "_id": { "$in": oids(images) } })
                .projection(doc! { "account": 1, "blobs": 1, "bytes": 1 });
            let there: Vec<Placed> = asked.await?.try_collect().await?;
            let turns: Vec<_> = there.iter().flat_map(Placed::turns).collect();
            let _turns = self.0.turns.take(&turns).await;
            self.0.together(images, |tx, images| removal::remove(tx, images).boxed()).await
        };
        self.0.run("media.remove", work).await
    }

    async fn doom(&self, blobs: &BlobSet) -> Result<()> {
        let work = async {
            let live = self.0.collection::<BlobsRow>(&BLOBS).find_one(doc! { "_id": digest(blobs.digest) }).await?;
            if live.is_some_and(|live| live.stem == oid(blobs.stem)) {
                return Ok(());
            }
            let DoomedRow { id, names } = DoomedBlobs::from(blobs).into();
            let doomed = self.0.collection::<Document>(&BLOBS_DOOMED);
            doomed.update_one(doc! { "_id": id }, doc! { "$setOnInsert": { "names": names } }).upsert(true).await?;
            Ok(())
        };
        self.0.run("media.doom", work).await
    }

    async fn doomed(&self, after: Option<Stem>, limit: usize) -> Result<Vec<DoomedBlobs>> {
        let work = async {
            let doomed = self.0.collection::<DoomedRow>(&BLOBS_DOOMED);
            let later = after.map_or_else(Document::new, |after| doc! { "_id": { "$gt": oid(after) } });
            let found = doomed.find(later).sort(doc! { "_id": 1 }).limit(at_most(limit));
            let rows: Vec<_> = found.await?.try_collect().await?;
            Ok(rows.into_iter().map(DoomedBlobs::from).collect())
        };
        self.0.run("media.doomed", work).await
    }

    async fn forget(&self, blobs: Stem) -> Result<()> {
        let work = async {
            self.0.collection::<Document>(&BLOBS_DOOMED).delete_one(doc! { "_id": oid(blobs) }).await?;
            Ok(())
        };
        self.0.run("media.forget", work).await
    }

    async fn unmeasured(&self, limit: usize) -> Result<Vec<BlobSet>> {
        let work = async {
            let blobs = self.0.collection::<BlobsRow>(&BLOBS);
            let found = blobs.find(doc! { "unmeasured": true }).limit(at_most(limit));
            let rows: Vec<_> = found.await?.try_collect().await?;
            rows.into_iter().map(BlobsRow::read).collect()
        };
        self.0.run("media.unmeasured", work).await
    }

    async fn measure(&self, blobs: Digest, bytes: u64) -> Result<()> {
        let measured = (blobs, whole(bytes));
        self.0
            .transaction("media.measure", measured, |tx, &(blobs, bytes)| measuring::measure(tx, blobs, bytes).boxed())
            .await
    }

    async fn of_account(&self, account: UserId, page: PageRequest<MediaId>) -> Result<Page<Media, MediaId>> {
        let work = async {
            let media = self.0.collection::<MediaRow>(&MEDIA);
            let theirs = before(doc! { "account": oid(account) }, "_id", &page);
            let found = media.find(theirs).sort(doc! { "_id": -1 }).limit(one_more(&page));
            let rows: Vec<_> = found.await?.try_collect().await?;
            let images = rows.into_iter().map(MediaRow::read).collect::<Outcome<_>>()?;
            Ok(Page::cut(images, page.limit, |media: &Media| media.image.id))
        };
        self.0.run("media.of_account", work).await
    }

    async fn bytes_of(&self, account: UserId) -> Result<u64> {
        let work = async {
            let writers = self.0.collection::<Heavy>(&MEDIA_WRITERS);
            let writer = writers.find_one(doc! { "_id": oid(account) }).await?;
            writer.map_or(Ok(0), |writer| count(writer.bytes))
        };
        self.0.run("media.bytes_of", work).await
    }

    async fn heaviest(&self, limit: usize) -> Result<Vec<(UserId, u64)>> {
        let work = async {
            let writers = self.0.collection::<Heavy>(&MEDIA_WRITERS);
            let most = writers.find(doc! { "bytes": { "$gt": 0_i64 } }).sort(doc! { "bytes": -1 });
            let rows: Vec<_> = most.limit(at_most(limit)).await?.try_collect().await?;
            rows.into_iter().map(|row| Ok((id(row.id), count(row.bytes)?))).collect()
        };
        self.0.run("media.heaviest", work).await
    }
}

/// What the images of an account count for.
#[derive(Deserialize)]
struct Heavy {
    #[serde(rename = "_id")]
    id: ObjectId,
    #[serde(default)]
    bytes: i64,
}

/// Sets of equal blobs change in the turn of their digest.
fn turn(digest: &Digest) -> ObjectId {
    let mut id = [0; 12];
    id.copy_from_slice(&digest.to_bytes()[..12]);
    ObjectId::from_bytes(id)
}

/// An index refuses an image, or blobs, that came in between, and with them the whole transaction.
async fn add(mut tx: Tx<'_>, upload: &Upload, quota: u64) -> Outcome<BlobSet> {
    let media = tx.mongo.collection::<MediaRow>(&MEDIA);
    if let Some(there) = media.find_one(doc! { "_id": oid(upload.id) }).session(&mut *tx.session).await? {
        return sets::of(&mut tx, &there).await;
    }
    let bytes = whole(upload.blobs.bytes.unwrap_or(0));
    let counts = doc! { "images": 1_i64, "bytes": bytes };
    let writer = bars::pass_counting(&mut tx, &MEDIA_WRITERS, upload.account, counts).await?;
    if writer.get_i64("bytes").is_ok_and(|bytes| bytes > whole(quota)) {
        return Err(over_quota(quota).into());
    }
    let blobs = sets::share(&mut tx, &upload.blobs).await?;
    media.insert_one(MediaRow::new(&upload.of(&blobs))).session(&mut *tx.session).await?;
    Ok(blobs)
}
