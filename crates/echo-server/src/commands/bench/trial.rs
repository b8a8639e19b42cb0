//! So many people at once: does Echo carry them?

use std::{sync::Arc, time::Duration};

use anyhow::Result;

use super::{
    crowd::Crowd,
    load::{self, Run},
    mix::{Kind, Mix},
    server::Server,
    usage::{Usage, Watch},
};

/// Within this, 99 of 100 requests are to be answered,
pub(super) const QUICK: Duration = Duration::from_millis(250);
/// but for those that people expect to wait for.
pub(super) const HEAVY: Duration = Duration::from_secs(1);
/// So long after the last request, what follows from writes is to be done.
const REST: Duration = Duration::from_secs(2);

/// What came of a rate of requests.
pub(super) struct Trial {
    /// That was asked for, per second.
    pub(super) rate: f64,
    pub(super) run: Run,
    pub(super) usage: Usage,
    /// How long the server went on afterwards.
    pub(super) rest: Duration,
}

impl Trial {
    /// # Errors
    /// When Echo cannot be reached.
    pub(super) async fn make(
        (server, crowd, mix): (&Server, &Arc<Crowd>, &Mix),
        rate: f64,
        time: Duration,
        seed: u32,
    ) -> Result<Self> {
        let watch = Watch::start(server).await?;
        let run = load::together(server.address, crowd, load::arrivals(mix, rate, time, seed)).await?;
        let usage = watch.stop(server).await?;
        Ok(Self { rate, run, usage, rest: server.rests().await? })
    }

    /// Of everything that is not heavy.
    pub(super) fn quick(&self) -> Option<Duration> {
        self.run.percentile(99, |kind| !kind.is_heavy())
    }

    pub(super) fn heavy(&self) -> Option<Duration> {
        self.run.percentile(99, Kind::is_heavy)
    }

    pub(super) fn is_carried(&self) -> bool {
        self.signs().is_empty()
    }

    /// By what it shows that this was too much.
    pub(super) fn signs(&self) -> Vec<String> {
        let late = |what: &str, took: Option<Duration>, limit| {
            took.filter(|took| *took > limit).map(|took| format!("p99 of {what} was {} ms", took.as_millis()))
        };
        let some = |n: usize, what| (n > 0).then(|| format!("{n} {what}"));
        [
            late("quick requests", self.quick(), QUICK),
            late("sign-ins and pictures", self.heavy(), HEAVY),
            some(self.run.turned_away(|_| true), "requests were turned away"),
            some(self.run.failed(), "requests failed"),
            some(self.run.given_up, "were not even sent"),
            self.run.done.is_empty().then(|| "nobody came".to_owned()),
            (self.rest > REST).then(|| format!("the server went on for {:.1} s", self.rest.as_secs_f64())),
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::{
        super::load::{Done, Outcome},
        *,
    };

    pub(in crate::commands::bench) const IDLE: Usage =
        Usage { server: 0.0, client: 0.0, busy: 0.0, disk: Some(0.0), memory: 0.3, most_memory: 1 << 26 };

    /// A hundred requests of each kind that took so many milliseconds.
    pub(in crate::commands::bench) fn trial(took: impl Fn(Kind) -> u64) -> Trial {
        let done = |kind| Done { kind, outcome: Outcome::Answered, took: Duration::from_millis(took(kind)) };
        let done = Kind::ALL.into_iter().flat_map(|kind| [done(kind); 100]).collect();
        let run = Run { done, elapsed: Duration::from_secs(7), given_up: 0 };
        Trial { rate: 100.0, run, usage: IDLE, rest: Duration::ZERO }
    }

    #[test]
    fn quick_requests_have_250_ms_and_heavy_ones_a_second() {
        let slow = |slow: Kind, millis| trial(move |kind| if kind == slow { millis } else { 3 });

        assert!(trial(|_| 250).is_carried());
        assert_eq!(slow(Kind::Like, 251).signs(), ["p99 of quick requests was 251 ms"]);
        assert!(slow(Kind::SignIn, 1000).is_carried());
        assert_eq!(slow(Kind::Upload, 1001).signs(), ["p99 of sign-ins and pictures was 1001 ms"]);
    }

    #[test]
    fn nothing_may_be_turned_away_fail_be_given_up_or_be_left_to_do() {
        for (outcome, sign) in
            [(Outcome::TurnedAway, "1 requests were turned away"), (Outcome::Failed(Some(500)), "1 requests failed")]
        {
            let mut one = trial(|_| 3);
            one.run.done[7].outcome = outcome;
            assert_eq!(one.signs(), [sign]);
        }
        let mut given_up = trial(|_| 3);
        given_up.run.given_up = 2;
        assert!(!given_up.is_carried());
        assert!(!Trial { rest: Duration::from_secs(3), ..trial(|_| 3) }.is_carried());
    }
}
