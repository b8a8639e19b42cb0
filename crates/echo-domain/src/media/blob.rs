//! Where the bytes of images lie.

use std::{fs::File, ops::Range, pin::Pin, sync::Arc};

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::Stream;

use crate::{BoxError, Result};

/// Keeps bytes under names. A name is never used for other bytes again.
///
/// Names are made by Echo: what [`BlobName`] takes. An image's own bytes are put before its copies.
///
/// Each call ends within seconds, whatever the store does; what cannot be done by then is
/// [`crate::Error::Unavailable`].
#[async_trait]
pub trait BlobStore: Send + Sync {
    /// Keeps the bytes: durable once this returns, and whole or not there at all. Putting the same name again succeeds.
    ///
    /// # Errors
    /// [`crate::Error::StorageFull`].
    async fn put(&self, name: &str, bytes: Bytes) -> Result<()>;

    /// The part of the blob; `None` when there is no such name, or it is no name of ours.
    async fn read(&self, name: &str, part: Part) -> Result<Option<Blob>>;

    /// Removes the blob; succeeds when it is gone already. A name that is no name of ours, as the address of an image that
    /// another service delivers, is left where it is, unless the store is that service.
    async fn remove(&self, name: &str) -> Result<()>;

    /// Whether the store answers, and lets Echo in.
    ///
    /// # Errors
    /// When it does not.
    async fn check(&self) -> Result<()>;
}

pub type BlobStream = Pin<Box<dyn Stream<Item = Result<Bytes, BoxError>> + Send>>;

/// Bytes on their way out of a store.
pub struct Blob {
    /// Length of the whole blob, in bytes, whatever part was asked for.
    pub length: u64,
    /// Which of them these are: the part that was asked for, cut to the length.
    pub part: Range<u64>,
    pub bytes: BlobStream,
    /// The file that the whole blob is, if there is one.
    pub file: Option<Arc<File>>,
    /// What `bytes` are a part of, if that is in memory and a file, too.
    pub copy: Option<FileCopy>,
}

/// The bytes of a whole file, in memory: whoever sends a part of them may let the kernel take it from the file.
#[derive(Debug, Clone)]
pub struct FileCopy {
    pub bytes: Bytes,
    pub file: Arc<File>,
}

/// Which bytes of a blob are wanted, before its length is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    From(u64),
    Within(Range<u64>),
    Last(u64),
}

impl Part {
    pub const WHOLE: Self = Self::From(0);
    /// Only whether it is there, and how long it is.
    pub const NOTHING: Self = Self::Within(0..0);

    /// The bytes that are there.
    #[must_use]
    pub fn of(&self, length: u64) -> Range<u64> {
        let Range { start, end } = match *self {
            Self::From(start) => start..length,
            Self::Within(Range { start, end }) => start..end,
            Self::Last(count) => length.saturating_sub(count)..length,
        };
        let start = start.min(length);
        start..end.clamp(start, length)
    }
}

/// A name that Echo has made: 1 to 100 of `[a-z0-9.-]`, with no dot at its start and no two in a row.
///
/// That of a picture is its id and a kind of image, as in `….jpg`; a narrower copy has its width between them, as in
/// `…-640.webp`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BlobName<'a>(&'a str);

impl<'a> BlobName<'a> {
    #[must_use]
    pub fn parse(name: &'a str) -> Option<Self> {
        let allowed = |c: u8| matches!(c, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'-');
        let ours = (1..=100).contains(&name.len())
            && name.bytes().all(allowed)
            && !name.starts_with('.')
            && !name.contains("..");
        ours.then_some(Self(name))
    }

    #[must_use]
    pub const fn as_str(self) -> &'a str {
        self.0
    }

    /// What the names of a picture and of its copies begin with.
    #[must_use]
    pub fn stem(self) -> &'a str {
        self.0.split(['-', '.']).next().unwrap_or(self.0)
    }

    /// In pixels, of a copy that has it in its name.
    #[must_use]
    pub fn width(self) -> Option<u32> {
        let (_, rest) = self.0.split_once('-')?;
        rest.split('.').next()?.parse().ok()
    }

    /// The kind of image; empty when the name has none.
    #[must_use]
    pub fn extension(self) -> &'a str {
        self.0.rsplit_once('.').map_or("", |(_, extension)| extension)
    }

    /// The same as a media type.
    #[must_use]
    pub fn content_type(self) -> Option<&'static str> {
        match self.extension() {
            "jpg" => Some("image/jpeg"),
            "png" => Some("image/png"),
            "webp" => Some("image/webp"),
            "gif" => Some("image/gif"),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_is_cut_to_what_is_there() {
        assert_eq!(Part::WHOLE.of(100), 0..100);
        assert_eq!(Part::NOTHING.of(100), 0..0);
        assert_eq!(Part::From(90).of(100), 90..100);
        assert_eq!(Part::From(101).of(100), 100..100);
        assert_eq!(Part::Within(50..u64::MAX).of(100), 50..100);
        assert_eq!(Part::Within(200..300).of(100), 100..100);
        assert_eq!(Part::Last(10).of(100), 90..100);
        assert_eq!(Part::Last(1000).of(100), 0..100);
        assert_eq!(Part::WHOLE.of(0), 0..0);
    }

    #[test]
    fn a_name_tells_what_it_names() {
        let told = |name| BlobName::parse(name).map(|it| (it.stem(), it.width(), it.content_type()));

        assert_eq!(told("6553f1.jpg"), Some(("6553f1", None, Some("image/jpeg"))));
        assert_eq!(told("6553f1-640.webp"), Some(("6553f1", Some(640), Some("image/webp"))));
        assert_eq!(told("notes"), Some(("notes", None, None)));
        for none in ["", ".hidden", "a..b", "a/b", "A.jpg", "https://example.com/a.jpg"] {
            assert_eq!(told(none), None, "{none}");
        }
    }
}
