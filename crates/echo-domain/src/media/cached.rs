//! Images in this process's memory, in front of where they are kept.

use std::{fs::File, sync::Arc, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::{FutureExt, TryStreamExt, stream};
use tokio::time::timeout;

use crate::{BoxError, Cache, Clock, Error, IdMap, Result};

use super::{Blob, BlobStore, FileCopy, Part};

/// A place for blobs that remembers the short ones that it was asked for. Bytes never change under their name; those that
/// another process has removed are gone here after [`CachedBlobs::LIFETIME`].
pub struct CachedBlobs {
    blobs: Arc<dyn BlobStore>,
    known: Cache<Arc<str>, Known>,
}

#[derive(Clone)]
enum Known {
    Whole(Bytes, Option<Arc<File>>),
    /// Too long to be remembered.
    Long,
    /// There is none: asked for again and again where a picture has no lighter copy.
    Absent,
}

impl CachedBlobs {
    /// How long a blob may still be had after another process has removed it.
    pub const LIFETIME: Duration = Duration::from_secs(5);

    /// The longest that is remembered, in bytes.
    const LONGEST: u64 = 512 << 10;
    /// From so many bytes on, a file is kept open for as long as it is remembered: to copy fewer costs less than to ask the
    /// kernel once more.
    const FROM_FILE: u64 = 64 << 10;
    /// How long such a blob may take to come.
    const PATIENCE: Duration = Duration::from_secs(10);

    /// Remembers up to about `bytes`.
    pub fn new(blobs: Arc<dyn BlobStore>, bytes: u64, clock: Arc<dyn Clock>) -> Self {
        let weigh = |known: &Known| match known {
            Known::Whole(bytes, _) => bytes.len(),
            Known::Long | Known::Absent => 0,
        };
        Self { blobs, known: Cache::new("images", bytes, Self::LIFETIME, clock, weigh) }
    }

    async fn known(&self, name: Arc<str>) -> Result<Known> {
        let load = |names: Vec<Arc<str>>| {
            async move {
                let mut loaded = IdMap::default();
                for name in names {
                    let known = self.load(&name).await?;
                    loaded.insert(name, known);
                }
                Ok(loaded)
            }
            .boxed()
        };
        Ok(self.known.get(&[name], load).await?.pop().flatten().unwrap_or(Known::Absent))
    }

    async fn load(&self, name: &str) -> Result<Known> {
        let Some(blob) = self.blobs.read(name, Part::WHOLE).await? else { return Ok(Known::Absent) };
        let file = blob.file.filter(|_| blob.length >= Self::FROM_FILE);
        if blob.length > Self::LONGEST {
            return Ok(Known::Long);
        }
        let parts = timeout(Self::PATIENCE, blob.bytes.try_collect::<Vec<_>>()).await;
        let parts = parts.map_err(|late| broke_off(late.into()))?.map_err(broke_off)?;
        // Anew, for a part may keep alive the larger buffer that it was read into.
        Ok(Known::Whole(parts.concat().into(), file))
    }
}

#[async_trait]
impl BlobStore for CachedBlobs {
    async fn put(&self, name: &str, bytes: Bytes) -> Result<()> {
        let put = self.blobs.put(name, bytes).await;
        self.known.forget(&name.into());
        put
    }

    async fn read(&self, name: &str, part: Part) -> Result<Option<Blob>> {
        let name: Arc<str> = name.into();
        // To know how long it is, nobody reads it.
        let known = match part == Part::NOTHING {
            true => self.known.peek(&name).unwrap_or(Known::Long),
            false => self.known(name.clone()).await?,
        };
        match known {
            Known::Whole(whole, file) => Ok(Some(part_of(&whole, file, &part))),
            Known::Long => self.blobs.read(&name, part).await,
            Known::Absent => Ok(None),
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

fn broke_off(source: BoxError) -> Error {
    Error::Unavailable { what: "the store for images", retry_after: Duration::from_secs(10), source: Some(source) }
}

fn part_of(whole: &Bytes, file: Option<Arc<File>>, part: &Part) -> Blob {
    let length = whole.len() as u64;
    let part = part.of(length);
    let at = |place: u64| usize::try_from(place).unwrap_or(whole.len());
    let bytes = whole.slice(at(part.start)..at(part.end));
    let copy = file.clone().map(|file| FileCopy { bytes: whole.clone(), file });
    Blob { length, part, bytes: Box::pin(stream::iter([Ok(bytes)])), file, copy }
}
