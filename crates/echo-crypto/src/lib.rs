//! Passwords, tokens and keys, on argon2, jsonwebtoken and aws-lc-rs.

mod access;
mod digest;
mod keys;
mod passwords;
mod refresh;
mod seal;

pub use access::{AccessSigner, Jwk, WeakSecret};
pub use digest::Sha256;
pub use keys::{KEY_FILES, Keys, SigningKey};
pub use passwords::PasswordThreads;
pub use refresh::RefreshSigner;
pub use seal::AesSealer;

use echo_domain::metric::Declared;

/// What this crate measures.
pub static METRICS: [Declared; 3] =
    [passwords::SECONDS.declared(), passwords::WAITING.declared(), passwords::REFUSED.declared()];

/// Bytes that nobody can guess.
///
/// # Panics
/// When the system has no randomness to give, without which nothing here is safe.
#[must_use]
pub fn random_bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    aws_lc_rs::rand::fill(&mut bytes).expect("the system gives random bytes");
    bytes
}
