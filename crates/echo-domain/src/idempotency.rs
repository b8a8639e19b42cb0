//! Doing a request once, however often it is sent.

use async_trait::async_trait;

use crate::{RawId, Result, Timestamp};

/// Names a request: a digest of who asks and of the key they gave.
pub type RequestKey = [u8; 32];

/// What a request asks for, digested: the same key must come with the same one.
pub type Fingerprint = [u8; 32];

/// What to do with a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Begun {
    /// Do it. What it makes must get `seed` as its id: if a process died after making it, the second try finds it.
    First { seed: RawId },
    /// It is being done right now.
    Running,
    /// It was done; this was the reply.
    Done(Vec<u8>),
    /// The key was used for something else.
    Mismatch,
}

/// Remembers requests and their replies. Each method is atomic.
#[async_trait]
pub trait IdempotencyStore: Send + Sync {
    /// Of any number of concurrent calls with one key, exactly one is [`Begun::First`]. A request whose process died, or
    /// that was released, is begun anew with the seed of the first time.
    async fn begin(&self, key: &RequestKey, fingerprint: &Fingerprint, seed: RawId, now: Timestamp) -> Result<Begun>;

    /// Keeps the reply, as given, for those who ask again.
    async fn finish(&self, key: &RequestKey, reply: &[u8]) -> Result<()>;

    /// Lets the same request be begun anew: it failed in a way that may pass.
    async fn release(&self, key: &RequestKey) -> Result<()>;

    /// Forgets up to `limit` requests begun before `before`. Returns how many.
    async fn forget(&self, before: Timestamp, limit: usize) -> Result<usize>;
}
