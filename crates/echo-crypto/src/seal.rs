//! Values that leave Echo, or lie in a store, and must come back unread and unchanged.

use aws_lc_rs::{
    aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey},
    hmac,
};
use echo_domain::{Error, Result, Sealer};

use crate::keys::mac;

/// Seals values (AES-256-GCM with random nonces) and digests them (HMAC-SHA256), with keys of its own for either.
pub struct AesSealer {
    sealing: RandomizedNonceKey,
    digesting: hmac::Key,
}

impl AesSealer {
    /// # Panics
    /// Never: the key's length is the cipher's.
    #[must_use]
    pub fn new(key: [u8; 32]) -> Self {
        let key = hmac::Key::new(hmac::HMAC_SHA256, &key);
        let sealing = RandomizedNonceKey::new(&AES_256_GCM, &mac(&key, &[b"seal"])).expect("AES-256 takes 32 bytes");
        Self { sealing, digesting: hmac::Key::new(hmac::HMAC_SHA256, &mac(&key, &[b"digest"])) }
    }
}

impl Sealer for AesSealer {
    // Nonce, ciphertext, tag.
    fn seal(&self, context: &[u8], plain: &[u8]) -> Result<Vec<u8>> {
        let mut text = plain.to_vec();
        let nonce = self.sealing.seal_in_place_append_tag(Aad::from(context), &mut text).map_err(Error::internal)?;
        Ok([nonce.as_ref().as_slice(), &text].concat())
    }

    fn open(&self, context: &[u8], sealed: &[u8]) -> Option<Vec<u8>> {
        let (nonce, text) = sealed.split_first_chunk::<NONCE_LEN>()?;
        let mut text = text.to_vec();
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let length = self.sealing.open_in_place(nonce, Aad::from(context), &mut text).ok()?.len();
        text.truncate(length);
        Some(text)
    }

    fn digest(&self, parts: &[&[u8]]) -> [u8; 32] {
        let mut context = hmac::Context::with_key(&self.digesting);
        for part in parts {
            context.update(&(part.len() as u64).to_be_bytes());
            context.update(part);
        }
        let mut digest = [0; 32];
        digest.copy_from_slice(context.sign().as_ref());
        digest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_sealed_opens() {
        let seal = AesSealer::new([1; 32]);

        for plain in [b"".as_slice(), b"hello", &[7; 100_000]] {
            assert_eq!(seal.open(b"ctx", &seal.seal(b"ctx", plain).unwrap()).as_deref(), Some(plain));
        }
    }

    #[test]
    fn nothing_else_opens() {
        let seal = AesSealer::new([1; 32]);
        let sealed = seal.seal(b"ctx", b"hello").unwrap();

        assert_eq!(seal.open(b"other", &sealed), None);
        assert_eq!(AesSealer::new([2; 32]).open(b"ctx", &sealed), None);
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert_eq!(seal.open(b"ctx", &changed), None);
            assert_eq!(seal.open(b"ctx", &sealed[..at]), None);
        }
    }

    #[test]
    fn the_same_value_is_never_sealed_alike() {
        let seal = AesSealer::new([1; 32]);

        assert_ne!(seal.seal(b"", b"hello").unwrap(), seal.seal(b"", b"hello").unwrap());
    }

    #[test]
    fn a_digest_tells_where_parts_end() {
        let seal = AesSealer::new([1; 32]);

        assert_eq!(seal.digest(&[b"ab", b"c"]), AesSealer::new([1; 32]).digest(&[b"ab", b"c"]));
        assert_ne!(seal.digest(&[b"ab", b"c"]), seal.digest(&[b"a", b"bc"]));
        assert_ne!(seal.digest(&[b"ab"]), seal.digest(&[b"ab", b""]));
        assert_ne!(seal.digest(&[b"ab"]), AesSealer::new([2; 32]).digest(&[b"ab"]));
    }
}
