//! Against real Redis servers, one for each test. `redis-server` and `redis-sentinel` must be installed.

#![expect(clippy::unwrap_used, reason = "these are tests")]

mod backend;
mod broadcast;
mod cache;
mod connection;
mod events;
mod limits;
#[path = "../../../echo-mongo/tests/it/fixture.rs"]
mod mongo;
mod server;
mod timelines;
