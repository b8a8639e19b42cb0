//! Two processes of one Echo, beside an Echo of one process: what a request costs must not grow with their number.

use anyhow::{Context, Result};

use super::mixed;
use crate::{
    Bench, client,
    data::{self, Size},
    load::{Load, Sample, Summary},
    report::{Line, Target, Unit},
    server::Server,
};

/// An Echo, and the same work for it: reads alone, and reads among writes.
struct Echo {
    processes: Vec<Server>,
    reads: Load,
    mixed: Load,
}

pub(super) fn run(bench: &Bench) -> Result<Vec<Line>> {
    let (one, two) = (echo(bench, 1)?, echo(bench, 2)?);
    Ok(vec![
        compare(bench, "reads", (&one, &one.reads), (&two, &two.reads))?,
        compare(bench, "reads, and every tenth request a write", (&one, &one.mixed), (&two, &two.mixed))?,
    ])
}

/// An Echo of `n` processes, with the small data set.
fn echo(bench: &Bench, n: usize) -> Result<Echo> {
    let data = data::of(Size::SMALL, &bench.folder)?;
    let backing = bench.backing(&data)?;
    let start = |_| Server::echod(&bench.echod, &data, backing.clone());
    let processes = (0..n).map(start).collect::<Result<Vec<_>>>()?;
    let tokens = client::tokens(processes.first().context("no process")?, Load::CONNECTIONS)?;
    let (reads, mixed) = mixed::loads(&tokens);
    Ok(Echo { processes, reads, mixed })
}

fn compare(bench: &Bench, what: &str, one: (&Echo, &Load), two: (&Echo, &Load)) -> Result<Line> {
    Bench::say(&format!("processes: {what}"));
    for (echo, load) in [one, two] {
        drive(echo, load, 1)?;
    }
    let seconds = bench.rounds.seconds;
    let (one, two) = bench.rounds.alternate(|| drive(one.0, one.1, seconds), || drive(two.0, two.1, seconds))?;
    let ratio = two.cpu().median / one.cpu().median;
    let detail = format!("one process {one}; two {two}");
    let what = format!("processor time per request at two processes, of that at one: {what}");
    let failed = one.failed() + two.failed();
    Ok(Line { failed, ..Line::new(what, Target::AtMost(1.2), ratio, Unit::Ratio, detail) })
}

/// The load, shared out among the processes: what they did together.
fn drive(echo: &Echo, load: &Load, seconds: u64) -> Result<Sample> {
    let part = Load { connections: load.connections / echo.processes.len(), ..load.clone() };
    let cpu = || echo.processes.iter().map(Server::cpu).sum::<Result<std::time::Duration>>();
    let before = cpu()?;
    let running: Vec<_> = echo.processes.iter().map(|process| part.start(process, seconds)).collect::<Result<_>>()?;
    let summaries = running.into_iter().map(crate::load::Running::wait).collect::<Result<Vec<_>>>()?;
    Ok(Sample { summary: Summary::together(&summaries), cpu: cpu()?.saturating_sub(before) })
}
