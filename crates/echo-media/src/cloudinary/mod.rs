//! Blobs at Cloudinary, which makes the copies of a picture by itself.
//!
//! A picture's `public_id` is what its name starts with. Only the picture is uploaded: any other name that starts like it
//! is made of it, and goes with it.

mod address;
mod calls;
mod signature;

use std::{ops::Range, sync::Arc};

use async_trait::async_trait;
use bytes::Bytes;
use echo_domain::{
    BoxError, Clock, Error, Result,
    media::{Blob, BlobName, BlobStore, Part},
};
use futures_util::{TryStreamExt, stream};
use reqwest::{
    Client, Method, Response, StatusCode,
    header::{CONTENT_LENGTH, CONTENT_RANGE, HeaderMap, RANGE},
    redirect::Policy,
};
use tracing::instrument;

use crate::patience::{Patience, root, unavailable};

pub use address::Cloud;

use calls::{CallError, Calls};

/// No picture is called that: removing it tells whether Cloudinary lets Echo in.
const NOBODY: &str = "echo.check";

/// Which cloud it is, and how Echo gets in.
#[derive(Clone)]
pub struct CloudinaryOptions {
    pub cloud_name: String,
    pub api_key: String,
    pub api_secret: String,
    /// What stands in for Cloudinary, as in tests.
    pub endpoint: Option<String>,
    pub patience: Patience,
}

/// Keeps pictures at Cloudinary.
pub struct CloudinaryBlobs {
    cloud: Cloud,
    http: Client,
    calls: Calls,
    patience: Patience,
}

/// Why Cloudinary cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CloudinaryError {
    #[error(
        "Cloudinary does not let Echo in: look at CLOUDINARY_CLOUD_NAME, CLOUDINARY_API_KEY and CLOUDINARY_API_SECRET ({0})"
    )]
    NotLetIn(String),
    #[error("Cloudinary does not answer: {0}")]
    NoAnswer(String),
}

impl CloudinaryBlobs {
    /// Looks whether Cloudinary lets Echo in.
    ///
    /// # Errors
    /// In one line that names the setting.
    pub async fn open(options: &CloudinaryOptions, clock: Arc<dyn Clock>) -> Result<Self, CloudinaryError> {
        let Patience { connect, answer, .. } = options.patience;
        let http = Client::builder().connect_timeout(connect).read_timeout(answer).redirect(Policy::none()).build();
        let http = http.map_err(|error| CloudinaryError::NoAnswer(root(&error.into())))?;
        let blobs = Self {
            cloud: Cloud::new(&options.cloud_name, options.endpoint.as_deref()),
            calls: Calls::new(http.clone(), clock, options),
            http,
            patience: options.patience,
        };
        let looked = blobs.patience.within(blobs.calls.destroy(NOBODY)).await;
        looked.map_err(|error| match error.downcast_ref() {
            Some(CallError::Refused { status, .. }) if status.is_client_error() => {
                CloudinaryError::NotLetIn(root(&error))
            }
            _ => CloudinaryError::NoAnswer(root(&error)),
        })?;
        Ok(blobs)
    }

    async fn ask(&self, name: BlobName<'_>, part: &Part) -> Result<Response, BoxError> {
        let (method, range) = match part {
            Part::From(0) => (Method::GET, None),
            Part::From(start) => (Method::GET, Some(format!("bytes={start}-"))),
            Part::Last(0) => (Method::HEAD, None),
            Part::Last(count) => (Method::GET, Some(format!("bytes=-{count}"))),
            Part::Within(range) if range.is_empty() => (Method::HEAD, None),
            Part::Within(range) => (Method::GET, Some(format!("bytes={}-{}", range.start, range.end - 1))),
        };
        let mut request = self.http.request(method, self.cloud.address(name));
        if let Some(range) = range {
            request = request.header(RANGE, range);
        }
        self.patience.within(request.send()).await
    }
}

#[async_trait]
impl BlobStore for CloudinaryBlobs {
    #[instrument(level = "debug", name = "cloudinary.put", skip_all, fields(otel.kind = "client"))]
    async fn put(&self, name: &str, bytes: Bytes) -> Result<()> {
        let name = BlobName::parse(name).ok_or_else(|| Error::internal(format!("{name:?} is no name for a blob")))?;
        if name.width().is_some() {
            return Ok(());
        }
        self.patience.within(self.calls.upload(name.stem(), bytes)).await.map_err(unavailable)
    }

    #[instrument(level = "debug", name = "cloudinary.read", skip_all, fields(otel.kind = "client"))]
    async fn read(&self, name: &str, part: Part) -> Result<Option<Blob>> {
        let Some(name) = BlobName::parse(name) else { return Ok(None) };
        let response = self.ask(name, &part).await.map_err(unavailable)?;
        match response.status() {
            StatusCode::NOT_FOUND => Ok(None),
            StatusCode::OK | StatusCode::PARTIAL_CONTENT | StatusCode::RANGE_NOT_SATISFIABLE => {
                Ok(Some(streamed(response, &part)?))
            }
            status => Err(unavailable(CallError::Refused { status, told: "no image".to_owned() })),
        }
    }

    #[instrument(level = "debug", name = "cloudinary.remove", skip_all, fields(otel.kind = "client"))]
    async fn remove(&self, name: &str) -> Result<()> {
        let public_id = match BlobName::parse(name) {
            // It goes with the picture that it is made of.
            Some(name) if name.width().is_some() => return Ok(()),
            Some(name) => Some(name.stem().to_owned()),
            None => self.cloud.public_id_at(name),
        };
        let Some(public_id) = public_id else {
            tracing::debug!(location = name, "what another service delivers stays there");
            return Ok(());
        };
        self.patience.within(self.calls.destroy(&public_id)).await.map_err(unavailable)
    }

    async fn check(&self) -> Result<()> {
        self.patience.within(self.calls.destroy(NOBODY)).await.map_err(unavailable)
    }
}

/// The part as the reply has it. One that has other bytes, or does not say which, is no good.
fn streamed(response: Response, part: &Part) -> Result<Blob> {
    let odd = || unavailable(CallError::Unexpected("an image of unknown length".to_owned()));
    let (length, given) = given(response.status(), response.headers()).ok_or_else(odd)?;
    let part = part.of(length);
    if part.is_empty() {
        return Ok(Blob { length, part, bytes: Box::pin(stream::empty()), file: None, copy: None });
    }
    if part != given {
        return Err(odd());
    }
    Ok(Blob { length, part, bytes: Box::pin(response.bytes_stream().map_err(BoxError::from)), file: None, copy: None })
}

/// The length of the whole, and which of its bytes these are (RFC 9110 §14.4).
fn given(status: StatusCode, headers: &HeaderMap) -> Option<(u64, Range<u64>)> {
    let header = |name| headers.get(name)?.to_str().ok();
    if status == StatusCode::OK {
        let length = header(CONTENT_LENGTH)?.parse().ok()?;
        return Some((length, 0..length));
    }
    let (range, length) = header(CONTENT_RANGE)?.strip_prefix("bytes ")?.split_once('/')?;
    let length = length.parse().ok()?;
    let Some((first, last)) = range.split_once('-') else { return Some((length, 0..0)) };
    Some((length, first.parse().ok()?..last.parse::<u64>().ok()?.checked_add(1)?))
}
