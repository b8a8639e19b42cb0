//! `echod media move`: the bytes of images go from one place to another.

use std::sync::Arc;

use anyhow::{Context, Result, bail, ensure};
use bytes::Bytes;
use clap::Args;
use echo_domain::{
    Clock,
    media::{BlobName, BlobStore, Part},
    transfer::{Kind, Record, Source},
};
use futures_util::{StreamExt, TryStreamExt, stream};
use indicatif::{HumanBytes, HumanCount};

use crate::{
    assemble::{Blobs, Place, Records},
    config::Settings,
    data_dir::DataDir,
    progress,
    system::{SystemClock, say},
};

/// Records read at a time.
const PAGE: usize = 200;
/// Images under way at a time.
const AT_ONCE: usize = 4;

#[derive(Debug, Args)]
#[command(
    after_help = "The settings of where images go are given to this command, beside those that the server runs with: \
    they come from the other place that is set, or else from the data folder. Each image is read back and compared. \
    Nothing is removed where they come from.\n\n\
    It may be interrupted and started again, also beside the server: what is there already is only compared. What is \
    uploaded meanwhile goes with a second run, after the server was restarted with the new settings. docs/media.md tells \
    more.\n\n\
    Examples:\n  \
    S3_BUCKET=echo AWS_ACCESS_KEY_ID=… AWS_SECRET_ACCESS_KEY=… echod media move --to s3\n  \
    S3_BUCKET=echo AWS_ACCESS_KEY_ID=… AWS_SECRET_ACCESS_KEY=… echod media move --to files"
)]
pub(crate) struct Move {
    /// Where they go
    #[arg(long, value_name = "WHERE")]
    to: Place,
}

/// What has become of the images.
#[derive(Default)]
struct Moved {
    copied: u64,
    bytes: u64,
    there: u64,
    /// Named by a record, and not where they come from: removed since, or lost.
    missing: Vec<String>,
}

/// Copies every image that is named, and says what to set.
///
/// # Errors
/// In one line; what was copied stays, and the same command goes on.
pub(super) fn run(settings: &Settings, asked: &Move) -> Result<()> {
    settings.check_for_move()?;
    let from = source(settings, asked.to)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(move_all(settings, from, asked.to))
}

/// Where images come from: the place that is set and is not where they go.
fn source(settings: &Settings, to: Place) -> Result<Place> {
    let bucket = settings.images.bucket()?.is_some();
    let cloud = settings.images.cloudinary()?.is_some();
    Ok(match (to, bucket, cloud) {
        (Place::S3, _, true) => Place::Cloudinary,
        (Place::Cloudinary, true, _) => Place::S3,
        (Place::S3 | Place::Cloudinary, ..) => Place::Files,
        (Place::Files, true, false) => Place::S3,
        (Place::Files, false, true) => Place::Cloudinary,
        (Place::Files, true, true) => {
            bail!("S3_BUCKET and CLOUDINARY_CLOUD_NAME are set: unset the one where the images are not")
        }
        (Place::Files, false, false) => bail!("S3_BUCKET or CLOUDINARY_CLOUD_NAME must say where the images are now"),
    })
}

async fn move_all(settings: &Settings, from: Place, to: Place) -> Result<()> {
    let folder = &settings.data.data_dir;
    let data = match settings.cluster.mongodb_uri() {
        Some(_) => DataDir::open(folder)?,
        None => DataDir::existing(folder)?,
    };
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let (source, target) =
        (Blobs::open(from, settings, &data, &clock).await?, Blobs::open(to, settings, &data, &clock).await?);
    let records = Records::open_all(settings, &data).await?;
    // It is no Echo that serves.
    records.keep_still().await?;
    let moved = copy_all(&*records.transfer()?, &source, &target).await;
    records.close().await?;
    let Moved { copied, bytes, there, missing } =
        moved.context("the move broke off; the same command goes on from there")?;
    say(&format!(
        "From {} to {}: {} files copied ({}), {} were there.",
        source.whereabouts,
        target.whereabouts,
        HumanCount(copied),
        HumanBytes(bytes),
        HumanCount(there)
    ))?;
    ensure!(
        missing.is_empty(),
        "{} files that records name are not in {}, first of all {}: is that all of it?",
        HumanCount(missing.len() as u64),
        source.whereabouts,
        missing[0]
    );
    say(what_next(from, to))?;
    Ok(())
}

