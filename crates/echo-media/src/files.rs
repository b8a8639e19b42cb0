//! Blobs as files in a folder.

use std::{
    fs::{self, File},
    io::{self, Seek, SeekFrom, Write},
    ops::Range,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use async_trait::async_trait;
use bytes::Bytes;
use echo_domain::{
    BoxError, Error, Result,
    media::{Blob, BlobName, BlobStore, Part},
};
use futures_util::TryStreamExt;
use tempfile::NamedTempFile;
use tokio::{io::AsyncReadExt, task::spawn_blocking};
use tokio_util::io::ReaderStream;
use tracing::instrument;

use crate::held;

/// How much of a file is read at a time, in bytes.
const CHUNK: usize = 64 << 10;

/// No blob takes that long to write: what is older, a crash has left. Other processes may write to the folder too.
const STALE: Duration = Duration::from_secs(3600);

const UNFINISHED: &str = "unfinished";

/// Keeps each blob in a file of its own, spread over 256 folders by the end of its stem.
pub struct FileBlobs {
    folder: PathBuf,
    /// Where files are written until they are whole.
    unfinished: PathBuf,
}

impl FileBlobs {
    /// Opens the folder, or makes it, and removes what a crash or an interrupted backup has left.
    ///
    /// # Errors
    /// When it cannot be made or read.
    pub fn open(folder: &Path) -> io::Result<Self> {
        let unfinished = folder.join(UNFINISHED);
        fs::create_dir_all(&unfinished)?;
        for entry in fs::read_dir(&unfinished)? {
            let entry = entry?;
            if entry.metadata()?.modified()?.elapsed().is_ok_and(|age| age > STALE) {
                fs::remove_file(entry.path())?;
            }
        }
        held::clear_leftovers(folder)?;
        Ok(Self { folder: folder.to_owned(), unfinished })
    }

    /// Where the blob lies; `None` when the name is no name of ours.
    fn path(&self, name: &str) -> Option<PathBuf> {
        place(name).map(|place| self.folder.join(place))
    }
}

#[async_trait]
impl BlobStore for FileBlobs {
    #[instrument(level = "debug", name = "files.put", skip_all)]
    async fn put(&self, name: &str, bytes: Bytes) -> Result<()> {
        let path = self.path(name).ok_or_else(|| Error::internal(format!("{name:?} is no name for a blob")))?;
        let unfinished = self.unfinished.clone();
        blocking(move || write(&path, &unfinished, &bytes)).await?.map_err(not_kept)
    }

    #[instrument(level = "debug", name = "files.read", skip_all)]
    async fn read(&self, name: &str, part: Part) -> Result<Option<Blob>> {
        let Some(path) = self.path(name) else { return Ok(None) };
        match blocking(move || open_at(&path, &part)).await? {
            Ok((file, length, part)) => {
                let whole = file.try_clone().map_err(Error::internal)?;
                let file = tokio::fs::File::from_std(file).take(part.end - part.start);
                let bytes = Box::pin(ReaderStream::with_capacity(file, CHUNK).map_err(BoxError::from));
                Ok(Some(Blob { length, part, bytes, file: Some(Arc::new(whole)), copy: None }))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Error::internal(error)),
        }
    }

    #[instrument(level = "debug", name = "files.remove", skip_all)]
    async fn remove(&self, name: &str) -> Result<()> {
        let Some(place) = place(name) else {
            tracing::debug!(location = name, "what another service delivers stays there");
            return Ok(());
        };
        let folder = self.folder.clone();
        match blocking(move || held::remove(&folder, &place)).await? {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(Error::internal(error)),
            _ => Ok(()),
        }
    }

    async fn check(&self) -> Result<()> {
        let folder = self.unfinished.clone();
        blocking(move || fs::metadata(folder)).await?.map(drop).map_err(Error::internal)
    }
}

/// Where the blob lies in the folder; `None` when the name is no name of ours.
pub(crate) fn place(name: &str) -> Option<PathBuf> {
    let name = BlobName::parse(name)?.as_str();
    Some(Path::new(shard(name)).join(name))
}

/// The last two digits of the stem: as good as random, so that folders fill evenly.
fn shard(name: &str) -> &str {
    name.get(22..24).filter(|digits| digits.bytes().all(|c| c.is_ascii_hexdigit())).unwrap_or("00")
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
    spawn_blocking(work).await.map_err(Error::internal)
}

/// Under its name the file is whole or not at all; the temporary one goes with its guard when anything fails.
fn write(path: &Path, unfinished: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = NamedTempFile::new_in(unfinished)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    make_folder_of(path)?;
    file.persist(path)?;
    sync_folder_of(path)
}

fn make_folder_of(path: &Path) -> io::Result<()> {
    let Some(folder) = path.parent() else { return Ok(()) };
    match fs::create_dir(folder) {
        Ok(()) => sync_folder_of(folder),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error),
    }
}

