//! Images in this process's memory, in front of where they are kept.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::{FutureExt, TryStreamExt, stream};

use crate::{Cache, Clock, Error, IdMap, Result};

use super::{Blob, BlobStore, Part};

/// A place for blobs that remembers the short ones that it was asked for. Bytes never change under their name; those that
/// another process has removed are gone here after [`CachedBlobs::LIFETIME`].
pub struct CachedBlobs {
    blobs: Arc<dyn BlobStore>,
    known: Cache<Arc<str>, Known>,
}

#[derive(Clone)]
enum Known {
    Whole(Bytes),
    /// Too long to be remembered.
    Long,
}

impl CachedBlobs {
    /// How long a blob may still be had after another process has removed it.
    pub const LIFETIME: Duration = Duration::from_secs(5);

    /// The longest that is remembered, in bytes.
    const LONGEST: u64 = 512 << 10;

    /// Remembers up to about `bytes`.
    pub fn new(blobs: Arc<dyn BlobStore>, bytes: u64, clock: Arc<dyn Clock>) -> Self {
        let weigh = |known: &Known| match known {
            Known::Whole(bytes) => bytes.len(),
            Known::Long => 0,
        };
        Self { blobs, known: Cache::new(bytes, Self::LIFETIME, clock, weigh) }
    }

    /// `None` when there is no such blob.
    async fn known(&self, name: Arc<str>) -> Result<Option<Known>> {
        let load = |names: Vec<Arc<str>>| {
            async move {
                let mut loaded = IdMap::default();
                for name in names {
                    loaded.extend(self.load(&name).await?.map(|known| (name, known)));
                }
                Ok(loaded)
            }
            .boxed()
        };
        Ok(self.known.get(&[name], load).await?.pop().flatten())
    }

    async fn load(&self, name: &str) -> Result<Option<Known>> {
        let Some(blob) = self.blobs.read(name, Part::WHOLE).await? else { return Ok(None) };
        if blob.length > Self::LONGEST {
            return Ok(Some(Known::Long));
        }
        let parts: Vec<Bytes> = blob.bytes.try_collect().await.map_err(Error::internal)?;
        Ok(Some(Known::Whole(match &parts[..] {
            [whole] => whole.clone(),
            parts => parts.concat().into(),
        })))
    }
}

#[async_trait]
impl BlobStore for CachedBlobs {
    async fn put(&self, name: &str, bytes: Bytes) -> Result<()> {
        self.blobs.put(name, bytes).await
    }

    async fn read(&self, name: &str, part: Part) -> Result<Option<Blob>> {
        match self.known(name.into()).await? {
            Some(Known::Whole(whole)) => Ok(Some(part_of(&whole, &part))),
            Some(Known::Long) => self.blobs.read(name, part).await,
            None => Ok(None),
        }
    }

    async fn remove(&self, name: &str) -> Result<()> {
        let removed = self.blobs.remove(name).await;
        self.known.forget(&name.into());
        removed
    }

    async fn check(&self) -> Result<()> {
        self.blobs.check().await
    }
}

fn part_of(whole: &Bytes, part: &Part) -> Blob {
    let length = whole.len() as u64;
    let part = part.of(length);
    let at = |place: u64| usize::try_from(place).unwrap_or(whole.len());
    let bytes = whole.slice(at(part.start)..at(part.end));
    Blob { length, part, bytes: Box::pin(stream::iter([Ok(bytes)])) }
}
