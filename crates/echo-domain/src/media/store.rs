//! What the media area needs kept.

use async_trait::async_trait;

use crate::{MediaId, Page, PageRequest, PostId, Result, Timestamp, UserId};

use super::Image;

/// An image and who may show it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Media {
    pub image: Image,
    /// Who uploaded it.
    pub account: UserId,
    /// What shows it, or is about to.
    pub holder: Option<Holder>,
    /// When it goes, unless its holder is confirmed by then; `None` while it is shown.
    pub expires: Option<Timestamp>,
}

/// What shows an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Holder {
    Post(PostId),
    Profile(UserId),
}

/// Keeps the records of images. Each method is atomic: after an error nothing has changed.
///
/// An image that is doomed is on its way out: it is found by [`MediaStore::doomed`] alone.
#[async_trait]
pub trait MediaStore: Send + Sync {
    /// Adding the same id again changes nothing and succeeds.
    ///
    /// # Errors
    /// [`crate::Error::Unauthenticated`] `account_deleted` for a barred account.
    async fn add(&self, media: &Media) -> Result<()>;

    /// From now on the account adds nothing here. Doing it twice is once.
    async fn bar(&self, account: UserId) -> Result<()>;

    /// The image, unless it is unknown or doomed.
    async fn find(&self, media: MediaId) -> Result<Option<Media>>;

    /// Gives the images to `holder`, for good once it is confirmed by [`MediaStore::keep`], until `expires` otherwise.
    /// Claiming again for the same holder succeeds. Returns the images in the order asked for; empty, and nothing is
    /// claimed, when any is unknown, not the account's, expired at `now`, doomed or another's.
    async fn claim(
        &self,
        account: UserId,
        holder: Holder,
        images: &[MediaId],
        now: Timestamp,
        expires: Timestamp,
    ) -> Result<Vec<Image>>;

    /// Confirms that `holder` shows the images, which it claimed; others are left alone.
    async fn keep(&self, holder: Holder, images: &[MediaId]) -> Result<()>;

    /// Frees what `holder` claimed, unless that was confirmed.
    async fn unclaim(&self, holder: Holder) -> Result<()>;

    /// Images whose time is over at `now`.
    async fn expired(&self, now: Timestamp, limit: usize) -> Result<Vec<Media>>;

    /// Dooms the images; those unknown are left alone.
    async fn doom(&self, images: &[MediaId]) -> Result<()>;

    /// Up to `limit` doomed images by id, those after `after`.
    async fn doomed(&self, after: Option<MediaId>, limit: usize) -> Result<Vec<Image>>;

    /// Forgets a doomed image, once its bytes are gone.
    async fn forget(&self, image: MediaId) -> Result<()>;

    /// What an account uploaded, newest first.
    async fn of_account(&self, account: UserId, page: PageRequest<MediaId>) -> Result<Page<Media, MediaId>>;
}
