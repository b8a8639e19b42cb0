//! The search for the most that is carried.

use anyhow::Result;

/// How far apart what is carried and what is not may be in the end, as a ratio.
const CLOSE: f64 = 1.1;
/// By how much it goes down when what was carried for a short time is not carried for longer.
const LESS: f64 = 0.9;
/// Less than this per second is nothing.
const NOTHING: f64 = 0.01;

/// Between which rates it lies.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Found {
    /// Carried, for long; 0 when nothing is.
    pub(super) carried: f64,
    /// The lowest that was seen not to be carried.
    pub(super) refused: f64,
}

/// How long a rate is tried for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Length {
    Short,
    Long,
}

/// Finds the highest rate that is carried: doubles or halves the first until one is and another is not, halves what is
/// between these, by ratio, and looks for longer whether what it found lasts.
///
/// # Errors
/// Of a trial.
pub(super) async fn highest(first: f64, mut carries: impl AsyncFnMut(f64, Length) -> Result<bool>) -> Result<Found> {
    let (mut carried, mut refused) = (0.0, f64::INFINITY);
    let mut rate = first;
    while rate > NOTHING && refused / carried > CLOSE {
        if carries(rate, Length::Short).await? {
            carried = rate;
        } else {
            refused = rate;
        }
        rate = match (carried > 0.0, refused.is_finite()) {
            (true, true) => (carried * refused).sqrt(),
            (true, false) => carried * 2.0,
            _ => refused / 2.0,
        };
    }
    while carried > NOTHING && !carries(carried, Length::Long).await? {
        refused = carried;
        carried *= LESS;
    }
    Ok(Found { carried: if carried > NOTHING { carried } else { 0.0 }, refused })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{
        super::{
            load::{Arrival, Done, Outcome, Run, arrivals},
            mix::tests::mix,
            trial::{Trial, tests::IDLE},
        },
        *,
    };

    fn search(first: f64, mut carries: impl FnMut(f64, Length) -> bool) -> Found {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(highest(first, async |rate, length| Ok(carries(rate, length)))).unwrap()
    }

    #[test]
    fn any_capacity_is_found_from_any_beginning_in_few_trials() {
        for capacity in (0..50).map(|n| 1.37_f64.powi(n)) {
            for first in [capacity / 40.0, capacity / 2.0, capacity, capacity * 30.0] {
                let mut trials = 0;
                let found = search(first, |rate, _| {
                    trials += 1;
                    rate <= capacity
                });

                assert!(found.carried <= capacity && capacity < found.refused, "{capacity}: {found:?}");
                assert!(found.refused / found.carried <= CLOSE && trials <= 12, "{capacity}: {found:?} in {trials}");
            }
        }
    }

    #[test]
    fn what_does_not_last_is_not_carried() {
        let found = search(100.0, |rate, length| rate <= if length == Length::Long { 600.0 } else { 1000.0 });

        assert!(found.carried <= 600.0 && found.carried > 600.0 * LESS * 0.99 && found.refused > 600.0, "{found:?}");
    }

    #[test]
    fn where_nothing_is_carried_nothing_is_found() {
        assert_eq!(search(100.0, |_, _| false).carried, 0.0);
        assert_eq!(search(100.0, |rate, length| rate < 1000.0 && length == Length::Short).carried, 0.0);
    }

    /// A server that does one thing after the other, each in as long as its kind takes.
    fn served(arrivals: &[Arrival], seconds: f64, work: f64) -> Trial {
        let mut free = 0.0_f64;
        let done = arrivals.iter().map(|Arrival { after, kind }| {
            let after = after.as_secs_f64();
            free = free.max(after) + if kind.is_heavy() { 10.0 * work } else { work };
            Done { kind: *kind, outcome: Outcome::Answered, took: Duration::from_secs_f64(free - after) }
        });
        let run = Run { done: done.collect(), elapsed: Duration::from_secs_f64(seconds), given_up: 0 };
        Trial { rate: 0.0, run, usage: IDLE, rest: Duration::ZERO }
    }

    #[test]
    fn a_server_of_known_speed_carries_nearly_what_keeps_it_busy() {
        for micros in [200, 500, 2000] {
            let work = f64::from(micros) / 1e6;
            // Of 150 requests one is heavy.
            let capacity = 1.0 / (work * (1.0 + 9.0 / 150.0));
            let mut seed = 0;

            let found = search(capacity / 3.0, |rate, length| {
                seed += 1;
                let seconds = if length == Length::Long { 20.0 } else { 10.0 };
                served(&arrivals(&mix(), rate, Duration::from_secs_f64(seconds), seed), seconds, work).is_carried()
            });

            // A queue is short until its server is all but busy, and takes some time to grow.
            let part = found.carried / capacity;
            assert!((0.8..1.1).contains(&part), "{micros} µs: {part}");
        }
    }
}
