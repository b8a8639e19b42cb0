//! Values that leave Echo, or lie in a store, and must come back unread and unchanged.

use crate::Result;

/// Seals and digests with keys of its own.
pub trait Sealer: Send + Sync {
    /// The value so that only [`Sealer::open`] with the same key and context gives it back.
    ///
    /// # Errors
    /// [`crate::Error::Internal`] when the cipher refuses.
    fn seal(&self, context: &[u8], plain: &[u8]) -> Result<Vec<u8>>;

    /// The sealed value, or `None` when it was sealed otherwise or changed since.
    fn open(&self, context: &[u8], sealed: &[u8]) -> Option<Vec<u8>>;

    /// Stands for the parts, and for no others however they are cut. Nobody makes it without the key.
    fn digest(&self, parts: &[&[u8]]) -> [u8; 32];
}
