//! `echod bench`

mod client;
mod crowd;
mod load;
mod machine;
mod mix;
mod report;
mod search;
mod server;
mod trial;
mod usage;
mod verdict;

use std::{
    io::{IsTerminal, stderr},
    path::{Path, PathBuf},
    process::Stdio,
    sync::Arc,
    time::Duration,
};

use anyhow::{Context, Result, bail, ensure};
use clap::{Args, value_parser};
use echo_domain::Clock;
use indicatif::ProgressBar;
use rustix::process::{Signal, set_parent_process_death_signal};
use tokio::runtime;

use crate::{
    config::Settings,
    interrupt::Signals,
    progress,
    system::{SystemClock, say},
};

use crowd::Crowd;
use mix::{Kind, Mix};
use report::{Alone, Report};
use search::Length;
use server::Server;
use trial::Trial;
use usage::Watch;

/// Posts of the temporary Echo, for each of its people.
const POSTS_EACH: u32 = 5;

#[derive(Debug, Args)]
#[command(
    after_help = "Starts an Echo of its own, with every setting at its default, on a folder that it makes for that in \
    DATA_DIR, so on the same disk, and removes at the end, also at Ctrl-C. Nothing of what DATA_DIR holds is read or changed. \
    It takes all of the processor for about a minute: do not run it while people use an Echo on the same box.\n\n\
    First it asks for one thing at a time, as fast as it is answered. Then people come with all of it, \
    independently of each other, and it looks for how many are carried: 99 of 100 requests are answered within \
    250 ms, or 1 s for sign-ins and posts with a picture; none is refused or fails; and when they stop, Echo has nothing left \
    to do for longer than 2 s. A request that could not be sent when it was due counts from then.\n\n\
    Client and server share this box: with clients elsewhere, it carries more. With more data it carries less. \
    docs/operations.md tells how to read it.\n\n\
    Examples:\n  \
    echod bench\n  \
    echod bench --dir /mnt/other --people 20000   another disk, more data\n  \
    echod bench --uploads 0 --feeds 200           people who read a lot and publish no pictures\n  \
    echod bench --json | jq .people"
)]
pub(crate) struct Bench {
    /// How long each of about twenty measurements takes
    #[arg(long, value_name = "SECONDS", default_value_t = 3, value_parser = value_parser!(u64).range(1..=60))]
    seconds: u64,
    /// How many people the temporary Echo has, with five posts each
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = value_parser!(u32).range(10..=100_000))]
    people: u32,
    /// Where the folder is made, and so whose disk is measured [default: DATA_DIR]
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// Report in JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    mix: Mix,
    /// Be the server that is measured
    #[arg(long, hide = true)]
    serve: bool,
}

/// Measures how many people this box carries, and says what gives out first.
///
/// # Errors
/// In one line, when it cannot be measured, or was interrupted. Then the folder is removed, too.
pub(crate) fn run(settings: Settings, asked: &Bench) -> Result<()> {
    if asked.serve {
        // It must not go on when who measures it is killed.
        set_parent_process_death_signal(Some(Signal::KILL))?;
        return super::serve::run(settings);
    }
    ensure!(
        settings.cluster.mongodb_uri().is_none(),
        "`echod bench` measures one process with its records in a folder, but MONGODB_URI is set: unset it to measure this box"
    );
    ensure!(asked.mix.requests_a_day() > 0.0, "people who do nothing can be carried by anything: give --feeds, say");
    let place = asked.dir.clone().unwrap_or_else(|| near(&settings.data.data_dir));
    // The other half is left to the server.
    let threads = (machine::cores() / 2).max(1);
    let runtime = runtime::Builder::new_multi_thread().worker_threads(threads).enable_all().build()?;
    let report = runtime.block_on(async {
        let mut signals = Signals::listen()?;
        tokio::select! {
            report = measure(asked, place, threads) => report,
            interrupted = signals.any() => Err(interrupted),
        }
    })?;
    say(&if asked.json { report.json()? } else { report.text() })?;
    Ok(())
}

