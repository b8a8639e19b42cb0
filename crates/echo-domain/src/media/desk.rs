//! What other areas may ask about images, and leave with them.

use async_trait::async_trait;
use bytes::Bytes;

use crate::{MediaId, Page, PageRequest, Result, UserId};

use super::{Blob, Holder, Image, Purpose};

/// The media area as its neighbours see it.
#[async_trait]
pub trait MediaDesk: Send + Sync {
    /// Takes an image in. Unless something claims it, it goes after [`super::MediaService::UNATTACHED`]. The same call
    /// again, with the same id, returns the same image.
    ///
    /// # Errors
    /// [`crate::Error::TooLarge`] and [`crate::Error::Unsupported`] on `file`; [`crate::Error::Invalid`] on `alt`;
    /// [`crate::Error::StorageFull`]; [`crate::Error::OverQuota`].
    async fn upload(&self, account: UserId, id: MediaId, purpose: Purpose, bytes: Bytes, alt: &str) -> Result<Image>;

    /// Gives images of the account to `holder`, which is about to show them: all, or (then empty) none. Doing it twice is
    /// once.
    async fn claim(&self, account: UserId, holder: Holder, images: &[MediaId]) -> Result<Vec<Image>>;

    /// Removes images that were taken in for nothing. Never fails: what cannot be removed now goes later.
    async fn discard(&self, images: &[MediaId]);

    /// Frees what `holder` claimed, when it will not show it after all. Never fails: later, expiry does the same.
    async fn release(&self, holder: Holder);

    /// What the account uploaded, newest first.
    async fn images_of(&self, account: UserId, page: PageRequest<MediaId>) -> Result<Page<Image, MediaId>>;

    /// The bytes of the blob; `None` when there is no such name, or it is no name of ours.
    async fn read(&self, name: &str) -> Result<Option<Blob>>;
}
