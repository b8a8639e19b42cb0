//! The stores of every area on MongoDB: a replica set or a sharded cluster, majority writes, transactions where two
//! records must agree.
//!
//! [`Mongo`] is the engine room: it opens the databases, ensures their collections and runs every store's calls. Each area
//! has one store on top of it and one database of its own, whose collections `collections.rs` declares; beside them, it
//! leaves events in the database that all areas share.

// The tests' fixture, which the tests of the plans share, knows this crate by its name.
#[cfg(test)]
extern crate self as echo_mongo;

#[cfg(test)]
mod apart;
mod areas;
mod auth;
mod bars;
mod collections;
mod database;
mod doctor;
mod documents;
mod error;
mod events;
mod figures;
mod idempotency;
mod indexes;
mod instances;
mod layout;
mod media;
mod opening;
#[cfg(test)]
mod plan;
mod posts;
mod sharding;
mod transaction;
mod transfer;
mod turns;
mod users;
#[cfg(test)]
mod watched;

pub use areas::{Area, Areas, NotOpened};
pub use auth::MongoAccounts;
pub use database::{Mongo, Options};
pub use doctor::MongoDoctor;
pub use error::OpenError;
pub use events::MongoEvents;
pub use idempotency::MongoIdempotency;
pub use media::MongoMedia;
pub use opening::database_name;
pub use posts::MongoPosts;
pub use sharding::{Spread, spreads};
pub use transfer::MongoTransfer;
pub use users::MongoProfiles;

use echo_domain::metric::Declared;

/// What this crate measures, beside the calls of its stores.
pub static METRICS: [Declared; 2] = [figures::CONNECTIONS.declared(), figures::CHECKOUT_SECONDS.declared()];
