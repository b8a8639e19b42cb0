//! `echod restore`

use std::{
    collections::HashSet,
    fs::{self, File},
    io::{self, BufReader, Read},
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use echo_sqlite::{Snapshot, newest_schema};

use crate::{
    archive::{self, Checked, Reader},
    config::Settings,
    data_dir::DataDir,
    interrupt::Interrupt,
    progress, rehearsal, swap,
    system::say,
};

#[derive(Debug, Args)]
#[command(after_help = "Every byte is checked against a hash, and the records against the images, before anything is \
    replaced. Whenever it is interrupted, by kill -9 or a power cut, too, the data folder has all of the old or all of \
    the new. It needs room for both. Stop the server first; sessions are then as they were when the backup was made.\n\n\
    Examples:\n  \
    echod restore echo.tar --verify-only                    is the file good?\n  \
    DATA_DIR=/srv/new echod restore echo.tar --verify       into a new folder\n  \
    echod restore echo.tar --replace                        instead of what is there")]
pub(crate) struct Restore {
    /// What `echod backup` has written
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Replace what is in the data folder
    #[arg(long)]
    replace: bool,
    /// Also read again what was unpacked, look through the whole database and start Echo on it, before it replaces
    /// anything
    #[arg(long)]
    verify: bool,
    /// Only check the file, in the same way, and restore nothing
    #[arg(long, conflicts_with_all = ["replace", "verify"])]
    verify_only: bool,
}

/// Puts a backup into the data folder, once it has been read to its end and found whole.
///
/// # Errors
/// In one line. Then the data folder is as it was.
pub(crate) fn run(settings: &Settings, asked: &Restore) -> Result<()> {
    settings.check()?;
    settings.require_folder("restore", "restore MongoDB by its own tools, or unset MONGODB_URI")?;
    if asked.verify_only { check(settings, &asked.file) } else { restore(settings, asked) }
}

/// In a temporary folder, without the images.
fn check(settings: &Settings, file: &Path) -> Result<()> {
    let archive = opened(file).with_context(|| format!("{} is not found good", file.display()))?;
    let interrupt = Interrupt::listen()?;
    let temporary = tempfile::tempdir().context("cannot make a temporary folder")?;
    let (settings, folder) = (settings.clone(), temporary.path().to_owned());
    let checked = interrupt.or(move || {
        let checked = unpack(archive, &folder, |name| !name.starts_with("media/"))?;
        inspect(&folder, &checked)?;
        rehearse(&settings, &folder)?;
        Ok(checked)
    });
    let checked = checked.with_context(|| format!("{} is not found good", file.display()))?;
    told(&checked, &format!("{} is good", file.display()))
}

fn restore(settings: &Settings, Restore { file, replace, verify, .. }: &Restore) -> Result<()> {
    // Before it makes a folder for it.
    let archive = opened(file).with_context(|| format!("{} is not restored", file.display()))?;
    let data = DataDir::open(&settings.data.data_dir)?;
    let _alone = data.alone()?;
    swap::check(&data.path)?;
    let has_data = swap::has_data(&data.path).with_context(|| format!("cannot look at {}", data.path.display()))?;
    ensure!(*replace || !has_data, "there is an Echo in {} already: --replace replaces it", data.path.display());
    let checked = stage(settings, archive, &swap::staging(&data.path), *verify);
    let checked = checked.with_context(|| format!("{} is not restored", file.display()))?;
    swap::swap(&data.path).with_context(|| format!("cannot put it into {}", data.path.display()))?;
    told(&checked, &format!("{} is restored into {}", file.display(), data.path.display()))
}

/// Unpacks and checks what is going to be swapped in.
fn stage(settings: &Settings, archive: File, staging: &Path, verify: bool) -> Result<Checked> {
    let (settings, folder) = (settings.clone(), staging.to_owned());
    let staged = Interrupt::listen()?.or(move || {
        let checked = unpack(archive, &folder, |_| true)?;
        inspect(&folder, &checked)?;
        if verify {
            swap::sync_all_below(&folder)?;
            compare(&folder, &checked)?;
            rehearse(&settings, &folder)?;
        }
        Ok(checked)
    });
    if staged.is_err() {
        // What stays of it goes at the next start.
        let _ = fs::remove_dir_all(staging);
    }
    staged
}

/// Puts the `wanted` files into the folder, and checks all.
fn unpack(archive: File, folder: &Path, wanted: impl Fn(&str) -> bool) -> Result<Checked> {
    let bar = progress::bytes(archive.metadata()?.len(), "Reading");
    let reader = Reader::open(BufReader::with_capacity(1 << 20, bar.wrap_read(archive)))?;
    known(&reader)?;
    fs::create_dir_all(folder.join("media"))?;
    let checked = reader.check(|name, content| match archive::place(name) {
        Some(place) if wanted(name) => {
            let path = folder.join(place);
            keep(&path, content).with_context(|| format!("cannot write {}", path.display()))
        }
        _ => Ok(()),
    })?;
    bar.finish_and_clear();
    Ok(checked)
}

fn opened(file: &Path) -> Result<File> {
    let opened = File::open(file)?;
    ensure!(!opened.metadata()?.is_dir(), "it is a folder");
    Ok(opened)
}

fn known(reader: &Reader<impl Read>) -> Result<()> {
    let (found, known) = (reader.manifest.schema, newest_schema());
    let echod = &reader.manifest.echod;
    ensure!(
        found <= known,
        "it has schema version {found}, this echod knows versions up to {known}: run echod {echod}"
    );
    Ok(())
}

fn keep(path: &Path, content: &mut dyn Read) -> io::Result<()> {
    // Not those above it: were they removed after an interruption, they would come back.
    match path.parent().map(fs::create_dir) {
        Some(Err(error)) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    io::copy(content, &mut File::create_new(path)?).map(drop)
}

/// Whether the records are those that were backed up, and each image that they show is there.
fn inspect(folder: &Path, checked: &Checked) -> Result<()> {
    let snapshot = Snapshot::open(&folder.join(archive::DATABASE))?;
    let (rows, manifest) = (snapshot.rows()?, &checked.manifest);
    ensure!(rows == manifest.rows, "its records are {rows:?}, and should be {:?}", manifest.rows);
    let there: HashSet<&str> = checked.files().filter_map(|(_, name)| name.rsplit('/').next()).collect();
    let blobs = snapshot.blobs()?;
    let lost: Vec<_> = blobs.named.iter().filter(|blob| blob.needed && !there.contains(blob.name.as_str())).collect();
    if (lost.len() + blobs.unreadable.len()) as u64 > manifest.n_missing {
        let lost = lost.iter().map(|blob| &blob.name).find(|name| !manifest.missing.contains(name));
        bail!("the image {} is not in it", lost.map_or("that a record names", String::as_str));
    }
    Ok(())
}

/// Whether what was unpacked has arrived. It is on disk: as far as the system lets go of it, it is read from there.
fn compare(folder: &Path, checked: &Checked) -> Result<()> {
    let waiting = progress::waiting("Reading again what was unpacked");
    for (hash, name) in checked.files() {
        let Some(place) = archive::place(name) else { continue };
        let read = || File::open(folder.join(&place)).map(forgotten).and_then(archive::hash);
        let found = read().with_context(|| format!("cannot read {name} again"))?;
        ensure!(found == hash, "{name} is not what was written: look after the disk");
    }
    waiting.finish_and_clear();
    Ok(())
}

/// The file, of which the system remembers nothing.
#[cfg(target_os = "linux")]
fn forgotten(file: File) -> File {
    // Only advice.
    let _ = rustix::fs::fadvise(&file, 0, None, rustix::fs::Advice::DontNeed);
    file
}

#[cfg(not(target_os = "linux"))]
fn forgotten(file: File) -> File {
    file
}

/// Whether the database is sound, and Echo runs on it.
fn rehearse(settings: &Settings, folder: &Path) -> Result<()> {
    let waiting = progress::waiting("Looking through the database");
    if let Some(damage) = Snapshot::open(&folder.join(archive::DATABASE))?.damages()?.first() {
        bail!("its database is damaged: {damage}");
    }
    rehearsal::start(settings, folder).context("Echo does not run on it")?;
    waiting.finish_and_clear();
    Ok(())
}

fn told(checked: &Checked, what: &str) -> Result<()> {
    let manifest = &checked.manifest;
    let count = |table: &str| manifest.rows.get(table).copied().unwrap_or(0);
    let (people, posts) = (count("accounts"), count("posts"));
    say(&format!(
        "{what}: as of {}, with {people} accounts, {posts} posts and {} files",
        manifest.made, manifest.files
    ))?;
    if let Some(lacks) = manifest.lacks() {
        say(&format!("As it was made, {lacks}."))?;
    }
    if !checked.files().any(|(_, name)| name.starts_with("keys/")) {
        say("It has no keys: set JWT_SECRET to what it was, or everybody has to sign in again.")?;
    }
    Ok(())
}
