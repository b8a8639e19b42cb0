//! Room in memory for bodies: so many bytes of them at a time, whoever sends them.

use std::sync::{Arc, Mutex, PoisonError};

use axum::{
    body::HttpBody,
    extract::Request,
    http::{Extensions, HeaderMap, header},
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::{
    error::{ApiError, ApiResult},
    shed,
};

/// What permits count: small bodies take one.
const UNIT: usize = 64 * 1024;

/// The room that all requests share.
#[derive(Clone)]
pub struct BodyRoom(Arc<Semaphore>);

impl BodyRoom {
    /// Room for `bytes` in all.
    pub fn new(bytes: usize) -> Self {
        Self(Arc::new(Semaphore::new(bytes / UNIT)))
    }

    /// Lets a request with a body take its part; it gives it back when the last of the request is gone.
    pub(crate) fn enter(&self, request: &mut Request) {
        if request.body().is_end_stream() {
            return;
        }
        request.extensions_mut().insert(Place { room: self.clone(), taken: Arc::default() });
    }
}

/// A request's part of the room. In its extensions.
#[derive(Clone)]
struct Place {
    room: BodyRoom,
    taken: Arc<Mutex<Vec<OwnedSemaphorePermit>>>,
}

/// Takes room for a body of at most `limit` bytes, as many as it announces, for as long as the request lasts. Tells how
/// many that are.
///
/// # Errors
/// 413 when it announces more; 503 when there is no room now.
pub(crate) fn take(extensions: &Extensions, headers: &HeaderMap, limit: usize) -> ApiResult<usize> {
    let announced = headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
    let bytes: usize = announced.unwrap_or(limit);
    if bytes > limit {
        return Err(ApiError::BodyTooLarge { limit });
    }
    let Some(place) = extensions.get::<Place>() else { return Ok(bytes) };
    let units = u32::try_from(bytes.div_ceil(UNIT)).unwrap_or(u32::MAX);
    let mut taken = place.taken.lock().unwrap_or_else(PoisonError::into_inner);
    // Read once, whether by what remembers requests or by the handler.
    if taken.is_empty() {
        taken.push(
            place
                .room
                .0
                .clone()
                .try_acquire_many_owned(units)
                .map_err(|_| ApiError::Overloaded { reason: shed::BODIES })?,
        );
    }
    Ok(bytes)
}
