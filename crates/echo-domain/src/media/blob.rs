//! Where the bytes of images lie.

use std::{ops::Range, pin::Pin};

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::Stream;

use crate::{BoxError, Result};

/// Keeps bytes under names. A name is never used for other bytes again.
///
/// Names are made by Echo: 1 to 100 of `[a-z0-9.-]`, not starting with a dot.
#[async_trait]
pub trait BlobStore: Send + Sync {
    /// Keeps the bytes: durable once this returns, and whole or not there at all. Putting the same name again succeeds.
    ///
    /// # Errors
    /// [`crate::Error::StorageFull`].
    async fn put(&self, name: &str, bytes: Bytes) -> Result<()>;

    /// The blob, or the part of it in `range` cut to its length; `None` when there is no such name, or it is no name of ours.
    async fn read(&self, name: &str, range: Option<Range<u64>>) -> Result<Option<Blob>>;

    /// Removes the blob; succeeds when it is gone already.
    async fn remove(&self, name: &str) -> Result<()>;
}

/// Bytes on their way out of a store.
pub struct Blob {
    /// Length of the whole blob, in bytes, whatever part was asked for.
    pub length: u64,
    pub bytes: Pin<Box<dyn Stream<Item = Result<Bytes, BoxError>> + Send>>,
}
