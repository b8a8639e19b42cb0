//! How a place for images fares.

use std::{sync::Arc, time::Instant};

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::TryStreamExt;
use metrics::Counter;

use crate::{
    Result,
    metric::{Declared, Metric, Spreads, outcome},
};

use super::{Blob, BlobStore, Part};

static SECONDS: Metric<3> = Metric::seconds(
    "echo_blob_seconds",
    ["place", "op", "outcome"],
    "How long calls of the place for images took; of a read, until its first byte could come.",
);
static BYTES: Metric<2> = Metric::counter(
    "echo_blob_bytes_total",
    ["place", "way"],
    "Bytes of images written to their place, and read from it, which those in memory are not.",
);

/// A place for blobs, measured.
pub struct MeasuredBlobs {
    blobs: Arc<dyn BlobStore>,
    place: &'static str,
    seconds: Spreads<3>,
    written: Counter,
    read: Counter,
}

impl MeasuredBlobs {
    /// What is measured of any place.
    pub const METRICS: [Declared; 2] = [SECONDS.declared(), BYTES.declared()];

    /// `place` is what the figures call it.
    pub fn new(blobs: Arc<dyn BlobStore>, place: &'static str) -> Self {
        let [written, read] = ["written", "read"].map(|way| BYTES.count([place, way]));
        Self { blobs, place, seconds: Spreads::of(&SECONDS), written, read }
    }

    async fn measured<T>(&self, op: &'static str, call: impl Future<Output = Result<T>>) -> Result<T> {
        let started = Instant::now();
        let result = call.await;
        self.seconds.record([self.place, op, outcome(&result)], started.elapsed());
        result
    }
}

#[async_trait]
impl BlobStore for MeasuredBlobs {
    async fn put(&self, name: &str, bytes: Bytes) -> Result<()> {
        let length = bytes.len() as u64;
        self.measured("put", self.blobs.put(name, bytes)).await?;
        self.written.increment(length);
        Ok(())
    }

    async fn read(&self, name: &str, part: Part) -> Result<Option<Blob>> {
        let Some(blob) = self.measured("read", self.blobs.read(name, part)).await? else { return Ok(None) };
        let read = self.read.clone();
        let bytes = Box::pin(blob.bytes.inspect_ok(move |bytes| read.increment(bytes.len() as u64)));
        Ok(Some(Blob { bytes, ..blob }))
    }

    async fn remove(&self, name: &str) -> Result<()> {
        self.measured("remove", self.blobs.remove(name)).await
    }

    async fn check(&self) -> Result<()> {
        self.measured("check", self.blobs.check()).await
    }
}
