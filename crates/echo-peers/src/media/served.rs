//! Answering for the media service.

use std::sync::Arc;

use axum::{
    Json, Router,
    body::{Body, to_bytes},
    extract::Request,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
    routing::post,
};
use bytes::Bytes;
use echo_domain::media::{Blob, MediaDesk};
use tokio::sync::Semaphore;

use crate::{
    page::PageBody,
    serve::{answer, overloaded, reply, unreadable},
};

use super::{Claim, Discard, ImageBody, ImagesOf, ReadBlob, Release, Upload};

/// The longest image, in bytes: what is sent to Echo may have no more.
const LONGEST: usize = 16 << 20;
/// Images in memory at a time; more are turned away.
const UPLOADS: usize = 32;

pub(crate) fn routes(desk: &Arc<dyn MediaDesk>) -> Router {
    let (taking, reading, room) = (desk.clone(), desk.clone(), Arc::new(Semaphore::new(UPLOADS)));
    Router::new()
        .merge(answer(desk, |desk, call: Claim| async move {
            let images = desk.claim(call.account, call.holder.into(), &call.images).await?;
            Ok(images.into_iter().map(ImageBody::from).collect())
        }))
        .merge(answer(desk, |desk, call: Discard| async move {
            desk.discard(&call.images).await;
            Ok(())
        }))
        .merge(answer(desk, |desk, call: Release| async move {
            desk.release(call.holder.into()).await;
            Ok(())
        }))
        .merge(answer(desk, |desk, call: ImagesOf| async move {
            Ok(PageBody::of(desk.images_of(call.account, call.page.into()).await?))
        }))
        .route(Upload::MANNER.path, post(async move |request: Request| upload(&*taking, &room, request).await))
        .route(ReadBlob::MANNER.path, post(async move |body: Bytes| read(&*reading, body).await))
}

async fn upload(desk: &dyn MediaDesk, room: &Semaphore, request: Request) -> Response {
    let upload: Upload = match serde_urlencoded::from_str(request.uri().query().unwrap_or_default()) {
        Ok(upload) => upload,
        Err(error) => return unreadable(&error),
    };
    // Before it is read.
    let Ok(_room) = room.try_acquire() else { return reply(Err::<(), _>(overloaded())) };
    let bytes = match to_bytes(request.into_body(), LONGEST).await {
        Ok(bytes) => bytes,
        Err(error) => return unreadable(&error),
    };
    let image = desk.upload(upload.account, upload.id, upload.purpose.into(), bytes, &upload.alt).await;
    reply(image.map(|image| Json(ImageBody::from(image))))
}

async fn read(desk: &dyn MediaDesk, body: Bytes) -> Response {
    match serde_json::from_slice::<ReadBlob>(&body) {
        Ok(call) => reply(desk.read(&call.name).await.map(blob)),
        Err(error) => unreadable(&error),
    }
}

fn blob(found: Option<Blob>) -> Response {
    match found {
        Some(blob) => ([(header::CONTENT_LENGTH, blob.length)], Body::from_stream(blob.bytes)).into_response(),
        None => StatusCode::NO_CONTENT.into_response(),
    }
}
