//! An upload that was processed, under the names that its blobs get.

use bytes::Bytes;

use crate::Stem;

use super::{BlobSet, Digest, Processed, Variant};

/// Blobs that are about to be kept.
pub(super) struct Incoming {
    pub(super) blobs: BlobSet,
    /// In the order of [`BlobSet::names`].
    pub(super) bytes: Vec<Bytes>,
}

impl Incoming {
    /// Hashes everything: some milliseconds for a large image.
    pub(super) fn new(processed: Processed, stem: Stem) -> Self {
        let digest = Digest::of(&processed);
        let location = format!("{stem}.{}", processed.original.extension);
        let mut bytes = vec![processed.original.bytes];
        let mut variants = Vec::with_capacity(processed.variants.len());
        for (width, encoded) in processed.variants {
            let narrower = if width == processed.width { String::new() } else { format!("-{width}") };
            variants.push(Variant { width, location: format!("{stem}{narrower}.{}", encoded.extension) });
            bytes.push(encoded.bytes);
        }
        let length = bytes.iter().map(|bytes| bytes.len() as u64).sum();
        let blobs = BlobSet {
            digest,
            stem,
            location,
            width: processed.width,
            height: processed.height,
            blurhash: processed.blurhash,
            variants,
            bytes: Some(length),
        };
        Self { blobs, bytes }
    }
}
