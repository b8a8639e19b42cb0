//! `echod migrate`

use anyhow::Result;
use clap::Args;
use echo_sqlite::Planned;

use crate::{config::Settings, data_dir::DataDir, system::say};

#[derive(Debug, Args)]
#[command(
    after_help = "Serving does the same at its start, unless MIGRATE is off. Each step is a transaction of its own: \
    one that is interrupted has changed nothing. There is no way back but a backup, so take one before."
)]
pub(crate) struct Migrate {
    /// Only say what would be done, on how many rows, and how long that takes
    #[arg(long)]
    plan: bool,
}

/// Brings the database up to date, or says what that would do.
///
/// # Errors
/// In one line, also when the folder is being used: an older Echo does not know what becomes of its tables.
pub(crate) fn run(settings: &Settings, asked: &Migrate) -> Result<()> {
    settings.check()?;
    let data = DataDir::found(&settings.data.data_dir)?;
    let served = (!asked.plan).then(|| data.alone()).transpose()?;
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
