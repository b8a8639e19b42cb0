//! What was found, for people and for programs.

use std::{fmt::Write, path::PathBuf, time::Duration};

use anyhow::Result;
use indicatif::{HumanBytes, HumanCount};
use serde_json::{Value, json};

use super::{
    load::Run,
    machine::Machine,
    mix::{Kind, Mix},
    search::Found,
    trial::Trial,
    usage::Usage,
    verdict::{self, Limit},
};

/// One kind of request, as often as it is answered.
pub(super) struct Alone {
    pub(super) kind: Kind,
    pub(super) run: Run,
    pub(super) usage: Usage,
}

impl Alone {
    /// Processor time of the server per request, in seconds.
    pub(super) fn cost(&self) -> f64 {
        self.usage.server / self.run.rate()
    }

    fn took(&self, percent: usize) -> f64 {
        millis(self.run.percentile(percent, |_| true))
    }
}

pub(super) struct Report {
    pub(super) machine: Machine,
    /// Whose disk it is.
    pub(super) place: PathBuf,
    pub(super) people: u32,
    pub(super) posts: u32,
    pub(super) seconds: u64,
    pub(super) mix: Mix,
    pub(super) alone: Vec<Alone>,
    pub(super) found: Found,
    /// The most that was carried, when it was looked at for longer; `None` when nothing was.
    pub(super) carried: Option<Trial>,
    /// The least that was not.
    pub(super) too_much: Trial,
    pub(super) limit: Limit,
}

impl Report {
    /// How many people's requests that many are in the busiest hour.
    fn people_of(&self, rate: f64) -> f64 {
        rate / self.mix.rate_of_one()
    }

    /// The part of the server's processor time that the mix spends on each kind, largest first.
    fn parts(&self) -> Vec<(Kind, f64)> {
        let spent = |alone: &Alone| self.mix.share(alone.kind) * alone.cost();
        let all: f64 = self.alone.iter().map(spent).sum();
        let mut parts: Vec<_> = self.alone.iter().map(|alone| (alone.kind, spent(alone) / all)).collect();
        parts.sort_by(|one, other| other.1.total_cmp(&one.1));
        parts
    }

    pub(super) fn text(&self) -> String {
        let mut text = self.head();
        text += &self.table();
        text += &self.verdict();
        let usage = &self.too_much.usage;
        if verdict::is_disturbed(usage, self.machine.cores) {
            let others = percent(usage.others(self.machine.cores));
            text += &format!("\nOthers used {others} of the processors meanwhile: on a quiet box it is more.\n");
        }
        text
    }

    fn head(&self) -> String {
        let Machine { model, cores, memory, fsync } = &self.machine;
        let [people, posts] = [self.people, self.posts].map(|n| HumanCount(n.into()));
        format!(
            "\nEcho {version} on {model}, {cores} cores, {memory}; the disk of {place} keeps 4 KiB in {fsync}\n\
             {people} people and {posts} posts; every setting at its default, without rate limits; {seconds} s each\n\n",
            version = env!("CARGO_PKG_VERSION"),
            memory = HumanBytes(*memory),
            place = self.place.display(),
            fsync = shown(millis(Some(*fsync))),
            seconds = self.seconds,
        )
    }

    fn table(&self) -> String {
        let mut text = format!(
            "{:<21}{:>9}{:>9}{:>9}{:>9}{:>9}{:>11}\n{:<21}{:>9}{:>9}{:>9}{:>9}{:>9}{:>11}\n",
            "", "alone,", "", "", "CPU of", "a day,", "together,", "", "a second", "p50", "p99", "one", "each", "p99",
        );
        for alone in &self.alone {
            let [p50, p99] = [50, 99].map(|percent| shown(alone.took(percent)));
            let (rate, cost) = (count(alone.run.rate()), shown(alone.cost() * 1e3));
            let together = self.together(alone.kind).map_or_else(|| "–".to_owned(), shown);
            let (name, times) = (alone.kind.name(), self.mix.times(alone.kind));
            // Writing to a string cannot fail.
            let _ = writeln!(text, "{name:<21}{rate:>9}{p50:>9}{p99:>9}{cost:>9}{times:>9}{together:>11}");
        }
        text
    }

    /// The p99 of a kind in what was carried, in milliseconds.
    fn together(&self, kind: Kind) -> Option<f64> {
        let took = self.carried.as_ref()?.run.percentile(99, |it| it == kind)?;
        Some(millis(Some(took)))
    }

