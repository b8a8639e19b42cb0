//! `echod import-legacy`

mod told;

use std::io::{self, BufRead};

use anyhow::{Context, Result, bail};
use clap::Args;
use echo_domain::transfer::{Standing, standing};
use echo_legacy::{Import, Legacy, Report, Step};

use crate::{
    assemble::Records,
    config::{Secret, Settings},
    data_dir::DataDir,
    progress,
    system::say,
};

#[derive(Debug, Args)]
#[command(
    after_help = "Nothing is changed in the first Echo's database. Ids, times, links to images and passwords stay \
    what they are: people sign in as before, once, since sessions do not come along.\n\n\
    Stop both Echos before. An import that was interrupted goes on when it is started again; one that is done only tells \
    again what it did. Into an Echo that has anything else in it, nothing is imported.\n\n\
    What races and deleted accounts left behind is mended or left out, and reported: follows at one end alone, likes \
    twice by the same, names that differ by case, likes and comments of people who are gone. Chats and messages are \
    counted, and stay where they are. docs/operations.md tells more.\n\n\
    Examples:\n  \
    echod import-legacy mongodb://localhost:27017/echo\n  \
    DATA_DIR=/srv/echo echod import-legacy - < address   an address with a password, which others would see"
)]
pub(crate) struct ImportLegacy {
    /// Address of its MongoDB with the name of its database; - reads it from standard input
    #[arg(value_name = "URI")]
    address: Secret,
    /// Report in JSON
    #[arg(long)]
    json: bool,
}

/// Brings the first Echo in, or what is missing of it.
///
/// # Errors
/// In one line, also when this Echo has something else in it.
pub(crate) fn run(settings: &Settings, asked: &ImportLegacy) -> Result<()> {
    settings.check()?;
    let address = address(asked)?;
    let data = DataDir::open(&settings.data.data_dir)?;
    // Whoever serves it would not know of what is written past them.
    let _served = settings.cluster.mongodb_uri().is_none().then(|| data.serve()).transpose()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let report = runtime.block_on(async {
        let legacy = Legacy::open(&address).await?;
        let records = Records::open_all(settings, &data).await?;
        let report = import(&legacy, &records).await;
        records.close().await?;
        report
    })?;
    say(&if asked.json { serde_json::to_string_pretty(&report)? } else { told::text(&report) })?;
    Ok(())
}

async fn import(legacy: &Legacy, records: &Records) -> Result<Report> {
    let target = records.transfer()?;
    let reached = match standing(&*target, &legacy.name().await?).await? {
        Standing::Empty => None,
        Standing::Begun(reached) => Some(reached),
        Standing::Taken => bail!(
            "this Echo has something else in it already: set DATA_DIR to a new folder, or MONGODB_URI to an empty database"
        ),
    };
    let mut n_documents = 0;
    for step in Step::ALL {
        n_documents += legacy.count(step.collection()).await?;
    }
    let bar = progress::counted(n_documents, "Importing");
    let (accounts, profiles) = (records.accounts()?, records.profiles()?);
    let import = Import { legacy, target: &*target, accounts: &*accounts, profiles: &*profiles };
    let report = import.run(reached.as_ref(), |step| {
        bar.set_message(step.as_str());
        bar.inc(1);
    });
    let report = report.await.context("the import broke off; the same command goes on from there")?;
    bar.finish_and_clear();
    Ok(report)
}

fn address(asked: &ImportLegacy) -> Result<String> {
    if asked.address.expose() != "-" {
        return Ok(asked.address.expose().to_owned());
    }
    let mut line = String::new();
    io::stdin().lock().read_line(&mut line).context("cannot read the address from standard input")?;
    Ok(line.trim().to_owned())
}
