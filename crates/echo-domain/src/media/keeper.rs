//! Sees to it that images stay exactly as long as something shows them.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use tokio::sync::watch;

use crate::{Consumer, Event, PageRequest, Result, Stem, Timestamp, UserId, posts::Catalog, users::Directory};

use super::{BlobSet, DoomedBlobs, Holder, Media, Part, Parts};

/// Follows the events about who shows what, and sweeps up what no event tells of.
pub struct MediaKeeper {
    pub parts: Parts,
    posts: Arc<dyn Catalog>,
    directory: Arc<dyn Directory>,
    /// Doomed blobs that were removed, and when.
    removed: Mutex<BTreeMap<Stem, Timestamp>>,
}

impl MediaKeeper {
    const SWEEP_EVERY: Duration = Duration::from_secs(30);
    /// However often it is told: each time it looks through all that is doomed.
    const SWEEP_AT_MOST_EVERY: Duration = Duration::from_secs(1);
    const BATCH: usize = 100;
    /// Longer than a request may still be putting blobs whose image is gone, or a store takes to do what it was not waited
    /// for: only then are doomed blobs removed for the last time, and forgotten.
    const LATE: Duration = Duration::from_secs(120);

    pub fn new(parts: Parts, posts: Arc<dyn Catalog>, directory: Arc<dyn Directory>) -> Self {
        Self { parts, posts, directory, removed: Mutex::default() }
    }

    /// Removes expired images and doomed blobs, and measures what nobody has measured: when told, and again and again, until
    /// `stop` becomes true.
    pub async fn sweep(self: Arc<Self>, mut stop: watch::Receiver<bool>) {
        while !*stop.borrow() {
            let swept = self.sweep_once().await;
            if let Err(error) = &swept {
                tracing::warn!(error = error as &dyn std::error::Error, "unused images stay for now");
            }
            let pause = if swept.is_ok_and(|more| more) { Duration::ZERO } else { Self::SWEEP_EVERY };
            tokio::select! {
                () = self.told() => {}
                () = tokio::time::sleep(pause) => {}
                _ = stop.changed() => {}
            }
        }
    }

    async fn told(&self) {
        tokio::time::sleep(Self::SWEEP_AT_MOST_EVERY).await;
        self.parts.doomed.notified().await;
    }

    /// Whether there is more to do at once.
    async fn sweep_once(&self) -> Result<bool> {
        let settled = self.settle_expired().await;
        self.remove_doomed().await?;
        settled?;
        self.measure_some().await
    }

    /// Those that cannot be settled keep the others waiting only where they fill a whole batch.
    async fn settle_expired(&self) -> Result<()> {
        loop {
            let expired = self.parts.media.expired(self.parts.clock.now(), Self::BATCH).await?;
            let mut failed = None;
            let mut settled = 0;
            for media in &expired {
                match self.settle(media).await {
                    Ok(()) => settled += 1,
                    Err(error) => failed = Some(error),
                }
            }
            if settled == 0 {
                return failed.map_or(Ok(()), Err);
            }
        }
    }

    /// Keeps an expired image if its holder shows it after all, and removes it otherwise. Nobody can claim it meanwhile.
    async fn settle(&self, media: &Media) -> Result<()> {
        let image = media.image.id;
        let shown = match media.holder {
            None => false,
            Some(Holder::Post(post)) => self.posts.media_of(post).await?.contains(&image),
            Some(Holder::Profile(user)) => {
                let profiles = self.directory.profiles(&[user]).await?;
                profiles.values().filter_map(|profile| profile.picture.as_ref()).any(|picture| picture.media == image)
            }
        };
        match media.holder {
            Some(holder) if shown => self.parts.media.keep(holder, &[image]).await,
            _ => self.parts.media.remove(&[image]).await,
        }
    }

