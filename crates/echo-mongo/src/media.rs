//! The records of images.

mod claim;
mod rows;

use std::sync::Arc;

use async_trait::async_trait;
use bson::{Document, doc};
use echo_domain::{
    MediaId, Page, PageRequest, Result, Timestamp, UserId,
    media::{Holder, Image, Media, MediaStore},
};
use futures_util::{FutureExt, TryStreamExt, future::try_join_all};

use crate::{
    Mongo, bars,
    collections::{MEDIA, MEDIA_WRITERS},
    documents::{before, date, limit as at_most, oid, oids, one_more},
    error::Outcome,
    transaction::Tx,
};

use claim::Claim;
pub(crate) use rows::{ImageRow, MediaRow, holder_word};

/// Keeps the records of images in MongoDB.
pub struct MongoMedia(pub Arc<Mongo>);

#[async_trait]
impl MediaStore for MongoMedia {
    async fn add(&self, media: &Media) -> Result<()> {
        let work = async {
            let _turns = self.0.turns.take(&[oid(media.account)]).await;
            match self.0.together(media, |tx, &media| add(tx, media).boxed()).await {
                Err(refused) if refused.duplicate().is_some() && self.exists(media.image.id).await? => Ok(()),
                added => added,
            }
        };
        self.0.run("media.add", work).await
    }

    async fn bar(&self, account: UserId) -> Result<()> {
        self.0.run("media.bar", bars::bar(&self.0, &MEDIA_WRITERS, account)).await
    }

    async fn find(&self, media: MediaId) -> Result<Option<Media>> {
        let work = async {
            let kept = self.0.collection::<MediaRow>(&MEDIA);
            let found = kept.find_one(doc! { "_id": oid(media), "doomed": false }).await?;
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
                let claimed = doc! { "_id": oid(*image), "holder": holder_word(holder), "doomed": false };
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
            let claimed = doc! { "holder": holder_word(holder), "doomed": false, "expires": { "$exists": true } };
            media.update_many(claimed, doc! { "$unset": { "holder": true } }).await?;
            Ok(())
        };
        self.0.run("media.unclaim", work).await
    }

    async fn expired(&self, now: Timestamp, limit: usize) -> Result<Vec<Media>> {
        let work = async {
            let media = self.0.collection::<MediaRow>(&MEDIA);
            let over = media.find(doc! { "doomed": false, "expires": { "$lte": date(now) } });
            let rows: Vec<_> = over.sort(doc! { "expires": 1 }).limit(at_most(limit)).await?.try_collect().await?;
            rows.into_iter().map(MediaRow::read).collect()
        };
        self.0.run("media.expired", work).await
    }

    async fn doom(&self, images: &[MediaId]) -> Result<()> {
        let work = async {
            let media = self.0.collection::<Document>(&MEDIA);
            let doomed = doc! { "$set": { "doomed": true } };
            media.update_many(doc! { "_id": { "$in": oids(images) } }, doomed).await?;
            Ok(())
        };
        self.0.run("media.doom", work).await
    }

    async fn doomed(&self, after: Option<MediaId>, limit: usize) -> Result<Vec<Image>> {
        let work = async {
            let media = self.0.collection::<MediaRow>(&MEDIA);
            let mut doomed = doc! { "doomed": true };
            if let Some(after) = after {
                doomed.insert("_id", doc! { "$gt": oid(after) });
            }
            let found = media.find(doomed).sort(doc! { "_id": 1 }).limit(at_most(limit));
            let rows: Vec<_> = found.await?.try_collect().await?;
            rows.into_iter().map(|row| row.read().map(|media| media.image)).collect()
        };
        self.0.run("media.doomed", work).await
    }

    async fn forget(&self, image: MediaId) -> Result<()> {
        let work = async {
            let media = self.0.collection::<Document>(&MEDIA);
            media.delete_one(doc! { "_id": oid(image), "doomed": true }).await?;
            Ok(())
        };
        self.0.run("media.forget", work).await
    }

    async fn of_account(&self, account: UserId, page: PageRequest<MediaId>) -> Result<Page<Media, MediaId>> {
        let work = async {
            let media = self.0.collection::<MediaRow>(&MEDIA);
            let theirs = before(doc! { "account": oid(account), "doomed": false }, "_id", &page);
            let found = media.find(theirs).sort(doc! { "_id": -1 }).limit(one_more(&page));
            let rows: Vec<_> = found.await?.try_collect().await?;
            let images = rows.into_iter().map(MediaRow::read).collect::<Outcome<_>>()?;
            Ok(Page::cut(images, page.limit, |media: &Media| media.image.id))
        };
        self.0.run("media.of_account", work).await
    }
}

impl MongoMedia {
    async fn exists(&self, image: MediaId) -> Outcome<bool> {
        let media = self.0.collection::<Document>(&MEDIA);
        Ok(media.find_one(doc! { "_id": oid(image) }).projection(doc! { "_id": 1 }).await?.is_some())
    }
}

/// The index refuses an image that is there, and with it the whole transaction.
async fn add(mut tx: Tx<'_>, media: &Media) -> Outcome<()> {
    bars::pass(&mut tx, &MEDIA_WRITERS, media.account, "images").await?;
    tx.mongo.collection(&MEDIA).insert_one(MediaRow::new(media)).session(&mut *tx.session).await?;
    Ok(())
}
