//! Taking images in.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;
use tokio::{sync::Notify, task::spawn_blocking};
use tracing::instrument;

use crate::{Clock, Error, MediaId, Page, PageRequest, Result, UserId};

use super::{
    AltText, Blob, BlobSet, BlobStore, Holder, Image, ImagePipeline, MediaDesk, MediaStore, Part, Purpose, Room,
    StemSource, Upload, incoming::Incoming,
};

/// What the media area stands on.
#[derive(Clone)]
pub struct Parts {
    pub media: Arc<dyn MediaStore>,
    pub blobs: Arc<dyn BlobStore>,
    pub pipeline: Arc<dyn ImagePipeline>,
    pub clock: Arc<dyn Clock>,
    pub room: Arc<dyn Room>,
    pub stems: Arc<StemSource>,
    /// How many bytes of images an account may keep.
    pub quota: u64,
    /// Wakes whoever removes doomed blobs.
    pub doomed: Arc<Notify>,
}

/// The use cases around images.
pub struct MediaService {
    parts: Parts,
}

impl MediaService {
    /// How long an image stays that nothing shows.
    pub const UNATTACHED: Duration = Duration::from_secs(3600);

    pub const fn new(parts: Parts) -> Self {
        Self { parts }
    }

    async fn put(&self, blobs: &BlobSet, bytes: Vec<Bytes>) -> Result<()> {
        for (name, bytes) in blobs.names().zip(bytes) {
            self.parts.blobs.put(name, bytes).await?;
        }
        Ok(())
    }

    /// The image was removed while its blobs were on their way, as with its account, and perhaps added again. Whoever removed
    /// the blobs may have done so before all were there.
    async fn take_back(&self, blobs: &BlobSet) -> Error {
        match self.parts.media.doom(blobs).await {
            Ok(()) => {
                self.parts.doomed.notify_one();
                Error::Unavailable { what: "this image", retry_after: Duration::from_secs(30), source: None }
            }
            Err(error) => error,
        }
    }
}

#[async_trait]
impl MediaDesk for MediaService {
    #[instrument(level = "debug", name = "media.upload", skip_all, fields(media.id = %id))]
    async fn upload(&self, account: UserId, id: MediaId, purpose: Purpose, bytes: Bytes, alt: &str) -> Result<Image> {
        let alt = AltText::parse(alt)?.into_string();
        self.parts.room.check().await?;
        let processed = self.parts.pipeline.process(bytes, purpose).await?;
        let stem = self.parts.stems.next();
        let Incoming { blobs, bytes } =
            spawn_blocking(move || Incoming::new(processed, stem)).await.map_err(Error::internal)?;

        // The record first: it expires, so that bytes which a crash leaves without a holder are found and removed.
        let expires = self.parts.clock.now() + Self::UNATTACHED;
        let upload = Upload { id, account, alt, expires, blobs };
        let blobs = self.parts.media.add(&upload, self.parts.quota).await?;
        // Also where there are equal ones: whoever brought those may not have come so far yet, or may never.
        if let Err(error) = self.put(&blobs, bytes).await {
            self.discard(&[id]).await;
            return Err(error);
        }
        match self.parts.media.find(id).await? {
            Some(media) if media.image.location == blobs.location => Ok(media.image),
            _ => Err(self.take_back(&blobs).await),
        }
    }

    async fn claim(&self, account: UserId, holder: Holder, images: &[MediaId]) -> Result<Vec<Image>> {
        let now = self.parts.clock.now();
        self.parts.media.claim(account, holder, images, now, now + Self::UNATTACHED).await
    }

    async fn discard(&self, images: &[MediaId]) {
        if images.is_empty() {
            return;
        }
        match self.parts.media.remove(images).await {
            Ok(()) => self.parts.doomed.notify_one(),
            Err(error) => {
                tracing::warn!(error = &error as &dyn std::error::Error, "images taken in for nothing will go later");
            }
        }
    }

    async fn release(&self, holder: Holder) {
        if let Err(error) = self.parts.media.unclaim(holder).await {
            tracing::warn!(error = &error as &dyn std::error::Error, "images claimed for nothing will go later");
        }
    }

    async fn images_of(&self, account: UserId, page: PageRequest<MediaId>) -> Result<Page<Image, MediaId>> {
        Ok(self.parts.media.of_account(account, page).await?.map(|media| media.image))
    }

    async fn read(&self, name: &str) -> Result<Option<Blob>> {
        self.parts.blobs.read(name, Part::WHOLE).await
    }
}