    /// Removes doomed blobs, then what is known of them. Some that cannot be removed do not keep the others.
    async fn remove_doomed(&self) -> Result<()> {
        let now = self.parts.clock.now();
        // Those that another process has forgotten.
        self.removed().retain(|_, first| now.since(*first) < Self::LATE * 3);
        let mut after = None;
        loop {
            let doomed = self.parts.media.doomed(after, Self::BATCH).await?;
            let Some(last) = doomed.last() else { return Ok(()) };
            after = Some(last.stem);
            for blobs in doomed.iter().filter(|blobs| self.is_due(blobs.stem)) {
                if let Err(error) = self.remove(blobs).await {
                    tracing::warn!(media.stem = %blobs.stem, error = &error as &dyn std::error::Error, "an image stays for now");
                }
            }
        }
    }

    /// At once, and again when nobody can still be putting them.
    async fn remove(&self, blobs: &DoomedBlobs) -> Result<()> {
        // The narrower ones first.
        for name in blobs.names.iter().rev() {
            self.parts.blobs.remove(name).await?;
        }
        let now = self.parts.clock.now();
        let first = *self.removed().entry(blobs.stem).or_insert(now);
        if now.since(first) >= Self::LATE {
            self.parts.media.forget(blobs.stem).await?;
            self.removed().remove(&blobs.stem);
        }
        Ok(())
    }

    fn is_due(&self, blobs: Stem) -> bool {
        let now = self.parts.clock.now();
        self.removed().get(&blobs).is_none_or(|first| now.since(*first) >= Self::LATE)
    }

    fn removed(&self) -> MutexGuard<'_, BTreeMap<Stem, Timestamp>> {
        self.removed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Measures blobs of images that came before anybody did. Whether there may be more.
    async fn measure_some(&self) -> Result<bool> {
        let unmeasured = self.parts.media.unmeasured(Self::BATCH).await?;
        let mut measured = 0;
        for blobs in &unmeasured {
            match self.measure(blobs).await {
                Ok(()) => measured += 1,
                Err(error) => {
                    let error = &error as &dyn std::error::Error;
                    tracing::warn!(media.stem = %blobs.stem, error, "an image counts for nothing for now");
                }
            }
        }
        Ok(measured == Self::BATCH)
    }

    async fn measure(&self, blobs: &BlobSet) -> Result<()> {
        let mut bytes = 0;
        for name in blobs.names() {
            bytes += self.parts.blobs.read(name, Part::NOTHING).await?.map_or(0, |blob| blob.length);
        }
        self.parts.media.measure(blobs.digest, bytes).await
    }

    async fn remove_all_of(&self, account: UserId) -> Result<()> {
        loop {
            let images = self.parts.media.of_account(account, PageRequest::first(Self::BATCH)).await?.items;
            if images.is_empty() {
                return Ok(());
            }
            self.parts.media.remove(&images.iter().map(|media| media.image.id).collect::<Vec<_>>()).await?;
        }
    }
}

#[async_trait]
impl Consumer for MediaKeeper {
    fn name(&self) -> &'static str {
        "media"
    }

    async fn handle(&self, event: &Event) -> Result<()> {
        let media = &self.parts.media;
        match event {
            // Most posts: not worth a write.
            Event::PostPublished { media: images, .. } if images.is_empty() => return Ok(()),
            Event::PostPublished { post, media: images, .. } => return media.keep(Holder::Post(*post), images).await,
            Event::PostDeleted { media: images, .. } => media.remove(images).await?,
            Event::PictureChanged { account, new, old } => {
                media.keep(Holder::Profile(*account), new.as_slice()).await?;
                media.remove(old.as_slice()).await?;
            }
            Event::AccountDeleted { account } => {
                // First of all, so that a request which is still under way leaves nothing behind.
                media.bar(*account).await?;
                self.remove_all_of(*account).await?;
            }
            Event::AccountOpened { .. } | Event::AccountRenamed { .. } => return Ok(()),
        }
        self.parts.doomed.notify_one();
        Ok(())
    }
}
