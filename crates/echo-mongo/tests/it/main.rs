//! Against a real server, which `ECHO_TEST_MONGODB` names; each test has a database of its own.

#![expect(clippy::unwrap_used, reason = "these are tests")]

mod contract;
mod figures;
mod fixture;
mod impostor;
mod older;
mod opening;
mod posts;
mod processes;
