//! Blobs in a bucket of S3, or of what speaks like it.

use async_trait::async_trait;
use bytes::Bytes;
use echo_domain::{
    BoxError, Error, Result,
    media::{Blob, BlobName, BlobStore, Part},
};
use futures_util::{FutureExt, StreamExt, TryStreamExt, stream};
use object_store::{
    Attribute, Attributes, BackoffConfig, ClientOptions, GetOptions, GetRange, GetResult, MultipartUpload, ObjectStore,
    ObjectStoreExt, RetryConfig,
    aws::{AmazonS3, AmazonS3Builder, AmazonS3ConfigKey},
    path::Path,
};
use tracing::instrument;

use crate::patience::{Patience, root, unavailable};

/// What is longer goes in parts of this length, in bytes: the least that S3 takes.
const PART: usize = 5 << 20;
/// Parts on their way at a time.
const AT_ONCE: usize = 4;
/// Looked for to see whether the bucket is there and lets Echo in; no blob is called that.
const MARK: &str = "echo.check";

/// Where the bucket is, and how Echo gets in.
#[derive(Clone)]
pub struct S3Options {
    pub bucket: String,
    /// Of what speaks like S3, which names buckets in the path; AWS itself without.
    pub endpoint: Option<String>,
    pub region: String,
    pub access: S3Access,
    pub patience: Patience,
}

/// Who Echo is to the bucket.
#[derive(Clone)]
pub enum S3Access {
    Key {
        id: String,
        secret: String,
    },
    /// Whoever the machine, task or pod is: keys that last some hours and are asked for again. Where, these say, as names
    /// and values of the environment that AWS's own tools read, such as `AWS_CONTAINER_CREDENTIALS_RELATIVE_URI`; without
    /// any of them, the metadata of the machine.
    Role(Vec<(&'static str, String)>),
}

/// Keeps each blob as an object of its name.
pub struct S3Blobs {
    bucket: AmazonS3,
    patience: Patience,
}

/// Why a bucket cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum S3Error {
    #[error("there is no bucket {0}: S3_BUCKET, S3_ENDPOINT or AWS_REGION is wrong")]
    NoBucket(String),
    #[error(
        "the bucket {0} does not let Echo in: look at AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and what they may do"
    )]
    NotLetIn(String),
    #[error(
        "nobody gives a key for the bucket {0}: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or give this task, pod or \
         machine a role ({1})"
    )]
    NoKey(String, String),
    #[error("the bucket {0} does not answer as S3 does: look at S3_ENDPOINT and AWS_REGION ({1})")]
    NoAnswer(String, String),
}

impl S3Blobs {
    /// Opens the bucket, and leaves a mark in it that is looked for later.
    ///
    /// # Errors
    /// In one line that names the setting.
    pub async fn open(options: S3Options) -> Result<Self, S3Error> {
        let S3Options { bucket: name, patience, .. } = options.clone();
        let bucket = client(options).map_err(|error| S3Error::NoAnswer(name.clone(), root(&error.into())))?;
        let blobs = Self { bucket, patience };
        let key = blobs.patience.within(blobs.bucket.credentials().get_credential()).await;
        key.map_err(|error| S3Error::NoKey(name.clone(), root(&error)))?;
        let marked = blobs.patience.within(blobs.mark()).await;
        marked.map_err(|error| match error.downcast_ref() {
            Some(object_store::Error::NotFound { .. }) => S3Error::NoBucket(name),
            Some(object_store::Error::PermissionDenied { .. } | object_store::Error::Unauthenticated { .. }) => {
                S3Error::NotLetIn(name)
            }
            _ => S3Error::NoAnswer(name, root(&error)),
        })?;
        Ok(blobs)
    }

    async fn mark(&self) -> object_store::Result<()> {
        self.bucket.put(&Path::from(MARK), Bytes::from_static(b"Echo keeps its images here.\n").into()).await?;
        Ok(())
    }

    async fn put_in_parts(&self, key: &Path, bytes: &Bytes, attributes: Attributes) -> Result<(), BoxError> {
        let mut upload = self.patience.within(self.bucket.put_multipart_opts(key, attributes.into())).await?;
        let sent = self.send(&mut *upload, bytes).await;
        if sent.is_err() {
            // What stays of it is nobody's, and goes by the bucket's own rule for unfinished uploads.
            let _ = self.patience.within(upload.abort()).await;
        }
        sent
    }

    async fn send(&self, upload: &mut dyn MultipartUpload, bytes: &Bytes) -> Result<(), BoxError> {
        let part = |start| upload.put_part(bytes.slice(start..bytes.len().min(start + PART)).into());
        let parts: Vec<_> =
            (0..bytes.len()).step_by(PART).map(part).map(|part| self.patience.within(part).boxed()).collect();
        stream::iter(parts).buffer_unordered(AT_ONCE).try_collect::<()>().await?;
        self.patience.within(upload.complete()).await?;
        Ok(())
    }

