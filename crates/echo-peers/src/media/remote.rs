//! Asking the media service.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use axum::http::{Response, StatusCode, header};
use bytes::Bytes;
use echo_domain::{
    BoxError, Error, MediaId, Page, PageRequest, Result, UserId,
    media::{AltText, Blob, Holder, Image, MediaDesk, Purpose},
};
use futures_util::{Stream, stream};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use tokio::time::timeout;

use crate::peer::{Letter, Peer};

use super::{Claim, Discard, ImageBody, ImagesOf, ReadBlob, Release, Upload};

/// How long the next bytes of a blob may take.
const STALL: Duration = Duration::from_secs(20);

/// The media area in another process.
pub struct RemoteMediaDesk(pub Arc<Peer>);

#[async_trait]
impl MediaDesk for RemoteMediaDesk {
    async fn upload(&self, account: UserId, id: MediaId, purpose: Purpose, bytes: Bytes, alt: &str) -> Result<Image> {
        // Here already, so that it fits into a query.
        let alt = AltText::parse(alt)?.into_string();
        let upload = Upload { account, id, purpose: purpose.into(), alt };
        let query = serde_urlencoded::to_string(&upload).map_err(Error::internal)?;
        let answer: Bytes = self.0.ask(Letter { manner: Upload::MANNER, query, body: bytes }).await?;
        self.0.read::<ImageBody>(&answer, Upload::MANNER).map(Image::from)
    }

    async fn claim(&self, account: UserId, holder: Holder, images: &[MediaId]) -> Result<Vec<Image>> {
        let claimed = self.0.call(&Claim { account, holder: holder.into(), images: images.to_vec() }).await?;
        Ok(claimed.into_iter().map(Image::from).collect())
    }

    async fn discard(&self, images: &[MediaId]) {
        if images.is_empty() {
            return;
        }
        if let Err(error) = self.0.call(&Discard { images: images.to_vec() }).await {
            tracing::warn!(error = &error as &dyn std::error::Error, "images taken in for nothing will go later");
        }
    }

    async fn release(&self, holder: Holder) {
        if let Err(error) = self.0.call(&Release { holder: holder.into() }).await {
            tracing::warn!(error = &error as &dyn std::error::Error, "images claimed for nothing will go later");
        }
    }

    async fn images_of(&self, account: UserId, page: PageRequest<MediaId>) -> Result<Page<Image, MediaId>> {
        Ok(self.0.call(&ImagesOf { account, page: page.into() }).await?.into_page())
    }

    async fn read(&self, name: &str) -> Result<Option<Blob>> {
        let body = serde_json::to_vec(&ReadBlob { name: name.to_owned() }).map_err(Error::internal)?.into();
        let response: Response<Incoming> =
            self.0.ask(Letter { manner: ReadBlob::MANNER, query: String::new(), body }).await?;
        if response.status() == StatusCode::NO_CONTENT {
            return Ok(None);
        }
        let Some(length) = length(&response) else {
            return Err(self.0.unreadable(ReadBlob::MANNER, "a blob without its length"));
        };
        let bytes = Box::pin(chunks(response.into_body()));
        Ok(Some(Blob { length, part: 0..length, bytes, file: None, copy: None }))
    }
}

fn length(response: &Response<Incoming>) -> Option<u64> {
    response.headers().get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// Ends with an error where the body ends too early, or does not go on.
fn chunks(body: Incoming) -> impl Stream<Item = Result<Bytes, BoxError>> + Send {
    stream::try_unfold(body, async |mut body| {
        loop {
            let Some(frame) = timeout(STALL, body.frame()).await? else { return Ok(None) };
            if let Ok(bytes) = frame?.into_data() {
                return Ok(Some((bytes, body)));
            }
        }
    })
}
