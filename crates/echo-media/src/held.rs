//! Images stay readable for a backup, whatever is removed meanwhile.
//!
//! A backup holds the folder, then copies the records, then the files that these name. What Echo removes in between is
//! gone for its clients at once, but its file only moves aside, into `removed/`, until the backup ends. The hold is a
//! lock on the folder: the system lets go of it when the backup's process ends, however it ends.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

use rustix::{
    fs::{FlockOperation, flock},
    io::Errno,
};

use crate::files::{place, sync_folder_of};

/// Where the files lie that were removed while the folder was held.
pub(crate) const REMOVED: &str = "removed";

/// A folder of blobs from which nothing vanishes until this is dropped.
pub struct HeldBlobs {
    folder: PathBuf,
    _lock: File,
}

impl HeldBlobs {
    /// Holds the folder, or makes it.
    ///
    /// # Errors
    /// [`io::ErrorKind::WouldBlock`] when another process holds it; others of the file system.
    pub fn hold(folder: &Path) -> io::Result<Self> {
        fs::create_dir_all(folder)?;
        let lock = File::open(folder)?;
        // Whoever removes a file has the lock for a moment; a backup has it for long.
        for _ in 0..40 {
            match flock(&lock, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => {
                    clear(folder)?;
                    return Ok(Self { folder: folder.to_owned(), _lock: lock });
                }
                Err(Errno::WOULDBLOCK) => thread::sleep(Duration::from_millis(50)),
                Err(error) => return Err(error.into()),
            }
        }
        Err(io::ErrorKind::WouldBlock.into())
    }

    /// The blob's file, also when it was removed since; `None` when it was gone before.
    ///
    /// # Errors
    /// Of the file system.
    pub fn open(&self, name: &str) -> io::Result<Option<File>> {
        let Some(place) = place(name) else { return Ok(None) };
        for path in [self.folder.join(place), self.folder.join(REMOVED).join(name)] {
            match File::open(path) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                opened => return opened.map(Some),
            }
        }
        Ok(None)
    }
}

impl Drop for HeldBlobs {
    fn drop(&mut self) {
        // What stays goes at the next start, or by the next backup.
        let _ = clear(&self.folder);
    }
}

/// Removes the file at `place` for good, or moves it aside while the folder is held.
pub(crate) fn remove(folder: &Path, place: &Path) -> io::Result<()> {
    let path = folder.join(place);
    let lock = File::open(folder)?;
    loop {
        match flock(&lock, FlockOperation::NonBlockingLockShared) {
            Ok(()) => fs::remove_file(&path)?,
            Err(Errno::WOULDBLOCK) => match move_aside(&path, &folder.join(REMOVED)) {
                // The backup has just ended, and what was aside went with it.
                Err(error) if error.kind() == io::ErrorKind::NotFound && path.exists() => continue,
                moved => moved?,
            },
            Err(error) => return Err(error.into()),
        }
        return sync_folder_of(&path);
    }
}

fn move_aside(path: &Path, aside: &Path) -> io::Result<()> {
    fs::create_dir_all(aside)?;
    fs::rename(path, aside.join(path.file_name().unwrap_or_default()))
}

/// Removes what a backup left that did not come to its end. While one goes on, nothing.
pub(crate) fn clear_leftovers(folder: &Path) -> io::Result<()> {
    let lock = File::open(folder)?;
    match flock(&lock, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => clear(folder),
        Err(Errno::WOULDBLOCK) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

fn clear(folder: &Path) -> io::Result<()> {
    match fs::remove_dir_all(folder.join(REMOVED)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use bytes::Bytes;
    use echo_domain::media::BlobStore;

    use crate::FileBlobs;

    use super::*;

    const NAME: &str = "0123456789abcdef01234567.webp";

    async fn with_one() -> (tempfile::TempDir, FileBlobs) {
        let folder = tempfile::tempdir().unwrap();
        let blobs = FileBlobs::open(folder.path()).unwrap();
        blobs.put(NAME, Bytes::from_static(b"bytes")).await.unwrap();
        (folder, blobs)
    }

    fn read(held: &HeldBlobs) -> Option<String> {
        let mut text = String::new();
        held.open(NAME).unwrap()?.read_to_string(&mut text).unwrap();
        Some(text)
    }

    #[tokio::test]
    async fn what_is_removed_meanwhile_is_gone_for_all_but_the_holder() {
        let (folder, blobs) = with_one().await;
        let held = HeldBlobs::hold(folder.path()).unwrap();

        blobs.remove(NAME).await.unwrap();
        blobs.remove(NAME).await.unwrap();
        FileBlobs::open(folder.path()).unwrap();

        assert!(blobs.read(NAME, None).await.unwrap().is_none());
        assert_eq!(read(&held).as_deref(), Some("bytes"));
        drop(held);
        assert!(!folder.path().join(REMOVED).exists());
    }

    #[tokio::test]
    async fn what_was_removed_before_is_gone() {
        let (folder, blobs) = with_one().await;

        blobs.remove(NAME).await.unwrap();

        assert_eq!(read(&HeldBlobs::hold(folder.path()).unwrap()), None);
    }

    #[tokio::test]
    async fn one_holds_at_a_time_and_leftovers_go_at_the_next_start() {
        let (folder, _) = with_one().await;
        let held = HeldBlobs::hold(folder.path()).unwrap();

        let second = HeldBlobs::hold(folder.path()).err().unwrap();

        assert_eq!(second.kind(), io::ErrorKind::WouldBlock);
        drop(held);
        fs::create_dir(folder.path().join(REMOVED)).unwrap();
        FileBlobs::open(folder.path()).unwrap();
        assert!(!folder.path().join(REMOVED).exists());
    }
}
