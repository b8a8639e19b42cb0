//! What the media area needs kept.

use async_trait::async_trait;

use crate::{Error, MediaId, Page, PageRequest, PostId, Result, Stem, Timestamp, UserId};

use super::{BlobSet, Digest, Image};

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
    /// Which blobs it is shown from; `None` when another service delivers it.
    pub blobs: Option<Digest>,
    /// What it counts for among what its account may keep: all of its blobs, also when other images are of the same; 0
    /// until somebody has measured them.
    pub bytes: u64,
}

/// An image that comes in. Nothing shows it yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upload {
    pub id: MediaId,
    pub account: UserId,
    /// What it shows, in words.
    pub alt: String,
    /// When it goes, unless something claims it.
    pub expires: Timestamp,
    /// What it is shown from, unless equal blobs are kept already.
    pub blobs: BlobSet,
}

impl Upload {
    /// The image as it is kept, of these blobs.
    #[must_use]
    pub fn of(&self, blobs: &BlobSet) -> Media {
        Media {
            image: blobs.image(self.id, self.alt.clone()),
            account: self.account,
            holder: None,
            expires: Some(self.expires),
            blobs: Some(blobs.digest),
            bytes: blobs.bytes.unwrap_or(0),
        }
    }
}

/// Blobs of which no image is any more, or an image that is gone here while another service still has it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct DoomedBlobs {
    pub stem: Stem,
    /// The widest first; addresses, of an image that another service delivers.
    pub names: Vec<String>,
}

impl From<&BlobSet> for DoomedBlobs {
    fn from(blobs: &BlobSet) -> Self {
        Self { stem: blobs.stem, names: blobs.names().map(str::to_owned).collect() }
    }
}

/// An image that is of no set of blobs goes by itself, under its own id.
impl From<&Image> for DoomedBlobs {
    fn from(image: &Image) -> Self {
        Self { stem: Stem(image.id.0), names: image.names().map(str::to_owned).collect() }
    }
}

/// What shows an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Holder {
    Post(PostId),
    Profile(UserId),
}

/// Keeps the records of images, and which blobs they are of. Each method is atomic: after an error nothing has changed.
///
/// A set of blobs is there as long as an image is of it. With the last one it is doomed: no image is of it ever again, and
/// its names are never used again, so that whoever finds it by [`MediaStore::doomed`] may remove it at any time.
#[async_trait]
pub trait MediaStore: Send + Sync {
    /// Adds an image of blobs whose length is known, and returns those that it is of: those that came with it or, when
    /// there is a set of the same digest, that one. Adding an id again that is there changes nothing.
    ///
    /// # Errors
    /// [`crate::Error::Unauthenticated`] `account_deleted` for a barred account; [`crate::Error::OverQuota`] when the account
    /// had more than `quota` bytes with it.
    async fn add(&self, upload: &Upload, quota: u64) -> Result<BlobSet>;

    /// From now on the account adds nothing here. Doing it twice is once.
    async fn bar(&self, account: UserId) -> Result<()>;

    /// The image, unless there is none of this id.
    async fn find(&self, media: MediaId) -> Result<Option<Media>>;

    /// Gives the images to `holder`, for good once it is confirmed by [`MediaStore::keep`], until `expires` otherwise.
    /// Claiming again for the same holder succeeds. Returns the images in the order asked for; empty, and nothing is
    /// claimed, when any is unknown, not the account's, expired at `now` or another's.
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

    /// Removes the images, and dooms the blobs of which none is left; those unknown are left alone. An image that another
    /// service delivers is doomed with its addresses.
    async fn remove(&self, images: &[MediaId]) -> Result<()>;

    /// Dooms the blobs, which somebody may have kept too late, unless an image is of them.
    async fn doom(&self, blobs: &BlobSet) -> Result<()>;

    /// Up to `limit` doomed sets of blobs by stem, those after `after`.
    async fn doomed(&self, after: Option<Stem>, limit: usize) -> Result<Vec<DoomedBlobs>>;

    /// Forgets doomed blobs, once they are gone.
    async fn forget(&self, blobs: Stem) -> Result<()>;

    /// Up to `limit` sets of blobs that nobody has measured.
    async fn unmeasured(&self, limit: usize) -> Result<Vec<BlobSet>>;

    /// Notes how long all blobs of the set are together, in bytes, unless that is known. Of such a set there is one image,
    /// of the same id.
    async fn measure(&self, blobs: Digest, bytes: u64) -> Result<()>;

    /// What an account uploaded, newest first.
    async fn of_account(&self, account: UserId, page: PageRequest<MediaId>) -> Result<Page<Media, MediaId>>;

    /// How many bytes the images of an account count for.
    async fn bytes_of(&self, account: UserId) -> Result<u64>;

    /// The accounts whose images count for most, and for how many bytes; no more than `limit`.
    async fn heaviest(&self, limit: usize) -> Result<Vec<(UserId, u64)>>;
}

/// Refuses what would take an account over its quota, of so many bytes.
#[must_use]
pub fn over_quota(quota: u64) -> Error {
    let message = format!("This account may keep {quota} bytes of images, and has no room for this: delete some first");
    Error::over_quota("media_quota_exceeded", message)
}
