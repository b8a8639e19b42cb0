//! What the names of new blobs begin with.

use std::sync::atomic::{AtomicU64, Ordering};

use sha2::{Digest, Sha256};

use crate::{RawId, Stem};

/// Makes stems that nobody can foresee. So whoever uploads an image cannot tell by its name whether it was just made, or
/// somebody else's equal image has it already.
pub struct StemSource {
    secret: [u8; 32],
    made: AtomicU64,
}

impl StemSource {
    /// `secret` must be random, and of this source alone.
    #[must_use]
    pub const fn new(secret: [u8; 32]) -> Self {
        Self { secret, made: AtomicU64::new(0) }
    }

    /// One that was never made before.
    pub fn next(&self) -> Stem {
        let made = self.made.fetch_add(1, Ordering::Relaxed);
        let hash: [u8; 32] = Sha256::new().chain_update(self.secret).chain_update(made.to_be_bytes()).finalize().into();
        let mut bytes = [0; 12];
        bytes.copy_from_slice(&hash[..12]);
        Stem(RawId::from_bytes(bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stems_differ_from_one_another_and_from_those_of_other_sources() {
        let sources = [StemSource::new([1; 32]), StemSource::new([2; 32])];

        let mut stems: Vec<_> = (0..1000).flat_map(|_| sources.each_ref().map(StemSource::next)).collect();

        assert!(!stems.is_sorted());
        stems.sort();
        stems.dedup();
        assert_eq!(stems.len(), 2000);
    }
}
