//! Where records come from and where they go.

use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::{Error, Result};

use super::{Key, Kind, Record};

/// Gives out all records that it keeps. Nobody writes to it meanwhile.
#[async_trait]
pub trait Source: Send + Sync {
    /// Up to `limit` records of the kind in the order of their keys, those after `after`. Fewer are the last.
    async fn page(&self, kind: Kind, after: Option<&Key>, limit: usize) -> Result<Vec<Record>>;

    /// How many there are of the kind. Goes through all of them.
    async fn count(&self, kind: Kind) -> Result<u64>;
}

/// Takes records in. Whatever was put, every count equals the records that are kept.
#[async_trait]
pub trait Target: Source {
    /// Adds the records that are not there yet, and remembers the checkpoint: all of it or nothing. What is there stays as
    /// it is, so that putting the same again changes nothing. Profiles come before follows, posts before what is left
    /// on them, and blobs before images.
    ///
    /// # Errors
    /// [`crate::Error::Conflict`] when an account is called as another is.
    async fn put(&self, records: Vec<Record>, reached: &Checkpoint) -> Result<()>;

    /// The checkpoint that was put last.
    async fn reached(&self) -> Result<Option<Checkpoint>>;
}

/// How far a transfer has come. Kept in the target, so that one which was killed goes on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checkpoint {
    /// What is transferred: no other source goes into a target that has begun.
    pub source: String,
    /// Whether that was all.
    pub done: bool,
    /// Where it goes on, as only the transfer itself can read it.
    pub place: String,
}

/// Whether a target may take a source in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// There is nothing in it.
    Empty,
    /// It has a part of this source, or all of it.
    Begun(Checkpoint),
    /// It has something else.
    Taken,
}

/// Puts the records, and tries it again while the target does not answer: a long transfer outlives an election.
///
/// # Errors
/// Of the target, the last time.
pub async fn insist(target: &dyn Target, records: Vec<Record>, reached: &Checkpoint) -> Result<()> {
    for pause in [1, 2, 4, 8].map(Duration::from_secs) {
        match target.put(records.clone(), reached).await {
            Err(Error::Unavailable { .. }) => tokio::time::sleep(pause).await,
            done => return done,
        }
    }
    target.put(records, reached).await
}

/// How the target stands to the source of this name.
///
/// # Errors
/// Of the target.
pub async fn standing(target: &dyn Target, source: &str) -> Result<Standing> {
    match target.reached().await? {
        Some(reached) if reached.source == source => return Ok(Standing::Begun(reached)),
        Some(_) => return Ok(Standing::Taken),
        None => {}
    }
    for kind in Kind::ALL {
        if !target.page(kind, None, 1).await?.is_empty() {
            return Ok(Standing::Taken);
        }
    }
    Ok(Standing::Empty)
}

/// A name that no other Echo has: by its first account, whose id nobody else made.
///
/// # Errors
/// Of the source.
pub async fn name_of(source: &dyn Source) -> Result<String> {
    let first = source.page(Kind::Accounts, None, 1).await?;
    Ok(first
        .first()
        .map_or_else(|| "an Echo without accounts".to_owned(), |first| format!("the Echo of {}", first.key())))
}
