//! Where images are kept, and where they are to be had.

use anyhow::{Result, bail, ensure};
use clap::Args;

use super::{Secret, Url, set};

/// Where images are.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Where images are")]
pub(crate) struct Images {
    /// CDN in front of images, which links to them start with instead
    #[arg(long, env = "MEDIA_PUBLIC_URL", value_name = "URL", global = true, hide_env_values = true)]
    pub(crate) media_public_url: Option<Url>,
    /// Bytes of images that an account may keep; 0 for any number
    #[arg(
        long,
        env = "MEDIA_QUOTA",
        value_name = "BYTES",
        default_value_t = 1 << 30,
        global = true,
        hide_env_values = true
    )]
    pub(crate) media_quota: u64,
    /// Take no more images while more than this part of the disk under them is taken, in percent
    #[arg(
        long,
        env = "MEDIA_MAX_DISK_PERCENT",
        value_name = "PERCENT",
        default_value_t = 95,
        value_parser = clap::value_parser!(u8).range(0..=100),
        global = true,
        hide_env_values = true
    )]
    pub(crate) media_max_disk_percent: u8,
    /// Keep images in this bucket instead of the data folder
    #[arg(long, env = "S3_BUCKET", value_name = "NAME", global = true, hide_env_values = true)]
    pub(crate) s3_bucket: Option<String>,
    /// What speaks like S3: MinIO, R2 and others; without it, AWS
    #[arg(long, env = "S3_ENDPOINT", value_name = "URL", global = true, hide_env_values = true)]
    pub(crate) s3_endpoint: Option<Url>,
    /// Region of the bucket; auto for R2
    #[arg(
        long,
        env = "AWS_REGION",
        value_name = "REGION",
        default_value = "us-east-1",
        global = true,
        hide_env_values = true
    )]
    pub(crate) aws_region: String,
    /// Key that the bucket lets in; without it, Echo has the role of its task, pod or machine
    #[arg(long, env = "AWS_ACCESS_KEY_ID", value_name = "KEY", global = true, hide_env_values = true)]
    pub(crate) aws_access_key_id: Option<String>,
    /// The secret of that key
    #[arg(long, env = "AWS_SECRET_ACCESS_KEY", value_name = "SECRET", global = true, hide_env_values = true)]
    pub(crate) aws_secret_access_key: Option<Secret>,
    /// Keep images in this cloud at Cloudinary instead of the data folder
    #[arg(long, env = "CLOUDINARY_CLOUD_NAME", value_name = "NAME", global = true, hide_env_values = true)]
    pub(crate) cloudinary_cloud_name: Option<String>,
    /// Key of the account at Cloudinary
    #[arg(long, env = "CLOUDINARY_API_KEY", value_name = "KEY", global = true, hide_env_values = true)]
    pub(crate) cloudinary_api_key: Option<String>,
    /// The secret of that key
    #[arg(long, env = "CLOUDINARY_API_SECRET", value_name = "SECRET", global = true, hide_env_values = true)]
    pub(crate) cloudinary_api_secret: Option<Secret>,
    /// What stands in for Cloudinary, as in tests
    #[arg(long, env = "CLOUDINARY_ENDPOINT", value_name = "URL", global = true, hide_env_values = true)]
    pub(crate) cloudinary_endpoint: Option<Url>,
}

/// A bucket, whole.
pub(crate) struct Bucket<'a> {
    pub(crate) name: &'a str,
    pub(crate) endpoint: Option<&'a str>,
    pub(crate) region: &'a str,
    pub(crate) access: Access<'a>,
}

/// Who Echo is to a bucket.
pub(crate) enum Access<'a> {
    Key {
        id: &'a str,
        secret: &'a str,
    },
    /// Of the task, pod or machine, with what AWS tells in its environment about who gives the keys of it.
    Role(Vec<(&'static str, String)>),
}

/// What a role's keys are got with, as AWS's own tools read it.
const ROLE: [&str; 8] = [
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_ROLE_ARN",
    "AWS_ROLE_SESSION_NAME",
    "AWS_ENDPOINT_URL_STS",
    "AWS_METADATA_ENDPOINT",
];

/// A cloud at Cloudinary, whole.
pub(crate) struct CloudinaryAccount<'a> {
    pub(crate) cloud: &'a str,
    pub(crate) key: &'a str,
    pub(crate) secret: &'a str,
    pub(crate) endpoint: Option<&'a str>,
}

