//! The stores of every area on SQLite: one file, one writer, group commit.
//!
//! [`Database`] is the engine room: it opens the file, commits many waiting writes as one transaction and reads on a few
//! threads of their own. Each area has one store on top of it, and touches only its own tables.

mod auth;
mod blobs;
mod database;
mod doctor;
mod error;
mod events;
mod figures;
mod idempotency;
mod media;
mod migrations;
#[cfg(test)]
mod plan;
mod posts;
mod queue;
mod readers;
mod snapshot;
mod sql;
mod transfer;
mod users;
mod writer;

pub use auth::SqliteAccounts;
pub use blobs::Blobs;
pub use database::{Database, Options};
pub use doctor::SqliteDoctor;
pub use error::OpenError;
pub use events::SqliteEvents;
pub use idempotency::SqliteIdempotency;
pub use media::SqliteMedia;
pub use migrations::{Planned, migrate, plan};
pub use posts::SqlitePosts;
pub use snapshot::{Snapshot, newest_schema};
pub use transfer::SqliteTransfer;
pub use users::SqliteProfiles;

use echo_domain::metric::Declared;

/// What this crate measures, beside the calls of its stores.
pub static METRICS: [Declared; 5] = [
    figures::BATCH_WRITES.declared(),
    figures::COMMIT_SECONDS.declared(),
    figures::WAL_BYTES.declared(),
    figures::BUSY.declared(),
    figures::QUEUE.declared(),
];
