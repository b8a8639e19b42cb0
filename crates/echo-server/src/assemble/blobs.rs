//! Where the bytes of images are: in the data folder, a bucket or Cloudinary.

use std::{fmt, sync::Arc};

use anyhow::{Context, Result, bail};
use async_trait::async_trait;
use echo_domain::{
    Clock,
    media::{BlobName, BlobStore, MeasuredBlobs, Room, RoomEnough},
};
use echo_http::{Dependency, Links};
use echo_media::{
    Cloud, CloudinaryBlobs, CloudinaryOptions, DiskRoom, FileBlobs, Patience, S3Access, S3Blobs, S3Options,
};

use crate::{
    config::{Access, Settings},
    data_dir::DataDir,
};

/// A kind of place for images.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Place {
    S3,
    Cloudinary,
    Files,
}

/// A place for images, opened.
#[derive(Clone)]
pub(crate) struct Blobs {
    pub(crate) store: Arc<dyn BlobStore>,
    pub(crate) place: Place,
    /// Where it is, in words.
    pub(crate) whereabouts: String,
    /// Whether it has room for more.
    pub(super) room: Arc<dyn Room>,
}

impl Place {
    /// Where the settings have images.
    ///
    /// # Errors
    /// When a group of settings is half set.
    pub(crate) fn of(settings: &Settings) -> Result<Self> {
        Ok(match (settings.images.bucket()?, settings.images.cloudinary()?) {
            (Some(_), _) => Self::S3,
            (None, Some(_)) => Self::Cloudinary,
            (None, None) => Self::Files,
        })
    }

    const fn name(self) -> &'static str {
        match self {
            Self::S3 => "s3",
            Self::Cloudinary => "cloudinary",
            Self::Files => "files",
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Blobs {
    /// Opens a place as the settings describe it.
    ///
    /// # Errors
    /// In one line that names the setting and the cure.
    pub(crate) async fn open(
        place: Place,
        settings: &Settings,
        data: &DataDir,
        clock: &Arc<dyn Clock>,
    ) -> Result<Self> {
        let blobs = match place {
            Place::S3 => Self::in_bucket(settings).await,
            Place::Cloudinary => Self::at_cloudinary(settings, clock).await,
            Place::Files => Self::in_folder(settings, data),
        }?;
        Ok(Self { store: Arc::new(MeasuredBlobs::new(blobs.store, place.name())), ..blobs })
    }

    fn in_folder(settings: &Settings, data: &DataDir) -> Result<Self> {
        let folder = data.media();
        let blobs = FileBlobs::open(&folder).with_context(|| format!("cannot use {} for images", folder.display()))?;
        let whereabouts = folder.display().to_string();
        let room = Arc::new(DiskRoom::new(&folder, settings.images.media_max_disk_percent));
        Ok(Self { store: Arc::new(blobs), place: Place::Files, whereabouts, room })
    }

    async fn in_bucket(settings: &Settings) -> Result<Self> {
        let Some(bucket) = settings.images.bucket()? else { bail!("S3_BUCKET must say which bucket") };
        let blobs = S3Blobs::open(S3Options {
            bucket: bucket.name.to_owned(),
            endpoint: bucket.endpoint.map(str::to_owned),
            region: bucket.region.to_owned(),
            access: match bucket.access {
                Access::Key { id, secret } => S3Access::Key { id: id.to_owned(), secret: secret.to_owned() },
                Access::Role(environment) => S3Access::Role(environment),
            },
            patience: Patience::ECHO,
        })
        .await?;
        let host = bucket.endpoint.map_or_else(|| format!("S3, {}", bucket.region), str::to_owned);
        let whereabouts = format!("bucket {} at {host}", bucket.name);
        Ok(Self { store: Arc::new(blobs), place: Place::S3, whereabouts, room: Arc::new(RoomEnough) })
    }

    async fn at_cloudinary(settings: &Settings, clock: &Arc<dyn Clock>) -> Result<Self> {
        let Some(account) = settings.images.cloudinary()? else { bail!("CLOUDINARY_CLOUD_NAME must say which cloud") };
        let options = CloudinaryOptions {
            cloud_name: account.cloud.to_owned(),
            api_key: account.key.to_owned(),
            api_secret: account.secret.to_owned(),
            endpoint: account.endpoint.map(str::to_owned),
            patience: Patience::ECHO,
        };
        let blobs = CloudinaryBlobs::open(&options, clock.clone()).await?;
        let whereabouts = format!("cloud {} at Cloudinary", account.cloud);
        Ok(Self { store: Arc::new(blobs), place: Place::Cloudinary, whereabouts, room: Arc::new(RoomEnough) })
    }

    /// Links to the images that the settings place: to a CDN in front of them, to Cloudinary, else to this Echo.
    ///
    /// # Errors
    /// When a group of settings is half set.
    pub(super) fn links(settings: &Settings, public_url: &str) -> Result<Links> {
        let start = match (&settings.images.media_public_url, settings.images.cloudinary()?) {
            (Some(url), _) => format!("{}/", url.as_str()),
            (None, Some(account)) => {
                let cloud = Cloud::new(account.cloud, account.endpoint);
                return Ok(Links::new(move |name| {
                    BlobName::parse(name).map_or_else(|| name.to_owned(), |name| cloud.address(name))
                }));
            }
            (None, None) => format!("{public_url}/media/"),
        };
        Ok(Links::new(move |name| format!("{start}{name}")))
    }

    /// What readiness tells of a place over the network.
    pub(super) fn dependency(&self) -> Option<Arc<dyn Dependency>> {
        (self.place != Place::Files).then(|| Arc::new(self.clone()) as Arc<dyn Dependency>)
    }
}

/// As readiness sees it: without it there are no images, and all else works.
#[async_trait]
impl Dependency for Blobs {
    fn name(&self) -> &'static str {
        "media"
    }

    fn is_needed(&self) -> bool {
        false
    }

    async fn check(&self) -> echo_domain::Result<()> {
        self.store.check().await
    }
}
