//! An Echo of several processes, beside an Echo of one that does the same work.

use std::{thread, time::Duration};

use anyhow::{Context, Result};

use crate::{
    Bench,
    load::{Load, Running, Sample, Summary},
    report::{Line, Target, Unit},
    server::Server,
};

/// Processes of one Echo.
pub(super) struct Several {
    /// Those that are asked, in equal parts.
    pub(super) asked: Vec<Server>,
    /// Those that do something for these.
    pub(super) behind: Vec<Server>,
}

impl Several {
    /// How long to look at what goes on without requests.
    const IDLE: Duration = Duration::from_secs(5);

    /// Any that can be asked.
    ///
    /// # Errors
    /// When there is none.
    pub(super) fn first(&self) -> Result<&Server> {
        self.asked.first().context("no process")
    }

    /// Processor time of all in a second without any request.
    fn idle(&self) -> Result<Duration> {
        let before = self.cpu()?;
        thread::sleep(Self::IDLE);
        Ok(self.cpu()?.saturating_sub(before).div_f64(Self::IDLE.as_secs_f64()))
    }

    /// Drives those that are asked: what all did together for that, beyond what they do in any second.
    fn drive(&self, load: &Load, seconds: u64, idle: Duration) -> Result<Sample> {
        let part = Load { connections: load.connections / self.asked.len(), ..load.clone() };
        let before = self.cpu()?;
        let running: Vec<_> = self.asked.iter().map(|it| part.start(it, seconds)).collect::<Result<_>>()?;
        let summaries = running.into_iter().map(Running::wait).collect::<Result<Vec<_>>>()?;
        let summary = Summary::together(&summaries);
        let anyway = idle.mul_f64(summary.micros as f64 / 1e6);
        Ok(Sample { summary, cpu: self.cpu()?.saturating_sub(before + anyway) })
    }

    fn cpu(&self) -> Result<Duration> {
        self.asked.iter().chain(&self.behind).map(Server::cpu).sum()
    }
}

/// What a request costs beyond what goes on without any, in processor time, of what it costs an Echo of one process.
pub(super) fn compare(
    bench: &Bench,
    what: String,
    (one, one_load): (&Several, &Load),
    (several, several_load): (&Several, &Load),
    most: f64,
) -> Result<Line> {
    let idle = [one.idle()?, several.idle()?];
    one.drive(one_load, 1, idle[0])?;
    several.drive(several_load, 1, idle[1])?;
    let seconds = bench.rounds.seconds;
    let (alone, apart) = bench
        .rounds
        .alternate(|| one.drive(one_load, seconds, idle[0]), || several.drive(several_load, seconds, idle[1]))?;
    let ratio = apart.cpu().median / alone.cpu().median;
    let detail = format!("one process {alone}; several {apart}");
    let failed = alone.failed() + apart.failed();
    Ok(Line { failed, ..Line::new(what, Target::AtMost(most), ratio, Unit::Ratio, detail) })
}
