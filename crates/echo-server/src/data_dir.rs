//! The data folder: there, writable, and served by one process at a time.

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

/// Where things lie in the data folder.
pub(crate) struct DataDir {
    pub(crate) path: PathBuf,
}

/// Held by the one process that serves the folder; the system lets go when the process ends, however it ends.
pub(crate) struct Served {
    _lock: File,
}

impl DataDir {
    /// Makes the folder when it is not there.
    ///
    /// # Errors
    /// Naming the folder and the setting.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let unusable = || format!("cannot use the data folder {} (set DATA_DIR to a writable folder)", path.display());
        fs::create_dir_all(path).with_context(unusable)?;
        let data = Self { path: fs::canonicalize(path).with_context(unusable)? };
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
        if !path.join("echo.db").exists() && !swap::is_under_way(path) {
            bail!("there is no Echo in {} (set DATA_DIR to its data folder)", path.display());
        }
        Self::open(path)
    }

    /// Refuses a database without tables: opening it would make them, and nothing be wrong with it.
    ///
    /// # Errors
    /// When it has none, or cannot be used.
    pub(crate) fn require_schema(&self) -> Result<()> {
        let database = self.database();
        ensure!(
            Snapshot::open(&database)?.schema()? > 0,
            "the database {} is empty: restore a backup",
            database.display()
        );
        Ok(())
    }

    pub(crate) fn database(&self) -> PathBuf {
        self.path.join("echo.db")
    }

    pub(crate) fn media(&self) -> PathBuf {
        self.path.join("media")
    }

    /// Keeps every image readable until the end of what it returns, as one backup or restore at a time may.
    ///
    /// # Errors
    /// When another does.
    pub(crate) fn hold_media(&self) -> Result<HeldBlobs> {
        HeldBlobs::hold(&self.media()).map_err(|error| match error.kind() {
            io::ErrorKind::WouldBlock => {
                anyhow!("another backup or restore of {} goes on: wait for its end", self.path.display())
            }
            _ => anyhow!(error).context(format!("cannot use {}", self.media().display())),
        })
    }

    /// Whether a process serves the folder.
    pub(crate) fn is_served(&self) -> bool {
        let lock = File::open(self.path.join("echod.lock"));
        lock.is_ok_and(|lock| flock(&lock, FlockOperation::NonBlockingLockShared) == Err(Errno::WOULDBLOCK))
    }

    /// Claims the folder for this process, and finishes what an interrupted restore has begun.
    ///
    /// # Errors
    /// When another serves it, or it is not writable.
    pub(crate) fn serve(&self) -> Result<Served> {
        let path = self.path.join("echod.lock");
        let unusable =
            || format!("cannot write to the data folder {} (set DATA_DIR to a writable folder)", self.path.display());
        let lock = OpenOptions::new().create(true).truncate(false).write(true).open(path).with_context(unusable)?;
        // Whoever looks whether it is served has the lock for a moment; who serves has it for long.
        for _ in 0..10 {
            match flock(&lock, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => {
                    swap::finish(&self.path)
                        .with_context(|| format!("cannot finish the restore of {}", self.path.display()))?;
                    return Ok(Served { _lock: lock });
                }
                Err(Errno::WOULDBLOCK) => thread::sleep(Duration::from_millis(50)),
                Err(error) => return Err(error).with_context(unusable),
            }
        }
        bail!("another echod serves {} already: stop it, or set DATA_DIR to another folder", self.path.display())
    }
}
