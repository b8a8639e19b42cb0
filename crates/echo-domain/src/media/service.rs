//! Taking images in.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;
use tokio::sync::Notify;
use tracing::instrument;

use crate::{Clock, Error, MediaId, Page, PageRequest, Result, UserId};

use super::{AltText, BlobStore, Encoded, Holder, Image, ImagePipeline, Media, MediaStore, Purpose, Variant};

/// The media area as its neighbours see it.
#[async_trait]
pub trait MediaDesk: Send + Sync {
    /// Takes an image in. Unless something claims it, it goes after [`MediaService::UNATTACHED`].
    ///
    /// # Errors
    /// [`crate::Error::TooLarge`] and [`crate::Error::Unsupported`] on `file`; [`crate::Error::Invalid`] on `alt`;
    /// [`crate::Error::StorageFull`].
    async fn upload(&self, account: UserId, id: MediaId, purpose: Purpose, bytes: Bytes, alt: &str) -> Result<Image>;

    /// Gives images of the account to `holder`, which is about to show them: all, or (then empty) none.
    async fn claim(&self, account: UserId, holder: Holder, images: &[MediaId]) -> Result<Vec<Image>>;

    /// Removes images that were taken in for nothing. Never fails: what cannot be removed now goes later.
    async fn discard(&self, images: &[MediaId]);

    /// Frees what `holder` claimed, when it will not show it after all. Never fails: later, expiry does the same.
    async fn release(&self, holder: Holder);
}

/// What the media area stands on.
#[derive(Clone)]
pub struct Parts {
    pub media: Arc<dyn MediaStore>,
    pub blobs: Arc<dyn BlobStore>,
    pub pipeline: Arc<dyn ImagePipeline>,
    pub clock: Arc<dyn Clock>,
    /// Wakes whoever removes doomed images.
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

    /// What the account uploaded, newest first.
    pub async fn of_account(&self, account: UserId, page: PageRequest<MediaId>) -> Result<Page<Media, MediaId>> {
        self.parts.media.of_account(account, page).await
    }
}

#[async_trait]
impl MediaDesk for MediaService {
    #[instrument(level = "debug", name = "media.upload", skip_all, fields(media.id = %id))]
    async fn upload(&self, account: UserId, id: MediaId, purpose: Purpose, bytes: Bytes, alt: &str) -> Result<Image> {
        let alt = AltText::parse(alt)?.into_string();
        let processed = self.parts.pipeline.process(bytes, purpose).await?;
        let original = (format!("{id}.{}", processed.original.extension), processed.original);
        let variant = |(width, encoded): (u32, Encoded)| {
            let narrower = if width == processed.width { String::new() } else { format!("-{width}") };
            (width, format!("{id}{narrower}.{}", encoded.extension), encoded)
        };
        let variants: Vec<_> = processed.variants.into_iter().map(variant).collect();
        let image = Image {
            id,
            location: original.0.clone(),
            width: processed.width,
            height: processed.height,
            blurhash: processed.blurhash,
            alt,
            variants: variants
                .iter()
                .map(|(width, location, _)| Variant { width: *width, location: location.clone() })
                .collect(),
        };

        // The record first: it expires, so that bytes which a crash leaves without a holder are found and removed.
        let expires = Some(self.parts.clock.now() + Self::UNATTACHED);
        self.parts.media.add(&Media { image: image.clone(), account, holder: None, expires }).await?;
        let stored = async {
            self.parts.blobs.put(&original.0, original.1.bytes).await?;
            for (_, location, encoded) in variants {
                self.parts.blobs.put(&location, encoded.bytes).await?;
            }
            Ok(())
        };
        if let Err(error) = stored.await {
            self.discard(&[id]).await;
            return Err(error);
        }
        // A first try under this id may have failed and still be on its way out, with these bytes.
        match self.parts.media.find(id).await? {
            Some(_) => Ok(image),
            None => Err(Error::Unavailable { what: "this image", retry_after: Duration::from_secs(30), source: None }),
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
        match self.parts.media.doom(images).await {
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
}
