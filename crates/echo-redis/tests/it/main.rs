//! Against real Redis servers, one for each test. `redis-server` and `redis-sentinel` must be installed.

#![expect(clippy::unwrap_used, reason = "these are tests")]

mod broadcast;
mod connection;
mod limits;
mod server;
mod timelines;