    fn verdict(&self) -> String {
        let signs = self.too_much.signs().join(", ");
        let limit = self.told();
        let Some(carried) = &self.carried else {
            return format!("\nThis box carries nobody: {signs}.\nFirst to give out: {limit}.\n");
        };
        let [least, most] = [self.found.carried, self.found.refused].map(|rate| about(self.people_of(rate)));
        format!(
            "\nThis box carries about {least} people a day who do as in the table, {peak} % of it in the busiest hour:\n  \
               {rate} requests a second then, p99 {quick}; sign-ins and pictures, which take longer, {heavy};\n  \
               Echo had {memory} in memory at most\n\n\
             With {most}, {signs}.\nFirst to give out: {limit}.\n",
            peak = self.mix.peak(),
            rate = count(carried.rate),
            quick = shown(millis(carried.quick())),
            heavy = shown(millis(carried.heavy())),
            memory = HumanBytes(self.too_much.usage.most_memory.max(carried.usage.most_memory)),
        )
    }

    /// What gives out first, and what shows it.
    fn told(&self) -> String {
        let (usage, cores) = (&self.too_much.usage, self.machine.cores as f64);
        let [server, client] = [usage.server, usage.client].map(|busy| percent(busy / cores));
        let parts = self
            .parts()
            .into_iter()
            .take(2)
            .map(|(kind, part)| format!("{} of that for {}", percent(part), kind.name()));
        let parts = parts.collect::<Vec<_>>().join(", ");
        match self.limit {
            Limit::Processor => format!(
                "the processor, {busy} of it busy: {server} by Echo ({parts}),\n  {client} by the client, which had to run \
                 beside it here: clients elsewhere leave that to Echo",
                busy = percent(usage.busy),
            ),
            Limit::Client => format!(
                "the client, which makes these requests on half of the cores: Echo used {server} of the\n  processor, and \
                 carries more than this command can ask of it"
            ),
            Limit::Disk => format!(
                "the disk, at which the database was for {} of the time, writing commits",
                percent(usage.disk.unwrap_or_default())
            ),
            Limit::Memory => format!(
                "memory, {} of it in use; Echo had {} at most",
                percent(usage.memory),
                HumanBytes(usage.most_memory)
            ),
            Limit::Passwords => "the threads for passwords, with a full queue".to_owned(),
            Limit::Pictures => "the threads for pictures, with a full queue".to_owned(),
            Limit::Unknown => format!(
                "nothing that can be seen: processors {}, memory {}, disk {}",
                percent(usage.busy),
                percent(usage.memory),
                usage.disk.map_or_else(|| "not known".to_owned(), percent)
            ),
        }
    }

    pub(super) fn json(&self) -> Result<String> {
        let Machine { model, cores, memory, fsync } = &self.machine;
        let report = json!({
            "version": env!("CARGO_PKG_VERSION"),
            "machine": {"model": model, "cores": cores, "memoryBytes": memory, "fsyncMillis": millis(Some(*fsync)),
                "folder": self.place},
            "data": {"people": self.people, "posts": self.posts},
            "seconds": self.seconds,
            "mix": self.mix.json(),
            "alone": self.alone.iter().map(|alone| self.alone_json(alone)).collect::<Value>(),
            "people": self.people_of(self.found.carried).floor(),
            "peopleRefused": self.people_of(self.found.refused).floor(),
            "carried": self.carried.as_ref().map(|trial| self.trial_json(trial)),
            "tooMuch": self.trial_json(&self.too_much),
            "limit": self.limit.code(),
        });
        Ok(serde_json::to_string_pretty(&report)?)
    }

    fn alone_json(&self, alone: &Alone) -> Value {
        json!({"kind": alone.kind.name(), "perSecond": alone.run.rate(), "p50Millis": alone.took(50),
            "p99Millis": alone.took(99), "serverCpuMillis": alone.cost() * 1e3,
            "togetherP99Millis": self.together(alone.kind)})
    }

    fn trial_json(&self, trial: &Trial) -> Value {
        let Usage { server, client, busy, disk, memory, most_memory } = trial.usage;
        let (turned_away, failed) = (trial.run.turned_away(|_| true), trial.run.failed());
        json!({"perSecond": trial.rate, "quickP99Millis": millis(trial.quick()), "heavyP99Millis": millis(trial.heavy()),
            "answered": trial.run.done.len() - turned_away - failed, "turnedAway": turned_away,
            "failed": failed, "notSent": trial.run.given_up, "signs": trial.signs(),
            "serverProcessors": server, "clientProcessors": client, "busy": busy,
            "othersBusy": trial.usage.others(self.machine.cores), "disk": disk, "memory": memory,
            "serverMostMemoryBytes": most_memory})
    }
}

fn millis(took: Option<Duration>) -> f64 {
    took.map_or(f64::NAN, |took| took.as_secs_f64() * 1e3)
}

