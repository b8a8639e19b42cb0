//! What the machine gives: time, randomness, standard output.

use std::{
    io::{self, Write},
    time::{SystemTime, UNIX_EPOCH},
};

use echo_domain::{Clock, IdSource, Timestamp};

/// The machine's clock.
pub(crate) struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one Clock that asks the machine")]
    fn now(&self) -> Timestamp {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }
}

/// Ids that no other process makes.
pub(crate) fn ids() -> IdSource {
    IdSource::new(echo_crypto::random_bytes(), u32::from_be_bytes(echo_crypto::random_bytes()))
}

/// Prints for whoever started `echod`.
///
/// # Errors
/// When nobody reads any more.
pub(crate) fn say(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{text}")?;
    out.flush()
}

/// Says what went wrong; when even that fails, there is nobody to tell.
pub(crate) fn complain(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}