fn what_next(from: Place, to: Place) -> &'static str {
    match (from, to) {
        (Place::Files, Place::S3) => {
            "Restart Echo with the same S3_ and AWS_ settings, then run this once more for what was uploaded meanwhile. \
             Afterwards `media` in the data folder is not needed."
        }
        (Place::Files, _) => {
            "Restart Echo with the same CLOUDINARY_ settings, then run this once more for what was uploaded meanwhile. \
             Afterwards `media` in the data folder is not needed."
        }
        (Place::S3, Place::Cloudinary) => {
            "Restart Echo without S3_BUCKET and with the same CLOUDINARY_ settings, then run this once more for what was \
             uploaded meanwhile. Afterwards the bucket is not needed."
        }
        (Place::Cloudinary, Place::S3) => {
            "Restart Echo without CLOUDINARY_ settings and with the same S3_ and AWS_ settings, then run this once more \
             for what was uploaded meanwhile. Afterwards Cloudinary is not needed, but for images of the first Echo."
        }
        _ => {
            "Restart Echo without S3_BUCKET and CLOUDINARY_ settings, then run this once more, with them, for what was \
             uploaded meanwhile."
        }
    }
}

async fn copy_all(records: &dyn Source, source: &Blobs, target: &Blobs) -> Result<Moved> {
    let bar = progress::counted(records.count(Kind::Blobs).await?, "Moving images");
    let (mut moved, mut after) = (Moved::default(), None);
    loop {
        let page = records.page(Kind::Blobs, after.as_ref(), PAGE).await?;
        let Some(last) = page.last() else { break };
        after = Some(last.key());
        let copied = stream::iter(page.iter().map(|record| copy_image(record, source, target)));
        let copied: Vec<Moved> = copied.buffer_unordered(AT_ONCE).inspect(|_| bar.inc(1)).try_collect().await?;
        copied.into_iter().for_each(|image| moved.add(image));
    }
    bar.finish_and_clear();
    Ok(moved)
}

impl Moved {
    fn add(&mut self, other: Self) {
        self.copied += other.copied;
        self.bytes += other.bytes;
        self.there += other.there;
        self.missing.extend(other.missing);
    }
}

/// Copies the picture, then its copies.
async fn copy_image(record: &Record, source: &Blobs, target: &Blobs) -> Result<Moved> {
    let mut moved = Moved::default();
    for name in names(record) {
        let Some(bytes) = whole(&*source.store, name.as_str()).await? else {
            // What was uploaded since Echo uses the new place has never been in the old one.
            match target.store.read(name.as_str(), Part::NOTHING).await? {
                Some(_) => moved.there += 1,
                None => moved.missing.push(name.as_str().to_owned()),
            }
            continue;
        };
        if copy(name, &bytes, target).await? {
            moved.copied += 1;
            moved.bytes += bytes.len() as u64;
        } else {
            moved.there += 1;
        }
    }
    Ok(moved)
}

/// The blobs that the record names.
fn names(record: &Record) -> Vec<BlobName<'_>> {
    let Record::Blobs { blobs, .. } = record else { return Vec::new() };
    blobs.names().filter_map(BlobName::parse).collect()
}

/// Puts the bytes there unless they are, and reads them back. Whether they had to be put.
async fn copy(name: BlobName<'_>, bytes: &Bytes, target: &Blobs) -> Result<bool> {
    let name = name.as_str();
    if is_there(name, bytes, target).await? {
        return Ok(false);
    }
    target.store.put(name, bytes.clone()).await.with_context(|| format!("{name} cannot be kept"))?;
    ensure!(is_there(name, bytes, target).await?, "{name} is not in {} as it was put there", target.whereabouts);
    Ok(true)
}

/// Whether the target has these bytes. Cloudinary makes copies by itself, and says of a picture how long it is when it
/// takes it.
async fn is_there(name: &str, bytes: &Bytes, target: &Blobs) -> Result<bool> {
    if target.place == Place::Cloudinary {
        return Ok(target.store.read(name, Part::NOTHING).await?.is_some());
    }
    let length = target.store.read(name, Part::NOTHING).await?.map(|blob| blob.length);
    Ok(length == Some(bytes.len() as u64) && whole(&*target.store, name).await?.as_ref() == Some(bytes))
}

async fn whole(store: &dyn BlobStore, name: &str) -> Result<Option<Bytes>> {
    let Some(blob) = store.read(name, Part::WHOLE).await? else { return Ok(None) };
    let parts: Vec<Bytes> = blob.bytes.try_collect().await.map_err(anyhow::Error::from_boxed)?;
    Ok(Some(parts.concat().into()))
}
