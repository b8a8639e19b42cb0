//! What a collector gets of a request, and of what follows from it.

pub mod collector;
mod gone;
mod services;
mod whole;

use std::time::Duration;

/// When everything that belongs to a trace has been exported.
const EXPORTED: Duration = Duration::from_secs(20);

/// The start of a trace somewhere else.
struct Sent {
    trace: String,
    header: String,
}

impl Sent {
    /// One that nobody had before; `flags` say whether whoever sends it keeps it.
    fn new(flags: &str) -> Self {
        let trace = format!("{:032x}", u128::from(rand()) << 64 | u128::from(rand()));
        Self { header: format!("00-{trace}-00f067aa0ba902b7-{flags}"), trace }
    }
}

fn rand() -> u64 {
    use std::hash::{BuildHasher, RandomState};
    RandomState::new().hash_one("trace")
}
