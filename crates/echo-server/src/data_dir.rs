//! The data folder: there, writable, and served by one process at a time.
//!
//! Two locks tell who uses it. Every command shares the one on the folder itself, but a restore or a migration has it
//! alone: what they replace, nobody has open. Whoever serves the folder has `echod.lock`, too; those who need it to stay
//! as it is, a move and whoever serves it read-only, share that.

use std::{
    fs::{self, File, OpenOptions},
    io,
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

use anyhow::{Context, Result, anyhow, bail, ensure};
use echo_media::HeldBlobs;
use echo_sqlite::Snapshot;
use rustix::{
    fs::{FlockOperation, flock},
    io::Errno,
};

use crate::swap;

/// Where things lie in the data folder. While this is there, nobody replaces what is in it.
pub(crate) struct DataDir {
    pub(crate) path: PathBuf,
    /// On the folder itself.
    lock: File,
}

/// Held by the one process that serves the folder, or by those that keep it as it is; the system lets go when the process
/// ends, however it ends.
pub(crate) struct Served {
    _lock: File,
}

impl DataDir {
    /// Makes the folder when it is not there.
    ///
    /// # Errors
    /// Naming the folder and the setting, or that it is being restored or migrated.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        fs::create_dir_all(path).with_context(|| unusable(path))?;
        let path = fs::canonicalize(path).with_context(|| unusable(path))?;
        let lock = File::open(&path).with_context(|| unusable(&path))?;
        let data = Self { path, lock };
        ensure!(
            claim(&data.lock, FlockOperation::NonBlockingLockShared)?,
            "a restore or a migration of {} goes on: wait for its end",
            data.path.display()
        );
        if swap::is_under_way(&data.path) {
            // Serving finishes it.
            drop(data.serve()?);
        }
        Ok(data)
    }

    /// The folder, where an Echo has kept something.
    ///
    /// # Errors
    /// When there is none: to make one would be to look into the wrong folder. When its database cannot be used.
    pub(crate) fn existing(path: &Path) -> Result<Self> {
        let data = Self::found(path)?;
        data.require_schema()?;
        Ok(data)
    }

    /// The folder, where there is a database, whatever state that is in.
    ///
    /// # Errors
    /// When there is none.
    pub(crate) fn found(path: &Path) -> Result<Self> {
        let has_database = path.join("echo.db").try_exists().with_context(|| unusable(path))?;
        ensure!(
            has_database || swap::is_under_way(path),
            "there is no Echo in {} (set DATA_DIR to its data folder)",
            path.display()
        );
        Self::open(path)
    }

    /// Refuses a database without tables: opening it would make them, and nothing be wrong with it.
    ///
    /// # Errors
    /// When it has none, or cannot be used.
    pub(crate) fn require_schema(&self) -> Result<()> {
        Snapshot::open(&self.database())?;
        Ok(())
    }

    pub(crate) fn database(&self) -> PathBuf {
        self.path.join("echo.db")
    }

    pub(crate) fn media(&self) -> PathBuf {
        self.path.join("media")
    }

    /// Keeps every image readable until the end of what it returns, as one backup at a time may.
    ///
    /// # Errors
    /// When another does.
    pub(crate) fn hold_media(&self) -> Result<HeldBlobs> {
        HeldBlobs::hold(&self.media()).map_err(|error| match error.kind() {
            io::ErrorKind::WouldBlock => anyhow!("another backup of {} goes on: wait for its end", self.path.display()),
            io::ErrorKind::TimedOut => anyhow!("images are removed without a pause: try it again later"),
            _ => anyhow!(error).context(format!("cannot use {}", self.media().display())),
        })
    }

    /// Whether a process serves the folder and changes it. A restore or a migration, which claims it as well, cannot go on: see
    /// [`Self::open`].
    pub(crate) fn is_served(&self) -> bool {
        let lock = File::open(self.path.join("echod.lock"));
        lock.is_ok_and(|lock| flock(&lock, FlockOperation::NonBlockingLockShared) == Err(Errno::WOULDBLOCK))
    }

    /// Claims the folder for this process, and finishes what an interrupted restore has begun.
    ///
    /// # Errors
    /// When another serves it, or it is not writable.
    pub(crate) fn serve(&self) -> Result<Served> {
        let lock = self.lock_file()?;
        if !claim(&lock, FlockOperation::NonBlockingLockExclusive)? {
            ensure!(claim(&lock, FlockOperation::NonBlockingLockShared)?, self.is_served_already());
            bail!(self.is_kept_still());
        }
        swap::finish(&self.path).with_context(|| format!("cannot finish the restore of {}", self.path.display()))?;
        Ok(Served { _lock: lock })
    }

    /// Sees to it that nobody changes what is in the folder, until the end of what it returns.
    ///
    /// # Errors
    /// When somebody serves it who may, or it is not writable.
    pub(crate) fn keep_still(&self) -> Result<Served> {
        let lock = self.lock_file()?;
        ensure!(
            claim(&lock, FlockOperation::NonBlockingLockShared)?,
            "an echod serves {} and changes it: stop it, or restart it with READ_ONLY=on",
            self.path.display()
        );
        Ok(Served { _lock: lock })
    }

    /// Refuses while somebody needs the folder to stay as it is: a move would miss what is changed now.
    ///
    /// # Errors
    /// Then, or when it is not writable.
    pub(crate) fn require_changeable(&self) -> Result<()> {
        let lock = self.lock_file()?;
        let is_still = claim(&lock, FlockOperation::NonBlockingLockShared)?
            && !claim(&lock, FlockOperation::NonBlockingLockExclusive)?;
        ensure!(!is_still, self.is_kept_still());
        Ok(())
    }

    fn lock_file(&self) -> Result<File> {
        let path = self.path.join("echod.lock");
        let unusable =
            || format!("cannot write to the data folder {} (set DATA_DIR to a writable folder)", self.path.display());
        OpenOptions::new().create(true).truncate(false).write(true).open(path).with_context(unusable)
    }

    /// Claims the folder for this process, while no other uses it in any way.
    ///
    /// # Errors
    /// Naming who uses it, or that it is not writable.
    pub(crate) fn alone(&self) -> Result<Served> {
        if claim(&self.lock, FlockOperation::NonBlockingLockExclusive)? {
            return self.serve();
        }
        let path = self.path.display();
        if !claim(&self.lock, FlockOperation::NonBlockingLockShared)? {
            bail!("another restore or migration of {path} goes on: wait for its end");
        }
        ensure!(!self.is_served(), self.is_served_already());
        self.require_changeable()?;
        bail!("another command, such as `echod backup` or `echod user`, uses {path}: wait for its end")
    }

    fn is_served_already(&self) -> String {
        format!("another echod serves {} already: stop it, or set DATA_DIR to another folder", self.path.display())
    }

    fn is_kept_still(&self) -> String {
        format!("{} is served read-only, or being moved: wait for its end", self.path.display())
    }
}

fn unusable(path: &Path) -> String {
    format!("cannot use the data folder {} (set DATA_DIR to a writable folder)", path.display())
}

/// Whether the lock could be had. Who only looks has it for a moment; it waits for that.
fn claim(lock: &File, how: FlockOperation) -> io::Result<bool> {
    for _ in 0..10 {
        match flock(lock, how) {
            Ok(()) => return Ok(true),
            Err(Errno::WOULDBLOCK) => thread::sleep(Duration::from_millis(50)),
            Err(error) => return Err(error.into()),
        }
    }
    Ok(false)
}
