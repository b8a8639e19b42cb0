//! Against real Redis servers, one for each test. `redis-server` and `redis-sentinel` must be installed.

mod connection;
mod server;
