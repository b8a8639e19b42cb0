//! `echod media usage`

use std::fmt::Write;

use anyhow::Result;
use clap::Args;
use echo_domain::{
    Clock, UserId,
    media::{Age, Heap, Shown, Usage, usage},
};
use indicatif::{BinaryBytes, HumanCount};
use serde_json::{Value, json};

use crate::{
    assemble::Records,
    config::Settings,
    data_dir::DataDir,
    progress,
    system::{SystemClock, say},
};

#[derive(Debug, Args)]
#[command(
    after_help = "Looks at every record of an image once, in small pages, and at no file. An image counts for all of its \
    blobs wherever it is shown; what is saved is the difference between that and what is kept."
)]
pub(crate) struct UsageArgs {
    /// How many people to name, those with the most first
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u16).range(0..=1000))]
    people: u16,
    /// Report in JSON
    #[arg(long)]
    json: bool,
}

/// What was found, with the names of people.
struct Told {
    usage: Usage,
    people: Vec<(UserId, String, u64)>,
}

/// Says what the room for images goes to.
///
/// # Errors
/// In one line.
pub(super) fn run(settings: &Settings, asked: &UsageArgs) -> Result<()> {
    settings.check()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let folder = &settings.data.data_dir;
    let data =
        if settings.cluster.mongodb_uri().is_some() { DataDir::open(folder)? } else { DataDir::existing(folder)? };
    let waiting = progress::waiting("Looking through all images");
    let told = runtime.block_on(async {
        let records = Records::open_all(settings, &data).await?;
        // It is no Echo that serves.
        records.keep_still().await?;
        let told = look(&records, asked.people.into()).await;
        records.close().await?;
        told
    });
    waiting.finish_and_clear();
    let told = told?;
    say(&if asked.json { serde_json::to_string_pretty(&told.json())? } else { told.text() })?;
    Ok(())
}

async fn look(records: &Records, people: usize) -> Result<Told> {
    let usage = usage(&*records.transfer()?, &*records.media()?, SystemClock.now(), people).await?;
    let accounts = records.accounts()?;
    let mut people = Vec::with_capacity(usage.heaviest.len());
    for (id, bytes) in &usage.heaviest {
        let account = accounts.find(*id).await?;
        people.push((*id, account.map_or_else(String::new, |it| it.username.as_str().to_owned()), *bytes));
    }
    Ok(Told { usage, people })
}

impl Told {
    fn text(&self) -> String {
        let Usage { by_shown, by_age, elsewhere, sets, bytes, saved, unmeasured, .. } = &self.usage;
        let mut text = String::new();
        // Writing to a string cannot fail.
        let mut line = |what: &str, Heap { images, bytes }: Heap| {
            let (images, bytes) = (HumanCount(images).to_string(), BinaryBytes(bytes).to_string());
            let _ = writeln!(text, "{what:<24} {images:>13} {bytes:>13}");
        };
        by_shown.iter().for_each(|(shown, heap)| line(shown_by(*shown), *heap));
        by_age.iter().for_each(|(age, heap)| line(&format!("  {}", aged(*age)), *heap));
        for (id, name, bytes) in &self.people {
            let name = if name.is_empty() { id.to_string() } else { name.clone() };
            let _ = writeln!(text, "  {name:<36} {:>13}", BinaryBytes(*bytes).to_string());
        }
        let _ = write!(
            text,
            "{} kept in {} sets of blobs; {} saved by keeping equal ones once",
            BinaryBytes(*bytes),
            HumanCount(*sets),
            BinaryBytes(*saved)
        );
        if *elsewhere > 0 {
            let _ = write!(text, "\n{} more are delivered by another service", HumanCount(*elsewhere));
        }
        if *unmeasured > 0 {
            let _ = write!(text, "\n{} sets are still to be measured by the server", HumanCount(*unmeasured));
        }
        text
    }

    fn json(&self) -> Value {
        let Usage { by_shown, by_age, elsewhere, sets, bytes, saved, unmeasured, .. } = &self.usage;
        let heap = |heap: &Heap| json!({"images": heap.images, "bytes": heap.bytes});
        let shown = by_shown.iter().map(|(shown, it)| (shown_by(*shown).to_owned(), heap(it)));
        let age = by_age.iter().map(|(age, it)| (aged(*age).to_owned(), heap(it)));
        let person = |(id, username, bytes): &(UserId, String, u64)| json!({"_id": id.to_string(), "username": username, "bytes": bytes});
        json!({
            "shownBy": shown.collect::<serde_json::Map<_, _>>(),
            "age": age.collect::<serde_json::Map<_, _>>(),
            "people": self.people.iter().map(person).collect::<Value>(),
            "sets": sets, "bytes": bytes, "saved": saved, "elsewhere": elsewhere, "unmeasured": unmeasured,
        })
    }
}

const fn shown_by(shown: Shown) -> &'static str {
    match shown {
        Shown::InPost => "posts",
        Shown::AsPicture => "profile pictures",
        Shown::Nowhere => "nothing yet",
    }
}

const fn aged(age: Age) -> &'static str {
    match age {
        Age::Day => "up to a day",
        Age::Week => "up to a week",
        Age::Month => "up to a month",
        Age::Year => "up to a year",
        Age::Older => "older",
    }
}
