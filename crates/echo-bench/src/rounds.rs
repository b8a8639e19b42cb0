//! Rounds: two loads in turn, A B A B, so that what the machine does meanwhile falls on both.

use std::fmt;

use anyhow::Result;

use crate::{
    load::{Load, Sample},
    report::{count, millis},
    server::Server,
};

/// How often and how long.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rounds {
    pub(crate) rounds: usize,
    /// Of each load in each round.
    pub(crate) seconds: u64,
}

impl Rounds {
    /// Drives each side in turn, after a second of each that does not count.
    ///
    /// # Errors
    /// When a load cannot run.
    pub(crate) fn compare(self, a: (&Server, &Load), b: (&Server, &Load)) -> Result<(Series, Series)> {
        for (server, load) in [a, b] {
            load.run(server, 1)?;
        }
        self.alternate(|| a.1.run(a.0, self.seconds), || b.1.run(b.0, self.seconds))
    }

    /// Takes a sample of each in turn.
    ///
    /// # Errors
    /// The first of theirs.
    pub(crate) fn alternate(
        self,
        a: impl Fn() -> Result<Sample>,
        b: impl Fn() -> Result<Sample>,
    ) -> Result<(Series, Series)> {
        let mut both = (Series::default(), Series::default());
        for _ in 0..self.rounds {
            both.0.0.push(a()?);
            both.1.0.push(b()?);
        }
        Ok(both)
    }
}

/// The samples of one side.
#[derive(Debug, Default)]
pub(crate) struct Series(pub(crate) Vec<Sample>);

impl Series {
    /// Requests per second.
    pub(crate) fn rate(&self) -> Spread {
        self.spread(|sample| sample.summary.requests as f64 * 1e6 / sample.summary.micros as f64)
    }

    /// Of the latency, in milliseconds.
    pub(crate) fn p99(&self) -> Spread {
        self.spread(|sample| sample.summary.p99_micros as f64 / 1e3)
    }

    /// What the server spent per request, in microseconds.
    pub(crate) fn cpu(&self) -> Spread {
        self.spread(|sample| sample.cpu.as_secs_f64() * 1e6 / sample.summary.requests as f64)
    }

    pub(crate) fn failed(&self) -> u64 {
        self.0.iter().map(|sample| sample.summary.failed).sum()
    }

    fn spread(&self, value: impl Fn(&Sample) -> f64) -> Spread {
        Spread::of(self.0.iter().map(value))
    }
}

/// `51,200/s (50,100–52,000), 14 µs`
impl fmt::Display for Series {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rate = self.rate();
        let (median, least, most) = (count(rate.median), count(rate.least), count(rate.most));
        write!(f, "{median}/s ({least}–{most}), {:.0} µs", self.cpu().median)?;
        match self.failed() {
            0 => Ok(()),
            failed => write!(f, ", {failed} FAILED"),
        }
    }
}

/// What several measurements of the same came to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Spread {
    pub(crate) median: f64,
    pub(crate) least: f64,
    pub(crate) most: f64,
}

impl Spread {
    pub(crate) fn of(values: impl IntoIterator<Item = f64>) -> Self {
        let mut values: Vec<f64> = values.into_iter().collect();
        values.sort_by(f64::total_cmp);
        let at = |index: usize| values.get(index).copied().unwrap_or(f64::NAN);
        let (half, last) = (values.len() / 2, values.len().saturating_sub(1));
        let median = if values.len() % 2 == 1 { at(half) } else { f64::midpoint(at(half.saturating_sub(1)), at(half)) };
        Self { median, least: at(0), most: at(last) }
    }

    /// `2.1 ms (1.9–2.4)`, of milliseconds.
    pub(crate) fn in_millis(self) -> String {
        format!("{} ms ({}–{})", millis(self.median), millis(self.least), millis(self.most))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use crate::load::Summary;

    use super::*;

    fn sample(requests: u64) -> Sample {
        let summary = Summary { requests, micros: 2_000_000, failed: 0, p50_micros: 900, p99_micros: 2100 };
        Sample { summary, cpu: Duration::from_secs(1) }
    }

    #[test]
    fn the_median_is_the_middle_or_between_the_two() {
        assert_eq!(Spread::of([3.0, 1.0, 9.0]), Spread { median: 3.0, least: 1.0, most: 9.0 });
        assert!((Spread::of([1.0, 2.0, 4.0, 9.0]).median - 3.0).abs() < 1e-9);
        assert!(Spread::of([]).median.is_nan());
    }

    #[test]
    fn a_series_tells_its_rate_and_its_cost() {
        let series = Series(vec![sample(20_000), sample(40_000), sample(100_000)]);

        assert_eq!(series.to_string(), "20,000/s (10,000–50,000), 25 µs");
    }

    #[test]
    fn a_series_tells_what_failed() {
        let mut failing = sample(20_000);
        failing.summary.failed = 2;

        assert!(Series(vec![failing]).to_string().ends_with(", 2 FAILED"));
    }

    #[test]
    fn sides_take_turns() {
        let order = std::cell::RefCell::new(String::new());
        let take = |side| {
            order.borrow_mut().push(side);
            Ok(sample(1))
        };

        Rounds { rounds: 2, seconds: 1 }.alternate(|| take('A'), || take('B')).unwrap();

        assert_eq!(order.into_inner(), "ABAB");
    }
}
