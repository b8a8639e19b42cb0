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
    time::{Duration, Instant},
};

use rustix::{
    fs::{FlockOperation, flock},
    io::Errno,
};

use crate::files::{place, sync_folder_of};

/// Where the files lie that were removed while the folder was held.
pub(crate) const REMOVED: &str = "removed";

/// How long a hold waits for another to end, and for a moment in which no file is being removed.
const PATIENCE: Patience = Patience { holder: Duration::from_secs(2), removals: Duration::from_secs(30) };

struct Patience {
    holder: Duration,
    removals: Duration,
}

/// A folder of blobs from which nothing vanishes until this is dropped.
pub struct HeldBlobs {
    folder: PathBuf,
    _lock: File,
}

impl HeldBlobs {
    /// Holds the folder, or makes it.
    ///
    /// # Errors
    /// [`io::ErrorKind::WouldBlock`] when another process holds it, [`io::ErrorKind::TimedOut`] when files are removed
    /// from it without a pause; others of the file system.
    pub fn hold(folder: &Path) -> io::Result<Self> {
        Self::hold_within(folder, &PATIENCE)
    }

    fn hold_within(folder: &Path, patience: &Patience) -> io::Result<Self> {
        fs::create_dir_all(folder)?;
        let lock = File::open(folder)?;
        let begun = Instant::now();
        while !claim(&lock, FlockOperation::NonBlockingLockExclusive)? {
            // Whoever removes a file shares the lock, and for a moment; who holds the folder has it alone, and for long.
            let (kind, patience) = match claim(&lock, FlockOperation::NonBlockingLockShared)? {
                true => (io::ErrorKind::TimedOut, patience.removals),
                false => (io::ErrorKind::WouldBlock, patience.holder),
            };
            flock(&lock, FlockOperation::Unlock)?;
            if begun.elapsed() >= patience {
                return Err(kind.into());
            }
            thread::sleep(Duration::from_millis(10));
        }
        clear(folder)?;
        Ok(Self { folder: folder.to_owned(), _lock: lock })
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
        if claim(&lock, FlockOperation::NonBlockingLockShared)? {
            fs::remove_file(&path)?;
        } else {
            match move_aside(&path, &folder.join(REMOVED)) {
                // The backup has just ended, and what was aside went with it.
                Err(error) if error.kind() == io::ErrorKind::NotFound && path.exists() => continue,
                moved => moved?,
            }
        }
        break;
    }
    // A disk takes its time: a backup need not wait for that.
    drop(lock);
    sync_folder_of(&path)
}

fn claim(lock: &File, how: FlockOperation) -> io::Result<bool> {
    match flock(lock, how) {
        Err(Errno::WOULDBLOCK) => Ok(false),
        done => Ok(done.map(|()| true)?),
    }
}

fn move_aside(path: &Path, aside: &Path) -> io::Result<()> {
    fs::create_dir_all(aside)?;
    fs::rename(path, aside.join(path.file_name().unwrap_or_default()))
}

/// Removes what a backup left that did not come to its end. While one goes on, nothing.
pub(crate) fn clear_leftovers(folder: &Path) -> io::Result<()> {
    let lock = File::open(folder)?;
    if claim(&lock, FlockOperation::NonBlockingLockExclusive)? { clear(folder) } else { Ok(()) }
}

/// What moves aside meanwhile stays for the next time: the folder is held already.
fn clear(folder: &Path) -> io::Result<()> {
    match fs::remove_dir_all(folder.join(REMOVED)) {
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::DirectoryNotEmpty) => Ok(()),
        done => done,
    }
}

#[cfg(test)]
mod tests {
    use std::{
        io::Read,
        sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    };

    use bytes::Bytes;
    use echo_domain::media::{BlobStore, Part};

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

        assert!(blobs.read(NAME, Part::WHOLE).await.unwrap().is_none());
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

    #[test]
    fn who_holds_it_is_told_from_who_removes() {
        let folder = tempfile::tempdir().unwrap();
        let other = File::open(folder.path()).unwrap();
        let patience = Patience { holder: Duration::ZERO, removals: Duration::ZERO };
        let refused = || HeldBlobs::hold_within(folder.path(), &patience).err().unwrap().kind();

        flock(&other, FlockOperation::LockShared).unwrap();
        assert_eq!(refused(), io::ErrorKind::TimedOut);
        flock(&other, FlockOperation::LockExclusive).unwrap();
        assert_eq!(refused(), io::ErrorKind::WouldBlock);

        drop(other);
        HeldBlobs::hold_within(folder.path(), &patience).unwrap();
    }

    /// As removals overlap that each wait for the disk.
    #[test]
    fn it_waits_until_nobody_removes() {
        let folder = tempfile::tempdir().unwrap();
        let other = File::open(folder.path()).unwrap();
        flock(&other, FlockOperation::LockShared).unwrap();
        let path = folder.path().to_owned();
        let patience = Patience { holder: Duration::ZERO, removals: Duration::from_secs(60) };
        let holding = thread::spawn(move || HeldBlobs::hold_within(&path, &patience).map(drop));
        let waits = !holding.is_finished();

        drop(other);

        holding.join().unwrap().unwrap();
        assert!(waits);
    }

    /// Whoever finds the folder held moves files aside at once, also while what an earlier backup left is being cleared.
    #[test]
    fn it_is_held_although_files_move_aside_already() {
        let folder = tempfile::tempdir().unwrap();
        let aside = folder.path().join(REMOVED);
        let (n, stop) = (AtomicUsize::new(0), AtomicBool::new(false));
        thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    while !stop.load(Ordering::Relaxed) {
                        let path = folder.path().join(n.fetch_add(1, Ordering::Relaxed).to_string());
                        fs::write(&path, b"bytes").unwrap();
                        // Not there: it is just being cleared.
                        let _ = move_aside(&path, &aside);
                    }
                });
            }
            let held: Vec<_> = (0..500).map(|_| HeldBlobs::hold(folder.path()).map(drop)).collect();
            stop.store(true, Ordering::Relaxed);

            held.into_iter().for_each(|held| held.unwrap());
        });
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
