//! Passwords: which are taken, and what is kept of them.

use std::{collections::HashSet, fmt, sync::LazyLock};

use async_trait::async_trait;

use crate::{Error, Result};

/// A password that somebody wants from now on: 8 to 128 characters, not among the commonest.
pub struct NewPassword(String);

impl NewPassword {
    /// `field` is what the client calls it.
    ///
    /// # Errors
    /// [`Error::Invalid`] on `field`.
    pub fn parse(field: &'static str, text: &str) -> Result<Self> {
        if !(8..=128).contains(&text.chars().count()) {
            return Err(Error::invalid(field, "must have 8 to 128 characters"));
        }
        if text.contains('\0') {
            return Err(Error::invalid(field, "must not contain the NUL character"));
        }
        if COMMONEST.contains(text.to_lowercase().as_str()) {
            return Err(Error::invalid(field, "is among the commonest passwords; choose another"));
        }
        Ok(Self(text.to_owned()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Those of 8 characters or more; shorter ones are refused for their length.
static COMMONEST: LazyLock<HashSet<&str>> =
    LazyLock::new(|| include_str!("commonest-passwords.txt").lines().filter(|line| !line.starts_with('#')).collect());

/// What is kept of a password: a PHC string (Argon2id), or `$2b$…` from the first Echo (bcrypt).
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct PasswordHash(String);

impl PasswordHash {
    pub const fn new(text: String) -> Self {
        Self(text)
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordHash(***)")
    }
}

/// What a password is to a hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    Wrong,
    Right,
    /// Right, and the hash is of an older kind: hash it again.
    RightButOld,
}

/// Computes password hashes away from the threads that serve requests, so many at a time and no more.
#[async_trait]
pub trait PasswordHasher: Send + Sync {
    /// # Errors
    /// [`Error::Unavailable`] when too many wait already.
    async fn hash(&self, password: &str) -> Result<PasswordHash>;

    /// Takes as long for `None`, where there is no account, as for an account's hash.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when too many wait already.
    async fn verify(&self, password: &str, hash: Option<&PasswordHash>) -> Result<Verdict>;
}
