//! A backup as one file: an uncompressed tar, in this order:
//!
//! | | |
//! |---|---|
//! | `manifest.json` | what it is and what is in it: [`Manifest`] |
//! | `echo.db` | the records at one moment |
//! | `keys/…` | those of the data folder |
//! | `media/…` | the images that the records name |
//! | `SHA256SUMS` | the hash of each of these, as `sha256sum --check` reads it |
//! | `archive.sha256` | the hash of all bytes before its own content |
//!
//! Why, is in `docs/adr/0007-a-backup-is-a-tar.md`.

mod reader;
#[cfg(test)]
mod tests;
mod writer;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use echo_crypto::{KEY_FILES, Sha256};
use echo_media::FileBlobs;
use serde::{Deserialize, Serialize};

pub(crate) use reader::{Checked, Reader};
pub(crate) use writer::Writer;

pub(crate) const DATABASE: &str = "echo.db";
const MANIFEST: &str = "manifest.json";
const SUMS: &str = "SHA256SUMS";
const SEAL: &str = "archive.sha256";

/// A tar is made of blocks of so many bytes.
const BLOCK: usize = 512;
/// What a tar ends with: two blocks of zeros.
const END: usize = 2 * BLOCK;

/// What is in a backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Manifest {
    /// The version of this layout.
    pub(crate) echo_backup: u32,
    /// The version of the program that made it.
    pub(crate) echod: String,
    /// The version of the database's schema.
    pub(crate) schema: u32,
    /// The moment that the records are of, not much later.
    pub(crate) made: String,
    /// How many rows each table has.
    pub(crate) rows: BTreeMap<String, u64>,
    /// How many files follow, and their length in bytes altogether.
    pub(crate) files: u64,
    pub(crate) bytes: u64,
    /// How many files of images that are shown could not be had any more.
    #[serde(default)]
    pub(crate) n_missing: u64,
    /// A few of these, by name.
    pub(crate) missing: Vec<String>,
}

impl Manifest {
    pub(crate) const FORMAT: u32 = 1;
    /// As many are named as missing: a list of all might be longer than the rest.
    pub(crate) const NAMED: usize = 20;

    /// What is missing in it, in words that a colon may follow; `None` when nothing is.
    pub(crate) fn lacks(&self) -> Option<String> {
        let such_as = self.missing.iter().take(3).map(String::as_str).collect::<Vec<_>>().join(", ");
        (self.n_missing > 0).then(|| format!("it lacks {} files of images that are shown ({such_as})", self.n_missing))
    }
}

/// Where a file of a backup lies in the data folder; `None` for whatever no backup has, such as a path that leads out.
pub(crate) fn place(name: &str) -> Option<PathBuf> {
    if name == DATABASE || name.strip_prefix("keys/").is_some_and(|key| KEY_FILES.contains(&key)) {
        return Some(name.into());
    }
    let (_, blob) = name.strip_prefix("media/")?.rsplit_once('/')?;
    blob_path(blob).filter(|path| path == Path::new(name))
}

/// Where a blob lies in the data folder, and in a backup.
pub(crate) fn blob_path(blob: &str) -> Option<PathBuf> {
    FileBlobs::place(blob).map(|place| Path::new("media").join(place))
}

/// How many bytes fill the last block of a file so long.
fn padding(size: u64) -> usize {
    let over = usize::try_from(size % BLOCK as u64).unwrap_or(0);
    (BLOCK - over) % BLOCK
}

/// The hash of all that can be read.
///
/// # Errors
/// Of `content`.
pub(crate) fn hash(content: impl std::io::Read) -> std::io::Result<String> {
    let mut content = Hashing::new(content);
    std::io::copy(&mut content, &mut std::io::sink())?;
    Ok(content.hash.finish())
}

fn sum_line(hash: &str, name: &str) -> String {
    format!("{hash}  {name}\n")
}

/// Hashes whatever is read from it or written to it.
struct Hashing<T> {
    inner: T,
    hash: Sha256,
    /// How many bytes.
    at: u64,
}

impl<T> Hashing<T> {
    fn new(inner: T) -> Self {
        Self { inner, hash: Sha256::new(), at: 0 }
    }

    fn note(&mut self, bytes: &[u8]) {
        self.hash.update(bytes);
        self.at += bytes.len() as u64;
    }
}

impl<R: std::io::Read> std::io::Read for Hashing<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let n = self.inner.read(buffer)?;
        self.note(&buffer[..n]);
        Ok(n)
    }
}

impl<W: std::io::Write> std::io::Write for Hashing<W> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let n = self.inner.write(bytes)?;
        self.note(&bytes[..n]);
        Ok(n)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.inner.flush()
    }
}
