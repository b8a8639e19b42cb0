//! SHA-256, to tell whether bytes are still those that they were.

use std::fmt::Write as _;

use aws_lc_rs::digest::{Context, SHA256};

/// The hash of bytes that come piece by piece.
#[derive(Clone)]
pub struct Sha256(Context);

impl Sha256 {
    #[must_use]
    pub fn new() -> Self {
        Self(Context::new(&SHA256))
    }

    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// In hexadecimal, as `sha256sum` writes it.
    #[must_use]
    pub fn finish(self) -> String {
        hex(self.0.finish().as_ref())
    }
}

impl Default for Sha256 {
    fn default() -> Self {
        Self::new()
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_hash_as_the_whole_does() {
        let mut hash = Sha256::new();
        hash.update(b"a");
        hash.update(b"bc");

        // FIPS 180-4, example of a one-block message.
        assert_eq!(hash.finish(), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }
}
