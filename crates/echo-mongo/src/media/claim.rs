//! An account gives images to what shows them: all of these or none.

use bson::{Document, doc};
use echo_domain::{
    IdMap, MediaId, Timestamp, UserId,
    media::{Holder, Image, Media},
};
use futures_util::TryStreamExt;

use crate::{
    collections::MEDIA,
    documents::{date, oids},
    error::Outcome,
    transaction::Tx,
};

use super::rows::{MediaRow, holder_word};

pub(super) struct Claim<'a> {
    pub account: UserId,
    pub holder: Holder,
    pub images: &'a [MediaId],
    pub now: Timestamp,
    pub expires: Timestamp,
}

impl Claim<'_> {
    /// Of two that claim the same image at once, one changes it first, and the other begins anew.
    pub(super) async fn make(&self, mut tx: Tx<'_>) -> Outcome<Vec<Image>> {
        let free = self.free(&mut tx).await?;
        let Some(claimed) = self.images.iter().map(|image| free.get(image)).collect::<Option<Vec<_>>>() else {
            return Ok(Vec::new());
        };
        self.give(&mut tx, &claimed).await?;
        Ok(claimed.into_iter().map(|media| media.image.clone()).collect())
    }

    /// Those that the account may give to the holder.
    async fn free(&self, tx: &mut Tx<'_>) -> Outcome<IdMap<MediaId, Media>> {
        let media = tx.mongo.collection::<MediaRow>(&MEDIA);
        let mut found = media.find(doc! { "_id": { "$in": oids(self.images) } }).session(&mut *tx.session).await?;
        let rows: Vec<_> = found.stream(tx.session).try_collect().await?;
        let there = rows.into_iter().map(MediaRow::read);
        let free = there.filter(|media| media.as_ref().map_or(true, |media| self.may_have(media)));
        free.map(|media| media.map(|media| (media.image.id, media))).collect()
    }

    fn may_have(&self, media: &Media) -> bool {
        media.account == self.account
            && media.holder.is_none_or(|by| by == self.holder)
            && media.expires.is_none_or(|expires| expires > self.now)
    }

    /// What the holder shows already has no expiry, and gets none.
    async fn give(&self, tx: &mut Tx<'_>, claimed: &[&Media]) -> Outcome<()> {
        let shown = |media: &Media| media.holder == Some(self.holder) && media.expires.is_none();
        let given: Vec<_> = claimed.iter().filter(|media| !shown(media)).map(|media| media.image.id).collect();
        let media = tx.mongo.collection::<Document>(&MEDIA);
        let claim = doc! { "$set": { "holder": holder_word(self.holder), "expires": date(self.expires) } };
        media.update_many(doc! { "_id": { "$in": oids(&given) } }, claim).session(&mut *tx.session).await?;
        Ok(())
    }
}
