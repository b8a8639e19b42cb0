//! `echo-bench`: how fast Echo is, beside what bounds it. See this crate's README.

mod bare;
mod client;
mod counted;
mod data;
mod load;
mod machine;
mod report;
mod rounds;
mod scenario;
mod server;
mod shape;

use std::{
    fs,
    io::{Write, stderr, stdout},
    path::{Path, PathBuf},
    process::Command,
    rc::Rc,
};

use anyhow::{Context, Result, bail, ensure};
use clap::Parser;

use crate::{
    bare::Bare,
    counted::Counted,
    data::Size,
    machine::Machine,
    report::Report,
    rounds::Rounds,
    scenario::Scenario,
    server::Server,
    shape::{Backing, Mongod, Shape},
};

/// Measures Echo on this machine. Needs wrk: apt-get install wrk
#[derive(Debug, Parser)]
#[command(name = "echo-bench", version)]
struct Cli {
    #[command(subcommand)]
    what: Option<What>,
    #[command(flatten)]
    settings: Settings,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Everything, which is the default
    All,
    #[command(flatten)]
    One(Scenario),
    #[command(hide = true)]
    Bare(Bare),
    #[command(hide = true)]
    Counted(Counted),
}

#[derive(Debug, clap::Args)]
struct Settings {
    /// How long each load runs in each round
    #[arg(long, default_value_t = 5, global = true, value_parser = clap::value_parser!(u64).range(1..=600))]
    seconds: u64,
    /// How often each load runs
    #[arg(long, default_value_t = 5, global = true, value_parser = clap::value_parser!(u32).range(1..=100))]
    rounds: u32,
    /// People in the large data set
    #[arg(long, default_value_t = 100_000, global = true, value_parser = clap::value_parser!(u32).range(100..))]
    people: u32,
    /// Posts in the large data set
    #[arg(long, default_value_t = 1_000_000, global = true, value_parser = clap::value_parser!(u32).range(1000..))]
    posts: u32,
    /// Which Echo is measured
    #[arg(long, value_enum, default_value_t = Shape::Embedded, global = true)]
    shape: Shape,
    #[command(flatten)]
    mongod: Mongod,
    /// Folder for data sets, which stay there for the next time; else a temporary one
    #[arg(long, value_name = "DIR", global = true)]
    data: Option<PathBuf>,
    /// Also write the report there, as JSON
    #[arg(long, value_name = "FILE", global = true)]
    json: Option<PathBuf>,
}

/// What every scenario stands on.
pub(crate) struct Bench {
    pub(crate) rounds: Rounds,
    /// The larger of the two sizes that are compared.
    pub(crate) large: Size,
    /// Where data is. Its disk is the one that is measured.
    pub(crate) folder: PathBuf,
    pub(crate) echod: PathBuf,
    pub(crate) shape: Shape,
    mongod: Mongod,
}

impl Bench {
    /// Tells how far it has come.
    pub(crate) fn say(text: &str) {
        // When nobody listens, it goes on all the same.
        let _ = writeln!(stderr(), "bench: {text}");
    }

    /// Starts `echod` with what a data folder has.
    ///
    /// # Errors
    /// When it, or what it stands on, does not start.
    pub(crate) fn serve(&self, data: &Path) -> Result<Server> {
        Server::echod(&self.echod, data, self.backing(data)?, &[])
    }

    /// What the cluster stands on, with what a data folder has; `None` where that folder is all it takes.
    ///
    /// # Errors
    /// When it does not start.
    pub(crate) fn backing(&self, data: &Path) -> Result<Option<Rc<Backing>>> {
        if self.shape == Shape::Embedded {
            return Ok(None);
        }
        let backing = Backing::start(&self.mongod, &self.folder)?;
        Self::say("moving the data to MongoDB");
        backing.fill(&self.echod, data)?;
        Ok(Some(Rc::new(backing)))
    }
}

fn main() -> Result<()> {
    let Cli { what, settings } = Cli::parse();
    match what.unwrap_or(What::All) {
        What::Bare(bare) => bare.serve(),
        What::Counted(counted) => counted.serve(),
        What::All => run(&settings, Scenario::all(settings.shape)),
        What::One(scenario) => run(&settings, &[scenario]),
    }
}

fn run(settings: &Settings, scenarios: &[Scenario]) -> Result<()> {
    if let Some(other) = scenarios.iter().find(|scenario| !Scenario::all(settings.shape).contains(scenario)) {
        bail!("{other:?} is not measured on --shape {:?}", settings.shape);
    }
    let temporary = tempfile::tempdir()?;
    let folder = settings.data.as_deref().unwrap_or(temporary.path());
    fs::create_dir_all(folder)?;
    let echod = if scenarios.iter().any(|scenario| scenario.needs_echod()) { echod()? } else { PathBuf::new() };
    let bench = Bench {
        rounds: Rounds { rounds: settings.rounds.try_into()?, seconds: settings.seconds },
        large: Size { people: settings.people.try_into()?, posts: settings.posts.try_into()? },
        folder: fs::canonicalize(folder)?,
        echod,
        shape: settings.shape,
        mongod: settings.mongod.clone(),
    };
    let machine = Machine::describe()?;
    if machine.is_busy() {
        let busy = machine.busy * 100.0;
        Bench::say(&format!("WARNING: others use {busy:.0} % of the processors. These figures will be worth little."));
    }

    let mut lines = Vec::new();
    for scenario in scenarios {
        lines.extend(scenario.run(&bench).with_context(|| format!("{scenario:?}"))?);
    }
    let report = Report { machine, rounds: bench.rounds.rounds, seconds: bench.rounds.seconds, lines };
    writeln!(stdout(), "{}", report.table())?;
    if let Some(file) = &settings.json {
        fs::write(file, serde_json::to_vec_pretty(&report)?)?;
    }
    Ok(())
}

/// Builds `echod` from the code as it is; cargo puts it beside this program.
fn echod() -> Result<PathBuf> {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let args = ["build", "--release", "--locked", "--package", "echo-server"];
    let status = Command::new("cargo").args(args).current_dir(workspace).status().context("cannot run cargo")?;
    ensure!(status.success(), "echod does not build");
    let echod = std::env::current_exe()?.with_file_name("echod");
    ensure!(echod.exists(), "{} is not there: run the bench with `cargo run --release`", echod.display());
    Ok(echod)
}
