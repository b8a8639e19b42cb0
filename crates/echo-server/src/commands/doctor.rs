//! `echod doctor`

mod files;
mod report;

use std::{process::ExitCode, sync::Arc, time::Duration};

use anyhow::Result;
use clap::Args;
use echo_domain::{
    Clock,
    doctor::{Checked, Cure, DATABASE, Doctor, Examination},
};
use echo_media::BlobFolder;
use echo_mongo::{Areas, Mongo, MongoDoctor};
use echo_sqlite::{Database, OpenError, Options, SqliteDoctor};

use crate::{
    assemble::{CONSUMERS, Place},
    config::Settings,
    data_dir::DataDir,
    progress,
    system::{SystemClock, say},
};

use report::Report;

/// The likes of a post with very many are counted within one call.
const LONGEST_CALL: Duration = Duration::from_secs(90);

#[derive(Debug, Args)]
#[command(
    after_help = "Looks at SQLite's own checks, counts against a recount, records of what is gone, images without a \
    file and files without a record, the search for people, and events that wait. It reads everything, in the data folder \
    or, with MONGODB_URI, in MongoDB. What a waiting event is still to do is not wrong. Without --repair, it changes \
    nothing.\n\n\
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

/// Looks through everything that is kept, whether or not it is being served. Exits with 1 when something is wrong.
///
/// # Errors
/// In one line, when it cannot look.
pub(crate) fn run(settings: &Settings, asked: &DoctorArgs) -> Result<ExitCode> {
    settings.check()?;
    let waiting = progress::waiting("Looking through everything");
    let report = match settings.cluster.mongodb_uri() {
        Some(address) => in_mongodb(settings, address, asked.repair),
        None => in_folder(settings, asked.repair),
    };
    waiting.finish_and_clear();
    let report = report?;
    say(&if asked.json { report.json()? } else { report.text() })?;
    Ok(if report.is_healthy() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn in_folder(settings: &Settings, repair: bool) -> Result<Report> {
    let data = DataDir::found(&settings.data.data_dir)?;
    if repair {
        data.require_changeable()?;
    }
    match look(settings, &data, repair) {
        // What keeps it from being opened is a finding like any other.
        Err(error) if matches!(error.downcast_ref(), Some(OpenError::Damaged { .. })) => Ok(damaged(&data, &error)),
        report => report,
    }
}

fn look(settings: &Settings, data: &DataDir, repair: bool) -> Result<Report> {
    data.require_schema()?;
    let database = Database::open(&data.database(), Options { readers: 1, ..Options::default() })?;
    let doctor = SqliteDoctor(database.clone());
    let report = runtime()?.block_on(examine(&doctor, images(settings, data)?.as_ref(), data.is_served(), repair));
    database.close();
    report
}

fn in_mongodb(settings: &Settings, address: &str, repair: bool) -> Result<Report> {
    let data = DataDir::open(&settings.data.data_dir)?;
    if repair {
        data.require_changeable()?;
    }
    runtime()?.block_on(async {
        let instance = echo_crypto::random_bytes();
        // It holds the records of all of them against each other.
        let (areas, longest_call) = (Areas::ALL, LONGEST_CALL);
        let options = echo_mongo::Options { areas, consumers: &CONSUMERS, instance, longest_call };
        let mongo = Mongo::open(address, options).await?;
        let report = look_at(&mongo, images(settings, &data)?.as_ref(), repair).await;
        mongo.close().await;
        report
    })
}

async fn look_at(mongo: &Arc<Mongo>, images: Option<&BlobFolder>, repair: bool) -> Result<Report> {
    let served = mongo.has_others().await?;
    if !repair {
        mongo.keep_still().await?;
    }
    examine(&MongoDoctor::new(mongo.clone())?, images, served, repair).await
}

/// Elsewhere there are no files to compare with.
fn images(settings: &Settings, data: &DataDir) -> Result<Option<BlobFolder>> {
    Ok((Place::of(settings)? == Place::Files).then(|| BlobFolder(data.media())))
}

async fn examine(doctor: &dyn Doctor, images: Option<&BlobFolder>, served: bool, repair: bool) -> Result<Report> {
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
            mended.extend(files::mend(doctor, images).await);
        }
        examination.checks.extend(files::check(doctor, images).await);
    }
    Ok(Report { now, served, mended, examination })
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

fn runtime() -> Result<tokio::runtime::Runtime> {
    Ok(tokio::runtime::Builder::new_current_thread().enable_all().build()?)
}
