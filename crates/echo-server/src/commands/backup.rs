//! `echod backup`

use std::{
    fs::{self, File},
    io::{self, BufWriter},
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use echo_crypto::KEY_FILES;
use echo_domain::{Clock, Timestamp};
use echo_media::HeldBlobs;
use echo_sqlite::Snapshot;
use tempfile::{NamedTempFile, TempDir};

use crate::{
    archive::{self, Manifest, Writer},
    config::Settings,
    data_dir::DataDir,
    interrupt::Interrupt,
    progress,
    system::{SystemClock, complain, say},
};

#[derive(Debug, Args)]
#[command(
    after_help = "The file has the database, the images and the keys, as they were at one moment. What was answered \
    before the command began is in it. Requests go on meanwhile.\n\n\
    It is a tar, readable by its owner alone, and appears under its name when it is whole and on disk. Keep it as safe \
    as the data folder: it holds e-mail addresses, password hashes and keys. JWT_SECRET, if set, is not in it.\n\n\
    Example:\n  \
    echod backup /backups/echo-monday.tar && echod restore /backups/echo-monday.tar --verify-only"
)]
pub(crate) struct Backup {
    /// The file to write
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Replace the file if it is there, once the new one is whole
    #[arg(long)]
    replace: bool,
    /// Back up although files of images that are shown are missing
    #[arg(long)]
    allow_missing: bool,
}

/// Everything of one moment in one file, whether or not it is being served.
///
/// # Errors
/// In one line. Then the file is not there, or as it was.
pub(crate) fn run(settings: &Settings, asked: &Backup) -> Result<()> {
    settings.check()?;
    settings.require_folder("backup", "back up MongoDB by its own tools (`mongodump --oplog`, or snapshots), and the images and keys by copying the folder")?;
    let data = DataDir::existing(&settings.data.data_dir)?;
    check(asked)?;
    let Backup { file, replace, allow_missing } = asked;
    let held = data.hold_media()?;
    let interrupt = Interrupt::listen()?;
    let refused = || format!("{} is not written", file.display());
    let partial = partial(file).with_context(refused)?;
    let archive = NamedTempFile::new_in(&partial).with_context(refused)?;

    let (out, database) = (archive.reopen().with_context(refused)?, partial.path().join(archive::DATABASE));
    let allow_missing = *allow_missing;
    let made = interrupt.or(move || back_up(&data, &held, &database, &out, allow_missing));
    let manifest = made.with_context(refused)?;
    let named = if *replace { archive.persist(file) } else { archive.persist_noclobber(file) };
    named.map_err(|error| error.error).with_context(refused)?;
    File::open(folder_of(file)).and_then(|folder| folder.sync_all()).with_context(refused)?;

    let lacks = manifest.lacks();
    let what = if lacks.is_some() { "what there was" } else { "everything" };
    let Manifest { made, files, bytes, .. } = manifest;
    say(&format!("{} has {what} as of {made}: {files} files, {bytes} bytes", file.display()))?;
    if let Some(lacks) = lacks {
        complain(&format!("{}: {lacks}", file.display()));
    }
    Ok(())
}

/// Whether the file can be written, as far as that is known before.
fn check(Backup { file, replace, .. }: &Backup) -> Result<()> {
    let is_folder = file.is_dir() || file.as_os_str().as_encoded_bytes().ends_with(b"/");
    ensure!(!is_folder, "{} is a folder: name a file in it", file.display());
    ensure!(folder_of(file).is_dir(), "there is no folder {} to write to", folder_of(file).display());
    ensure!(*replace || !file.exists(), "{} is there already: name another file, or add --replace", file.display());
    Ok(())
}

