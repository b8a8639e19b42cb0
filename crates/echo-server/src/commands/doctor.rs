//! `echod doctor`

mod files;
mod report;

use std::{process::ExitCode, sync::Arc};

use anyhow::Result;
use clap::Args;
use echo_domain::{
    Clock,
    doctor::{Checked, Cure, DATABASE, Doctor, Examination},
};
use echo_media::BlobFolder;
use echo_sqlite::{Database, OpenError, Options, SqliteDoctor};

use crate::{
    assemble::Place,
    config::Settings,
    data_dir::DataDir,
    progress,
    system::{SystemClock, say},
};

use report::Report;

#[derive(Debug, Args)]
#[command(
    after_help = "Looks at SQLite's own checks, counts against a recount, records of what is gone, images without a \
    file and files without a record, the search for people, and events that wait. It reads everything once. What a \
    waiting event is still to do is not wrong. Without --repair, it changes nothing.\n\n\
    Exits with 0 when everything fits together, else with 1. docs/operations.md has what each check means."
)]
pub(crate) struct DoctorArgs {
    /// Mend what can be mended, and look again
    #[arg(long)]
    repair: bool,
    /// Report in JSON
    #[arg(long)]
    json: bool,
}

/// Looks through the data folder, whether or not it is being served. Exits with 1 when something is wrong.
///
/// # Errors
/// In one line, when it cannot look.
pub(crate) fn run(settings: &Settings, asked: &DoctorArgs) -> Result<ExitCode> {
    settings.check()?;
    settings.require_folder("doctor", "unset MONGODB_URI to look after the folder")?;
    let data = DataDir::found(&settings.data.data_dir)?;
    if asked.repair {
        data.require_changeable()?;
    }
    let waiting = progress::waiting("Looking through everything");
    // Elsewhere there are no files to compare with.
    let images = (Place::of(settings)? == Place::Files).then(|| BlobFolder(data.media()));
    let report = look(&data, images.as_ref(), asked.repair);
    waiting.finish_and_clear();
    let report = match report {
        // What keeps it from being opened is a finding like any other.
        Err(error) if matches!(error.downcast_ref(), Some(OpenError::Damaged { .. })) => damaged(&data, &error),
        report => report?,
    };
    say(&if asked.json { report.json()? } else { report.text() })?;
    Ok(if report.is_healthy() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn look(data: &DataDir, images: Option<&BlobFolder>, repair: bool) -> Result<Report> {
    data.require_schema()?;
    let database = Database::open(&data.database(), Options { readers: 1, ..Options::default() })?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let report = runtime.block_on(examine(data, &database, images, repair));
    database.close();
    report
}

async fn examine(
    data: &DataDir,
    database: &Arc<Database>,
    images: Option<&BlobFolder>,
    repair: bool,
) -> Result<Report> {
    let doctor = SqliteDoctor(database.clone());
    let mut mended = Vec::new();
    if repair {
        mended = doctor.mend(SystemClock.now()).await?;
    }
    let now = SystemClock.now();
    let mut examination = doctor.examine(now).await?;
    if let Some(images) = images
        && examination.is_readable()
    {
        if repair {
            mended.extend(files::mend(&doctor, images).await);
        }
        examination.checks.extend(files::check(&doctor, images).await);
    }
    Ok(Report { now, served: data.is_served(), mended, examination })
}

fn damaged(data: &DataDir, error: &anyhow::Error) -> Report {
    let database = Checked {
        name: DATABASE,
        what: "damages of the database's file",
        wrong: 1,
        examples: vec![error.to_string()],
        cure: Cure::Restore,
    };
    let examination = Examination { checks: vec![database], lags: Vec::new() };
    Report { now: SystemClock.now(), served: data.is_served(), mended: Vec::new(), examination }
}
