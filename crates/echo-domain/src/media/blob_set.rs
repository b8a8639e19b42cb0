//! The blobs of an image, which are kept once, however many images are of the same bytes.

use std::fmt;

use sha2::{Digest as _, Sha256};

use crate::{MediaId, Stem};

use super::{Image, Processed, Variant};

/// What an image is shown from: a blob as wide as the image, and narrower ones. Images of equal bytes are all of one set.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct BlobSet {
    pub digest: Digest,
    /// Never used for other bytes, even once these are gone.
    pub stem: Stem,
    /// The name of the blob that is as wide as the image.
    pub location: String,
    /// In pixels.
    pub width: u32,
    pub height: u32,
    pub blurhash: String,
    /// By width.
    pub variants: Vec<Variant>,
    /// The length of all of them together; `None` when nobody has measured them yet.
    pub bytes: Option<u64>,
}

impl BlobSet {
    /// The image that is shown from these.
    #[must_use]
    pub fn image(&self, id: MediaId, alt: String) -> Image {
        Image {
            id,
            location: self.location.clone(),
            width: self.width,
            height: self.height,
            blurhash: self.blurhash.clone(),
            alt,
            variants: self.variants.clone(),
        }
    }

    /// The widest first, the narrower ones by width.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        let variants = self.variants.iter().map(|variant| variant.location.as_str());
        std::iter::once(self.location.as_str()).chain(variants)
    }
}

/// Tells sets of blobs apart by what is in them: SHA-256 over all their bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest([u8; 32]);

impl Digest {
    /// Of everything that is kept of the upload. Equal digests mean equal blobs, each with the same ending.
    pub(super) fn of(processed: &Processed) -> Self {
        let mut hash = Sha256::new();
        let original = std::iter::once((processed.width, &processed.original));
        for (width, encoded) in original.chain(processed.variants.iter().map(|(width, encoded)| (*width, encoded))) {
            hash.update(width.to_be_bytes());
            hash.update((encoded.extension.len() as u64).to_be_bytes());
            hash.update(encoded.extension);
            hash.update((encoded.bytes.len() as u64).to_be_bytes());
            hash.update(&encoded.bytes);
        }
        Self(hash.finalize().into())
    }

    /// Of blobs that nobody has hashed: no others have it, and so nothing is ever kept with them.
    #[must_use]
    pub fn unknown(stem: Stem) -> Self {
        let mut bytes = [0; 32];
        bytes[..12].copy_from_slice(&stem.0.to_bytes());
        Self(bytes)
    }

    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    #[must_use]
    pub const fn to_bytes(self) -> [u8; 32] {
        self.0
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use crate::media::Encoded;

    use super::*;

    fn encoded(bytes: &'static str, extension: &'static str) -> Encoded {
        Encoded { bytes: Bytes::from_static(bytes.as_bytes()), extension }
    }

    fn processed() -> Processed {
        Processed {
            original: encoded("original", "png"),
            width: 700,
            height: 20,
            blurhash: "hash".to_owned(),
            variants: vec![(640, encoded("narrow", "webp"))],
        }
    }

    #[test]
    fn digests_are_equal_when_all_blobs_are() {
        let other = |change: fn(&mut Processed)| {
            let mut other = processed();
            change(&mut other);
            Digest::of(&other)
        };
        let same = Digest::of(&processed());

        assert_eq!(other(|_| ()), same);
        for different in [
            other(|it| it.original = encoded("another", "png")),
            other(|it| it.original = encoded("original", "jpg")),
            other(|it| it.original = encoded("originalpng", "")),
            other(|it| it.variants[0].1 = encoded("wider", "webp")),
            other(|it| it.variants[0].0 = 320),
            other(|it| it.variants.clear()),
        ] {
            assert_ne!(different, same);
        }
    }
}
