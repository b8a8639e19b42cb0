//! `echod migrate`

mod compared;
mod moving;

use anyhow::Result;
use clap::Args;
use echo_sqlite::Planned;

use crate::{config::Settings, data_dir::DataDir, system::say};

use moving::Destination;

#[derive(Debug, Args)]
#[command(after_help = "Without --to, it does what serving does at its start, unless MIGRATE is off. Each step is a \
    transaction of its own: one that is interrupted has changed nothing. There is no way back but a backup, so take one \
    before.\n\n\
    With --to, everything moves into an empty store, while an echod with READ_ONLY=on may go on to serve what is read. It \
    can be interrupted, and goes on when it is started again. Then both sides are compared, record by record. Images and \
    keys stay in the data folder. docs/operations.md tells more.\n\n\
    Examples:\n  \
    echod migrate --plan                                             what a newer echod will do to the database\n  \
    echod migrate --to mongodb://localhost/echo                      from the data folder into MongoDB\n  \
    MONGODB_URI=mongodb://localhost/echo echod migrate --to sqlite   and back")]
pub(crate) struct Migrate {
    /// Only say what would be done, on how many rows, and how long that takes
    #[arg(long)]
    plan: bool,
    /// Move everything from the data folder to mongodb://…; or to sqlite, the data folder, from where MONGODB_URI says
    #[arg(long, value_name = "WHERE", conflicts_with = "plan")]
    to: Option<Destination>,
}

/// Brings the database up to date, says what that would do, or moves everything.
///
/// # Errors
/// In one line, also when the folder is being used: an older Echo does not know what becomes of its tables.
pub(crate) fn run(settings: &Settings, asked: &Migrate) -> Result<()> {
    settings.check()?;
    match &asked.to {
        Some(to) => moving::run(settings, to),
        None => bring_up_to_date(settings, asked.plan),
    }
}

fn bring_up_to_date(settings: &Settings, only_plan: bool) -> Result<()> {
    settings.require_folder("migrate", "MongoDB is brought up to date at each start")?;
    let data = DataDir::found(&settings.data.data_dir)?;
    let served = (!only_plan).then(|| data.alone()).transpose()?;
    let planned = echo_sqlite::plan(&data.database())?;
    for step in &planned {
        say(&told(step))?;
    }
    match (served, planned.is_empty()) {
        (_, true) => say("The database is up to date.")?,
        (None, false) => say("Nothing was done. `echod migrate` does it, and so does a start; take a backup before.")?,
        (Some(_), false) => {
            echo_sqlite::migrate(&data.database())?;
            say("Done.")?;
        }
    }
    Ok(())
}

fn told(Planned { version, name, rows, roughly }: &Planned) -> String {
    format!("{version:>4}  {name:<24} {rows:>10} rows, about {roughly:.0?}")
}