/// Milliseconds, with as many digits as mean something.
fn shown(millis: f64) -> String {
    match millis {
        it if it.is_nan() => "–".to_owned(),
        it if it < 1.0 => format!("{it:.2} ms"),
        it if it < 10.0 => format!("{it:.1} ms"),
        it => format!("{it:.0} ms"),
    }
}

fn percent(part: f64) -> String {
    format!("{:.0} %", part * 100.0)
}

fn count(value: f64) -> String {
    if value < 10.0 { format!("{value:.1}") } else { HumanCount(whole(value)).to_string() }
}

/// To two digits, downwards: the third means nothing.
fn about(value: f64) -> String {
    let digit = 10_f64.powf((value.max(1.0).log10().floor() - 1.0).max(0.0));
    HumanCount(whole((value / digit).floor() * digit)).to_string()
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a float becomes the nearest that there is"
)]
fn whole(value: f64) -> u64 {
    value as u64
}

#[cfg(test)]
mod tests {
    use super::{
        super::{
            load::{Done, Outcome},
            mix::tests::mix,
            trial::tests::{IDLE, trial},
        },
        *,
    };

    fn alone(kind: Kind, millis: u64, server: f64) -> Alone {
        let done = Done { kind, outcome: Outcome::Answered, took: Duration::from_millis(millis) };
        let run = Run { done: vec![done; 12_345], elapsed: Duration::from_secs(3), given_up: 0 };
        Alone { kind, run, usage: Usage { server, ..IDLE } }
    }

    fn report() -> Report {
        let gibibytes = 4 << 30;
        let fsync = Duration::from_micros(870);
        let machine = Machine { model: "A processor".to_owned(), cores: 2, memory: gibibytes, fsync };
        let usage = Usage { server: 1.66, client: 0.24, busy: 0.97, ..IDLE };
        Report {
            machine,
            place: "/srv/echo".into(),
            people: 1000,
            posts: 5000,
            seconds: 3,
            mix: mix(),
            alone: vec![alone(Kind::Feed, 2, 1.0), alone(Kind::SignIn, 40, 80.0)],
            found: Found { carried: 100.0, refused: 109.0 },
            carried: Some(trial(|kind| if kind.is_heavy() { 310 } else { 12 })),
            too_much: Trial { usage, ..trial(|_| 400) },
            limit: Limit::Processor,
        }
    }

    #[test]
    fn a_report_says_how_it_was_measured_how_many_and_why_not_more() {
        assert_eq!(
            report().text(),
            "
Echo 0.1.0 on A processor, 2 cores, 4.00 GiB; the disk of /srv/echo keeps 4 KiB in 0.87 ms
1,000 people and 5,000 posts; every setting at its default, without rate limits; 3 s each

                        alone,                     CPU of   a day,  together,
                      a second      p50      p99      one     each        p99
feed reads               4,115   2.0 ms   2.0 ms  0.24 ms       60      12 ms
sign-ins                 4,115    40 ms    40 ms    19 ms     0.75     310 ms

This box carries about 24,000 people a day who do as in the table, 10 % of it in the busiest hour:
  100 requests a second then, p99 12 ms; sign-ins and pictures, which take longer, 310 ms;
  Echo had 64.00 MiB in memory at most

With 26,000, p99 of quick requests was 400 ms.
First to give out: the processor, 97 % of it busy: 83 % by Echo (50 % of that for feed reads, 50 % of that for sign-ins),
  12 % by the client, which had to run beside it here: clients elsewhere leave that to Echo.
"
        );
    }

    #[test]
    fn a_box_that_carries_nobody_and_others_who_disturb_are_told() {
        let mut report = Report { carried: None, limit: Limit::Unknown, ..report() };
        report.too_much.usage.server = 1.0;

        let text = report.text();

        assert!(text.contains("This box carries nobody: p99 of quick requests was 400 ms."), "{text}");
        assert!(text.contains("nothing that can be seen: processors 97 %, memory 30 %, disk 0 %"), "{text}");
        assert!(text.contains("Others used 35 % of the processors meanwhile"), "{text}");
    }

    #[test]
    fn figures_are_readable() {
        assert_eq!([0.0417, 4.23, 61.4, f64::NAN].map(shown), ["0.04 ms", "4.2 ms", "61 ms", "–"]);
        assert_eq!([3.24, 41_200.4].map(count), ["3.2", "41,200"]);
    }

    #[test]
    fn people_are_told_to_two_digits_and_never_too_many() {
        assert_eq!(
            [0.0, 0.7, 7.9, 99.0, 12_999.0, 1_290_000.0].map(about),
            ["0", "0", "7", "99", "12,000", "1,200,000"]
        );
    }
}