/// Makes durable which names are in the folder that the path is in.
pub(crate) fn sync_folder_of(path: &Path) -> io::Result<()> {
    path.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
}

/// The file at the start of the part, its whole length, and where the part is.
fn open_at(path: &Path, part: &Part) -> io::Result<(File, u64, Range<u64>)> {
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    let part = part.of(length);
    file.seek(SeekFrom::Start(part.start))?;
    Ok((file, length, part))
}

fn not_kept(error: io::Error) -> Error {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Error::StorageFull,
        _ => Error::internal(error),
    }
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;

    const NAME: &str = "6553f10001020304ff0000a7-640.webp";

    #[tokio::test]
    async fn a_blob_lies_in_the_folder_of_its_id() {
        let folder = tempfile::tempdir().unwrap();
        let blobs = FileBlobs::open(folder.path()).unwrap();

        blobs.put(NAME, Bytes::from_static(b"hello")).await.unwrap();

        assert_eq!(fs::read(folder.path().join("a7").join(NAME)).unwrap(), b"hello");
        assert_eq!(fs::read_dir(folder.path().join("unfinished")).unwrap().count(), 0);
    }

    #[tokio::test]
    async fn names_that_lead_elsewhere_lead_nowhere() {
        let folder = tempfile::tempdir().unwrap();
        let blobs = FileBlobs::open(folder.path()).unwrap();

        for name in ["a..b", "../a7", "/etc/passwd", "a/b", "unfinished/a", "a\\b", "a b", "ä"] {
            assert!(blobs.read(name, Part::WHOLE).await.unwrap().is_none(), "{name}");
            assert!(matches!(blobs.put(name, Bytes::new()).await, Err(Error::Internal(_))), "{name}");
        }
    }

    #[test]
    fn what_a_crash_left_is_removed_at_the_next_start() {
        let folder = tempfile::tempdir().unwrap();
        FileBlobs::open(folder.path()).unwrap();
        let (old, new) = (folder.path().join("unfinished/old"), folder.path().join("unfinished/new"));
        fs::write(&new, b"half").unwrap();
        fs::write(&old, b"half").unwrap();
        File::options().write(true).open(&old).unwrap().set_modified(SystemTime::UNIX_EPOCH).unwrap();

        FileBlobs::open(folder.path()).unwrap();

        assert!(!old.exists());
        assert!(new.exists(), "somebody may be writing it");
    }

    #[test]
    fn a_full_disk_is_told_from_other_failures() {
        for full in [io::ErrorKind::StorageFull, io::ErrorKind::QuotaExceeded] {
            assert!(matches!(not_kept(full.into()), Error::StorageFull));
        }
        assert!(matches!(not_kept(io::ErrorKind::PermissionDenied.into()), Error::Internal(_)));
    }

    #[test]
    fn writing_to_a_full_disk_says_so() {
        let error = File::options().write(true).open("/dev/full").unwrap().write_all(b"x").unwrap_err();

        assert!(matches!(not_kept(error), Error::StorageFull));
    }
}
