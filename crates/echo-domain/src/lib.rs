//! What Echo is: people, posts, who follows whom, and the rules between them.
//!
//! This crate knows no technology. It states what it needs kept or done as traits (`PostStore`,
//! `BlobStore`, `PasswordHasher`, …); the crates around it fulfil them, and `contract` tests that they do.
//! Time, ids and randomness are handed in.

pub mod auth;
mod cache;
mod census;
mod change;
#[cfg(feature = "contract")]
pub mod contract;
pub mod doctor;
mod errand;
mod error;
mod event;
#[cfg(feature = "contract")]
pub mod event_contract;
pub mod feed;
mod id;
pub mod idempotency;
#[cfg(feature = "contract")]
pub mod idempotency_contract;
mod last_known;
pub mod limits;
#[cfg(feature = "contract")]
pub mod limits_contract;
pub mod media;
pub mod metric;
#[cfg(feature = "contract")]
pub mod outbox_contract;
mod page;
pub mod posts;
mod seal;
mod text;
mod time;
pub mod trace;
pub mod transfer;
pub mod users;
pub mod workers;

pub use cache::{Cache, CacheFigures, Evictions, Lookups, to_the_end};
pub use census::Census;
pub use change::{Alone, Broadcast, Change, Hears, HereToo};
pub use errand::Errand;
pub use error::{BoxError, Error, FieldError, Findings, Refusal, Result, chain};
pub use event::{Consumer, Event, EventLog, Outbox, Recorded, Relay};
pub use id::{
    BlockId, CommentId, FollowId, IdMap, IdSet, IdSource, LikeId, MalformedId, MediaId, PostId, RawId, SessionId, Stem,
    UserId,
};
pub use page::{Page, PageRequest};
pub use seal::Sealer;
pub use time::{Clock, Timestamp};
