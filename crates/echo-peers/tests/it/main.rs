//! Neighbours, asked here and over real sockets.

#![expect(unreachable_pub, reason = "`pub` is what a module offers to the tests; there is nobody else")]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod contracts;
mod errands;
mod faults;
mod outages;
mod outcomes;
mod places;
mod sockets;