/// The data folder, or what is there of the way to it.
fn near(data_dir: &Path) -> PathBuf {
    let found = data_dir.ancestors().find(|folder| folder.is_dir());
    found.unwrap_or(Path::new(".")).to_owned()
}

async fn measure(asked: &Bench, place: PathBuf, threads: usize) -> Result<Report> {
    let unusable = || format!("cannot write to {} (--dir names another folder)", place.display());
    let folder = tempfile::Builder::new().prefix("echo-bench-").tempdir_in(&place).with_context(unusable)?;
    let machine = machine::Machine::describe(folder.path()).with_context(unusable)?;
    let posts = asked.people * POSTS_EACH;
    fill(folder.path(), asked.people, posts).await?;
    let server = Server::start(folder.path()).await?;
    let bar = progress::waiting("Getting ready");
    server.rests().await?;
    let crowd = Arc::new(Crowd::gather(server.address, asked.people).await?);

    let time = Duration::from_secs(asked.seconds);
    let alone = each_alone((&server, &crowd, &asked.mix), time, &bar).await?;
    let cost: f64 =
        alone.iter().map(|it| asked.mix.share(it.kind) * (it.cost() + it.usage.client / it.run.rate())).sum();
    // About half of what all processors can do.
    let first = machine.cores as f64 / cost / 2.0;
    let (mut best, mut worst) = (None, None::<Trial>);
    let mut seed = 0;
    let found = search::highest(first, async |rate, length| {
        bar.set_message(format!("All together: {rate:.0} requests a second"));
        let time = if length == Length::Long { 2 * time } else { time };
        seed += 1;
        let trial = Trial::make((&server, &crowd, &asked.mix), rate, time, seed).await?;
        let carried = trial.is_carried();
        if carried && length == Length::Long {
            best = Some(trial);
        } else if !carried && worst.as_ref().is_none_or(|worst| trial.rate < worst.rate) {
            worst = Some(trial);
        }
        Ok(carried)
    });
    let found = found.await?;
    bar.finish_and_clear();
    drop(server);
    let too_much = worst.context("nothing was too much")?;
    let limit = verdict::first_to_give_out(&too_much, machine.cores, threads);
    folder.close().with_context(|| format!("cannot remove what was made in {}", place.display()))?;
    let place = place.canonicalize().unwrap_or(place);
    let (people, seconds, mix) = (asked.people, asked.seconds, asked.mix.clone());
    Ok(Report { machine, place, people, posts, seconds, mix, alone, found, carried: best, too_much, limit })
}

/// Makes people who follow each other, and posts that end today: what is published from now on is newer.
async fn fill(folder: &Path, people: u32, posts: u32) -> Result<()> {
    let now = jiff::Timestamp::from_millisecond(SystemClock.now().millis())?;
    let today = now.to_zoned(jiff::tz::TimeZone::UTC).date().to_string();
    let (people, posts) = (people.to_string(), posts.to_string());
    let arguments = ["seed", "--users", &people, "--posts", &posts, "--until", &today];
    server::seed(folder, &arguments, stderr().is_terminal().then(Stdio::inherit)).await
}

/// What nobody does is left out.
async fn each_alone(
    (server, crowd, mix): (&Server, &Arc<Crowd>, &Mix),
    time: Duration,
    bar: &ProgressBar,
) -> Result<Vec<Alone>> {
    let mut all = Vec::new();
    for kind in Kind::ALL.into_iter().filter(|kind| mix.times(*kind) > 0.0) {
        bar.set_message(format!("Alone: {}", kind.name()));
        if !kind.is_heavy() {
            // What it needs is then remembered, as it is where people are at it. Heavy things take as long each time.
            load::alone(server.address, crowd, kind, time / 4).await?;
        }
        let watch = Watch::start(server).await?;
        let run = load::alone(server.address, crowd, kind, time).await?;
        let usage = watch.stop(server).await?;
        if let Some(outcome) = run.first_refused() {
            bail!("of {} {}, some were {outcome}: there is nothing to measure", run.done.len(), kind.name());
        }
        server.rests().await?;
        all.push(Alone { kind, run, usage });
    }
    Ok(all)
}
