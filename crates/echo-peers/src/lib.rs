//! Neighbours in other processes, over HTTP: an area asks [`Lookup`], [`Directory`], [`Catalog`] or [`MediaDesk`] of
//! echo-domain, and does not know whether it is here or behind [`RemoteLookup`] and the others, which ask the
//! [`router`] of another process.
//!
//! A call is `POST /internal/<area>/<call>` with the [`ServiceToken`], how long there is, and whose request it is
//! ([`echo_domain::Errand`]). An error comes back as the error that it was. What may be done twice is tried again while
//! there is time; a neighbour that is gone is not waited for again and again ([`Peer`]).
//!
//! [`Lookup`]: echo_domain::auth::Lookup
//! [`Directory`]: echo_domain::users::Directory
//! [`Catalog`]: echo_domain::posts::Catalog
//! [`MediaDesk`]: echo_domain::media::MediaDesk

mod auth;
mod breaker;
mod call;
mod failure;
mod fields;
mod figures;
mod media;
mod outcome;
mod pace;
mod page;
mod peer;
mod posts;
mod serve;
mod token;
mod users;

pub use auth::RemoteLookup;
pub use failure::BadAddress;
pub use media::RemoteMediaDesk;
pub use peer::{Peer, Service};
pub use posts::RemoteCatalog;
pub use serve::{Served, router};
pub use token::{ServiceToken, TokenTooShort};
pub use users::RemoteDirectory;

use echo_domain::metric::Declared;

/// What this crate measures.
pub static METRICS: [Declared; 3] = [figures::SECONDS.declared(), figures::RETRIES.declared(), figures::UP.declared()];
