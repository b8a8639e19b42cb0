//! `echod migrate --to`: everything goes from one store to another.

use std::{str::FromStr, sync::Arc, time::Duration};

use anyhow::{Context, Result, bail, ensure};
use echo_domain::{
    Clock,
    transfer::{Compared, Kind, Source, Standing, Target, compare, copy, name_of, standing},
};
use echo_mongo::{Areas, Mongo, MongoTransfer};
use echo_sqlite::{Database, SqliteTransfer};

use crate::{
    assemble::CONSUMERS,
    config::{Secret, Settings},
    data_dir::DataDir,
    progress,
    system::{SystemClock, say},
};

use super::compared::table;

/// What a store may forget by itself while it is looked at: all that is over by then is not compared.
const MEANWHILE: Duration = Duration::from_secs(3600);

/// A process that died is taken for one that lives for this long.
const DYING: Duration = Duration::from_secs(15);

/// MongoDB keeps what a killed transaction has changed for a minute, and so long the next one waits.
const LONGEST_CALL: Duration = Duration::from_secs(90);

/// Where everything goes.
#[derive(Debug, Clone)]
pub(crate) enum Destination {
    /// Into the data folder, from this MongoDB.
    Sqlite,
    Mongo(Secret),
}

impl FromStr for Destination {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "sqlite" => Ok(Self::Sqlite),
            _ if is_mongodb(text) => Ok(Self::Mongo(text.parse().unwrap_or_else(|never| match never {}))),
            _ => Err("must be sqlite, or an address such as mongodb://localhost:27017/echo"),
        }
    }
}

fn is_mongodb(text: &str) -> bool {
    text.starts_with("mongodb://") || text.starts_with("mongodb+srv://")
}

/// Moves everything, while nobody changes anything on either side, and says what to do next.
///
/// # Errors
/// In one line, also when both sides are not the same in the end.
pub(super) fn run(settings: &Settings, to: &Destination) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    match to {
        Destination::Mongo(address) => runtime.block_on(into_mongodb(settings, address.expose())),
        Destination::Sqlite => match settings.cluster.mongodb_uri() {
            Some(address) => runtime.block_on(into_folder(settings, address)),
            None => bail!("MONGODB_URI must say where everything is now"),
        },
    }
}

async fn into_mongodb(settings: &Settings, address: &str) -> Result<()> {
    let data = DataDir::existing(&settings.data.data_dir)?;
    let _still = data.keep_still()?;
    let (source, target) = (Database::open(&data.database(), sqlite_options())?, open_mongodb(address).await?);
    let (given, kept) =
        (SqliteTransfer { database: source.clone(), consumers: &CONSUMERS }, MongoTransfer::new(target.clone())?);
    let done = transfer(&given, &kept, "name another database at the end of the address").await;
    source.close();
    target.close().await;
    done?;
    say(&format!(
        "Set MONGODB_URI to that address, leave READ_ONLY out, and start Echo. Images and keys stay in {}.",
        data.path.display()
    ))?;
    Ok(())
}

async fn into_folder(settings: &Settings, address: &str) -> Result<()> {
    let data = DataDir::open(&settings.data.data_dir)?;
    let _served = data.serve()?;
    let (source, target) = (open_mongodb(address).await?, Database::open(&data.database(), sqlite_options())?);
    let (given, kept) =
        (MongoTransfer::new(source.clone())?, SqliteTransfer { database: target.clone(), consumers: &CONSUMERS });
    let taken = format!("move {} away, or set DATA_DIR to another folder", data.database().display());
    let done = transfer(&given, &kept, &taken).await;
    source.close().await;
    target.close();
    done?;
    say(&format!(
        "Leave MONGODB_URI and READ_ONLY out, and start Echo. Images and keys are looked for in {}: copy `media` and \
         `keys` there if they are elsewhere.",
        data.path.display()
    ))?;
    Ok(())
}

fn sqlite_options() -> echo_sqlite::Options {
    echo_sqlite::Options { readers: 1, instance: echo_crypto::random_bytes(), ..echo_sqlite::Options::default() }
}

/// Opened once no other process has it, but those that only read.
async fn open_mongodb(address: &str) -> Result<Arc<Mongo>> {
    let options = echo_mongo::Options {
        areas: Areas::ALL,
        consumers: &CONSUMERS,
        instance: echo_crypto::random_bytes(),
        longest_call: LONGEST_CALL,
    };
    let mongo = Mongo::open(address, options).await?;
    let alone = async {
        while mongo.has_others().await? {
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        anyhow::Ok(())
    };
    match tokio::time::timeout(DYING, alone).await {
        Ok(alone) => alone?,
        Err(_) => {
            mongo.close().await;
            bail!("an echod uses the {mongo} and changes it: stop it, or restart it with READ_ONLY=on");
        }
    }
    Ok(mongo)
}

/// Copies everything, from where an earlier call came to, and compares both sides. `taken` is what to do about a target
/// that has something else in it.
async fn transfer(source: &dyn Source, target: &dyn Target, taken: &str) -> Result<()> {
    let name = name_of(source).await?;
    let reached = match standing(target, &name).await? {
        Standing::Empty => None,
        Standing::Begun(reached) => Some(reached),
        Standing::Taken => bail!("there is something else where everything is to go: {taken}"),
    };
    if reached.as_ref().is_some_and(|reached| reached.done) {
        say("Everything was moved before; now both sides are compared.")?;
    }
    let mut n_records = 0;
    for kind in Kind::ALL {
        n_records += source.count(kind).await?;
    }

    let bar = progress::counted(n_records, "Moving");
    let moved = |kind: Kind, n| {
        bar.set_message(kind.as_str());
        bar.inc(n);
    };
    let copied = copy(source, target, &name, reached.as_ref(), moved).await;
    copied.context("the move broke off; the same command goes on from there")?;
    bar.finish_and_clear();

    let compared = compare_all(source, target, n_records).await?;
    say(&table(&compared))?;
    ensure!(
        compared.iter().all(Compared::is_equal),
        "the two sides are not the same: one of them was changed meanwhile. Empty the target, and move again"
    );
    say("Everything is there, and the same on both sides.")?;
    Ok(())
}

async fn compare_all(source: &dyn Source, target: &dyn Source, n_records: u64) -> Result<Vec<Compared>> {
    let until = SystemClock.now() + MEANWHILE;
    let bar = progress::counted(n_records, "Comparing");
    let mut compared = Vec::new();
    for kind in Kind::ALL {
        compared.push(compare(kind, source, target, until, |n| bar.inc(n)).await?);
    }
    bar.finish_and_clear();
    Ok(compared)
}