/// Writes it to `out`, with the database copied to `database` before.
fn back_up(data: &DataDir, held: &HeldBlobs, database: &Path, out: &File, allow_missing: bool) -> Result<Manifest> {
    let now = SystemClock.now();
    let waiting = progress::waiting("Copying the database");
    let snapshot = Snapshot::take(&data.database(), database)?;
    let contents = Contents::gather(data, held, &snapshot, database)?;
    let manifest = contents.manifest(&snapshot, now)?;
    if let Some(lacks) = manifest.lacks().filter(|_| !allow_missing) {
        bail!(
            "{lacks}: is all of {} there? `echod doctor` tells more, --allow-missing goes on",
            data.media().display()
        );
    }
    waiting.finish_and_clear();
    write(&contents, &manifest, held, out, now)?;
    out.sync_all()?;
    Ok(manifest)
}

/// What goes into a backup beside the manifest, with lengths in bytes.
struct Contents {
    /// By their names in it.
    files: Vec<(String, PathBuf, u64)>,
    /// By blob.
    images: Vec<(String, u64)>,
    /// Files of images that are shown.
    missing: Vec<String>,
}

impl Contents {
    fn gather(data: &DataDir, held: &HeldBlobs, snapshot: &Snapshot, copy: &Path) -> Result<Self> {
        let mut files = vec![(archive::DATABASE.to_owned(), copy.to_owned(), fs::metadata(copy)?.len())];
        for key in KEY_FILES {
            let name = format!("keys/{key}");
            let path = data.path.join(&name);
            match fs::metadata(&path) {
                Ok(about) => files.push((name, path, about.len())),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error).with_context(|| format!("cannot read {}", path.display())),
            }
        }
        let (mut images, mut missing) = (Vec::new(), Vec::new());
        let blobs = snapshot.blobs()?;
        missing.extend(blobs.unreadable.iter().map(|id| format!("image {id}, of which the record cannot be read")));
        for blob in blobs.named {
            match held.open(&blob.name).with_context(|| format!("cannot read the image {}", blob.name))? {
                Some(file) => images.push((blob.name, file.metadata()?.len())),
                None if blob.needed => missing.push(blob.name),
                None => {}
            }
        }
        Ok(Self { files, images, missing })
    }

    fn manifest(&self, snapshot: &Snapshot, now: Timestamp) -> Result<Manifest> {
        let lengths =
            self.files.iter().map(|(_, _, length)| length).chain(self.images.iter().map(|(_, length)| length));
        Ok(Manifest {
            echo_backup: Manifest::FORMAT,
            echod: env!("CARGO_PKG_VERSION").to_owned(),
            schema: snapshot.schema()?,
            made: jiff::Timestamp::from_millisecond(now.millis())?.to_string(),
            rows: snapshot.rows()?,
            files: (self.files.len() + self.images.len()) as u64,
            bytes: lengths.sum(),
            n_missing: self.missing.len() as u64,
            missing: self.missing.iter().take(Manifest::NAMED).cloned().collect(),
        })
    }
}

fn write(contents: &Contents, manifest: &Manifest, held: &HeldBlobs, out: &File, now: Timestamp) -> Result<()> {
    let bar = progress::bytes(manifest.bytes, "Backing up");
    let time = u64::try_from(now.millis() / 1000).unwrap_or(0);
    let mut writer = Writer::new(BufWriter::with_capacity(1 << 20, out), manifest, time)?;
    for (name, path, length) in &contents.files {
        writer.add(name, *length, bar.wrap_read(File::open(path)?))?;
    }
    for (blob, length) in &contents.images {
        let file = held.open(blob)?.with_context(|| format!("the image {blob} has vanished"))?;
        let name = archive::blob_path(blob).with_context(|| format!("{blob} is no name for an image"))?;
        writer.add(&name.to_string_lossy(), *length, bar.wrap_read(file))?;
    }
    // It flushes what the buffer still has.
    writer.finish()?;
    bar.finish_and_clear();
    Ok(())
}

/// A folder beside the file, for what is not whole yet and for SQLite's own files. It goes when it is dropped.
fn partial(file: &Path) -> io::Result<TempDir> {
    let mut beginning = file.file_name().unwrap_or_default().to_owned();
    beginning.push(".");
    tempfile::Builder::new().prefix(&beginning).suffix(".partial").tempdir_in(folder_of(file))
}

fn folder_of(file: &Path) -> &Path {
    file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}