impl Images {
    /// How many bytes of images an account may keep.
    pub(crate) const fn quota(&self) -> u64 {
        if self.media_quota == 0 { u64::MAX } else { self.media_quota }
    }

    /// That no group of settings is half set.
    pub(super) fn check(&self) -> Result<()> {
        self.bucket()?;
        self.cloudinary()?;
        Ok(())
    }

    /// That images are in one place.
    pub(super) fn require_one_place(&self) -> Result<()> {
        ensure!(
            self.bucket()?.is_none() || self.cloudinary()?.is_none(),
            "S3_BUCKET and CLOUDINARY_CLOUD_NAME are set, but images are in one place: unset one of them; `echod media \
             move` moves images between them"
        );
        Ok(())
    }

    /// The bucket for images, if they are to be in one. What AWS's own tools read, too, means nothing without it.
    ///
    /// # Errors
    /// Naming what is missing.
    pub(crate) fn bucket(&self) -> Result<Option<Bucket<'_>>> {
        let endpoint = set(self.s3_endpoint.as_ref().map(Url::as_str));
        let Some(name) = set(self.s3_bucket.as_deref()) else {
            ensure!(endpoint.is_none(), "S3_ENDPOINT is set, but no bucket: set S3_BUCKET, too, or unset S3_ENDPOINT");
            return Ok(None);
        };
        let region = needed("S3_BUCKET", "AWS_REGION", Some(self.aws_region.as_str()))?;
        Ok(Some(Bucket { name, endpoint, region, access: self.access()? }))
    }

    /// Half a key is a mistake; none is a role.
    fn access(&self) -> Result<Access<'_>> {
        let id = set(self.aws_access_key_id.as_deref());
        let secret = set(self.aws_secret_access_key.as_ref().map(Secret::expose));
        if id.is_none() && secret.is_none() {
            return Ok(Access::Role(role()));
        }
        Ok(Access::Key {
            id: needed("AWS_SECRET_ACCESS_KEY", "AWS_ACCESS_KEY_ID", id)?,
            secret: needed("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", secret)?,
        })
    }

    /// The cloud for images, if they are to be in one.
    ///
    /// # Errors
    /// Naming what is missing.
    pub(crate) fn cloudinary(&self) -> Result<Option<CloudinaryAccount<'_>>> {
        let key = set(self.cloudinary_api_key.as_deref());
        let secret = set(self.cloudinary_api_secret.as_ref().map(Secret::expose));
        let Some(cloud) = set(self.cloudinary_cloud_name.as_deref()) else {
            ensure!(
                key.is_none() && secret.is_none(),
                "CLOUDINARY_API_KEY or CLOUDINARY_API_SECRET is set, but no cloud: set CLOUDINARY_CLOUD_NAME, too, or \
                 unset them"
            );
            return Ok(None);
        };
        let needed = |setting, value| needed("CLOUDINARY_CLOUD_NAME", setting, value);
        Ok(Some(CloudinaryAccount {
            cloud,
            key: needed("CLOUDINARY_API_KEY", key)?,
            secret: needed("CLOUDINARY_API_SECRET", secret)?,
            endpoint: self.cloudinary_endpoint.as_ref().map(Url::as_str),
        }))
    }
}

fn role() -> Vec<(&'static str, String)> {
    #[expect(clippy::disallowed_methods, reason = "this is config.rs")]
    let told = |name| std::env::var(name).ok().filter(|value| !value.is_empty()).map(|value| (name, value));
    ROLE.into_iter().filter_map(told).collect()
}

fn needed<'a>(group: &str, setting: &str, value: Option<&'a str>) -> Result<&'a str> {
    match set(value) {
        Some(value) => Ok(value),
        None => bail!("{group} is set, but not {setting}: set it, too, or unset {group}"),
    }
}
