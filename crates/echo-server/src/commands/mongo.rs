//! `echod mongo`

use std::time::Duration;

use anyhow::{Context, Result};
use clap::{Args, Subcommand};
use echo_mongo::{Areas, Mongo, Options, database_name, spreads};

use crate::{assemble::CONSUMERS, config::Settings, progress, system::say};

/// Nothing that a collection is spread by takes as long.
const LONGEST_CALL: Duration = Duration::from_secs(24 * 3600);

#[derive(Debug, Subcommand)]
pub(crate) enum MongoCommand {
    /// Print what spreads the collections over the shards of a cluster, for mongosh, or do it
    Shard(Shard),
}

#[derive(Debug, Args)]
#[command(
    after_help = "Printed are the commands for the databases of MONGODB_URI, else for those of echo; no server is asked. \
    What is not among them must lie on one shard. Spreading is for ever, and takes its time where many documents are: do \
    it before there are. docs/mongodb.md has which call goes to how many shards.\n\n\
    Examples:\n  \
    echod mongo shard                                                          look at it\n  \
    echod mongo shard | mongosh mongodb://admin@mongos/                        do it as somebody who may\n  \
    MONGODB_URI=mongodb://admin@mongos/echo?authSource=admin echod mongo shard --apply"
)]
pub(crate) struct Shard {
    /// Do it, at the mongos of MONGODB_URI, whose user needs the role clusterManager
    #[arg(long)]
    apply: bool,
}

/// Does it.
///
/// # Errors
/// In one line.
pub(crate) fn run(settings: &Settings, command: &MongoCommand) -> Result<()> {
    settings.check()?;
    let MongoCommand::Shard(Shard { apply }) = command;
    let address = settings.cluster.mongodb_uri();
    if !apply {
        return print(address);
    }
    let address = address.context("MONGODB_URI must say where the cluster is")?;
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(shard(address))
}

fn print(address: Option<&str>) -> Result<()> {
    for spread in spreads(&database_name(address.unwrap_or("mongodb://localhost"))?) {
        say(&spread.to_string())?;
    }
    Ok(())
}

async fn shard(address: &str) -> Result<()> {
    let options = Options {
        areas: Areas::ALL,
        consumers: &CONSUMERS,
        instance: echo_crypto::random_bytes(),
        longest_call: LONGEST_CALL,
    };
    let mongo = Mongo::open(address, options).await?;
    // It changes no record that another process would have to hear of.
    mongo.keep_still().await?;
    let done = spread_all(&mongo).await;
    mongo.close().await;
    done
}

async fn spread_all(mongo: &Mongo) -> Result<()> {
    for spread in mongo.spreads().await? {
        let waiting = progress::waiting("Spreading");
        let done = mongo.spread(&spread).await;
        waiting.finish_and_clear();
        done?;
        say(&format!("done: {}", spread.told()))?;
    }
    Ok(())
}