    /// The object as far as `range` has it; `None` when it is not there.
    async fn get(&self, key: &Path, range: Option<GetRange>, head: bool) -> Result<Option<GetResult>, BoxError> {
        let options = GetOptions { range, head, ..GetOptions::default() };
        match self.patience.within(self.bucket.get_opts(key, options)).await {
            Ok(got) => Ok(Some(got)),
            Err(error) if is_missing(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

#[async_trait]
impl BlobStore for S3Blobs {
    #[instrument(level = "debug", name = "s3.put", skip_all, fields(otel.kind = "client"))]
    async fn put(&self, name: &str, bytes: Bytes) -> Result<()> {
        let name = BlobName::parse(name).ok_or_else(|| Error::internal(format!("{name:?} is no name for a blob")))?;
        let (key, attributes) = (Path::from(name.as_str()), attributes(name));
        let put = if bytes.len() > PART {
            self.put_in_parts(&key, &bytes, attributes).await
        } else {
            self.patience.within(self.bucket.put_opts(&key, bytes.into(), attributes.into())).await.map(drop)
        };
        put.map_err(unavailable)
    }

    #[instrument(level = "debug", name = "s3.read", skip_all, fields(otel.kind = "client"))]
    async fn read(&self, name: &str, part: Part) -> Result<Option<Blob>> {
        let Some(name) = BlobName::parse(name) else { return Ok(None) };
        let key = Path::from(name.as_str());
        let error = match range(&part) {
            Wanted::Nothing => None,
            Wanted::Some(range) => match self.get(&key, range, false).await {
                Ok(got) => return Ok(got.map(streamed)),
                Err(error) => Some(error),
            },
        };
        // There are no such bytes, which S3 calls an error: the length tells.
        let Some(about) = self.get(&key, None, true).await.map_err(unavailable)? else { return Ok(None) };
        let (length, part) = (about.meta.size, part.of(about.meta.size));
        match error {
            Some(error) if !part.is_empty() => Err(unavailable(error)),
            _ => Ok(Some(Blob { length, part, bytes: Box::pin(stream::empty()), file: None, copy: None })),
        }
    }

    #[instrument(level = "debug", name = "s3.remove", skip_all, fields(otel.kind = "client"))]
    async fn remove(&self, name: &str) -> Result<()> {
        let Some(name) = BlobName::parse(name) else {
            tracing::debug!(location = name, "what another service delivers stays there");
            return Ok(());
        };
        match self.patience.within(self.bucket.delete(&Path::from(name.as_str()))).await {
            // Some stores say so of an object that is gone already; all do of a bucket.
            Err(error) if is_missing(&error) => self.check().await,
            removed => removed.map_err(unavailable),
        }
    }

    async fn check(&self) -> Result<()> {
        if self.get(&Path::from(MARK), None, true).await.map_err(unavailable)?.is_none() {
            self.patience.within(self.mark()).await.map_err(unavailable)?;
        }
        Ok(())
    }
}

fn client(options: S3Options) -> object_store::Result<AmazonS3> {
    let Patience { connect, answer, call } = options.patience;
    let http = ClientOptions::new()
        .with_allow_http(true)
        .with_connect_timeout(connect)
        .with_read_timeout(answer)
        // A reply's bytes may take as long as whoever reads them.
        .with_timeout_disabled();
    let backoff = BackoffConfig { init_backoff: call / 100, max_backoff: call / 10, base: 2.0 };
    let builder = AmazonS3Builder::new()
        .with_bucket_name(options.bucket)
        .with_region(options.region)
        .with_client_options(http)
        .with_retry(RetryConfig { backoff, max_retries: 4, retry_timeout: call })
        // Not all that speaks like S3 can remove many at once.
        .with_disable_bulk_delete(true);
    let builder = match options.endpoint {
        Some(endpoint) => builder.with_endpoint(endpoint),
        None => builder.with_virtual_hosted_style_request(true),
    };
    match options.access {
        S3Access::Key { id, secret } => builder.with_access_key_id(id).with_secret_access_key(secret),
        S3Access::Role(environment) => told(builder, environment)?,
    }
    .build()
}

fn told(builder: AmazonS3Builder, environment: Vec<(&str, String)>) -> object_store::Result<AmazonS3Builder> {
    environment.into_iter().try_fold(builder, |builder, (name, value)| {
        let key: AmazonS3ConfigKey = name.to_ascii_lowercase().parse()?;
        Ok(builder.with_config(key, value))
    })
}

/// For whatever stands between the bucket and its readers.
fn attributes(name: BlobName<'_>) -> Attributes {
    let forever = (Attribute::CacheControl, "public, max-age=31536000, immutable");
    let kind = name.content_type().map(|kind| (Attribute::ContentType, kind));
    [forever].into_iter().chain(kind).collect()
}

/// A part as S3 is asked for it.
enum Wanted {
    /// The whole, or a range.
    Some(Option<GetRange>),
    Nothing,
}

fn range(part: &Part) -> Wanted {
    match part {
        Part::From(0) => Wanted::Some(None),
        Part::From(start) => Wanted::Some(Some(GetRange::Offset(*start))),
        Part::Last(0) => Wanted::Nothing,
        Part::Last(count) => Wanted::Some(Some(GetRange::Suffix(*count))),
        Part::Within(range) if range.is_empty() => Wanted::Nothing,
        Part::Within(range) => Wanted::Some(Some(GetRange::Bounded(range.clone()))),
    }
}

fn streamed(got: GetResult) -> Blob {
    let (length, part) = (got.meta.size, got.range.clone());
    Blob { length, part, bytes: Box::pin(got.into_stream().map_err(BoxError::from)), file: None, copy: None }
}

fn is_missing(error: &BoxError) -> bool {
    matches!(error.downcast_ref(), Some(object_store::Error::NotFound { .. }))
}
