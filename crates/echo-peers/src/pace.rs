//! When to try again: later each time, and never all at once.

use std::{
    hash::{BuildHasher, RandomState},
    time::Duration,
};

/// How often a call is tried at most.
pub(crate) const TRIES: u32 = 4;

/// The pause before the second try is up to this long, and doubles.
const FIRST_PAUSE: Duration = Duration::from_millis(25);

/// How long to wait after so many tries that failed: anything up to a bound, so that callers who failed together do not
/// come back together.
pub(crate) fn pause(failed: u32) -> Duration {
    (FIRST_PAUSE * 2_u32.saturating_pow(failed.saturating_sub(1))).mul_f64(portion())
}

/// At least half of it.
pub(crate) fn about(duration: Duration) -> Duration {
    duration.mul_f64(0.5 + portion() / 2.0)
}

/// From zero to one, another each time. Nobody gains by foreseeing it: what seeds a hash table will do.
fn portion() -> f64 {
    f64::from(u32::try_from(RandomState::new().hash_one(()) >> 32).unwrap_or(u32::MAX)) / f64::from(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_differ_within_bounds_that_double() {
        for failed in 1..TRIES {
            let bound = FIRST_PAUSE * (1 << (failed - 1));
            let pauses: Vec<_> = (0..100).map(|_| pause(failed)).collect();

            assert!(pauses.iter().all(|pause| *pause <= bound), "{pauses:?}");
            let short = pauses.iter().filter(|pause| **pause < bound / 2).count();
            assert!((10..=90).contains(&short), "{pauses:?}");
        }
        assert!((0..100).map(|_| about(FIRST_PAUSE)).all(|it| it >= FIRST_PAUSE / 2 && it <= FIRST_PAUSE));
    }
}
