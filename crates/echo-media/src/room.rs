//! How full the disk is.

use std::{
    io,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use async_trait::async_trait;
use echo_domain::{Error, Result, media::Room};
use tokio::{sync::Mutex, task::spawn_blocking};

/// How long an answer of the system is good for.
const GOOD_FOR: Duration = Duration::from_secs(1);

/// Has room as long as the disk under a folder is not too full.
pub struct DiskRoom {
    folder: PathBuf,
    most: u8,
    /// How full it was, in percent, and when.
    last: Mutex<Option<(Instant, u64)>>,
}

impl DiskRoom {
    /// No room while more than `most` percent of the disk are taken.
    #[must_use]
    pub fn new(folder: &Path, most: u8) -> Self {
        Self { folder: folder.to_owned(), most, last: Mutex::new(None) }
    }

    /// In percent, asked for at most once a second.
    async fn taken(&self) -> Result<u64> {
        let mut last = self.last.lock().await;
        match *last {
            Some((asked, taken)) if asked.elapsed() < GOOD_FOR => Ok(taken),
            _ => {
                let folder = self.folder.clone();
                let asking = spawn_blocking(move || taken(&folder));
                let taken = asking.await.map_err(Error::internal)?.map_err(Error::internal)?;
                *last = Some((Instant::now(), taken));
                Ok(taken)
            }
        }
    }
}

#[async_trait]
impl Room for DiskRoom {
    async fn check(&self) -> Result<()> {
        if self.taken().await? > u64::from(self.most) { Err(Error::StorageFull) } else { Ok(()) }
    }
}

/// As `df` counts: of what anybody but root may take.
fn taken(folder: &Path) -> io::Result<u64> {
    let disk = rustix::fs::statvfs(folder)?;
    let taken = disk.f_blocks.saturating_sub(disk.f_bfree);
    let whole = taken.saturating_add(disk.f_bavail);
    Ok(taken.saturating_mul(100).div_ceil(whole.max(1)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_disk_that_is_fuller_than_it_may_be_has_no_room() {
        let folder = tempfile::tempdir().unwrap();
        let room = DiskRoom::new(folder.path(), 95);

        for (taken, full) in [(0, false), (95, false), (96, true), (100, true), (95, false)] {
            *room.last.lock().await = Some((Instant::now(), taken));
            assert_eq!(room.check().await.is_err(), full, "{taken} %");
        }
    }

    #[tokio::test]
    async fn what_the_system_says_is_a_part_of_the_whole() {
        let folder = tempfile::tempdir().unwrap();
        let room = DiskRoom::new(folder.path(), 100);

        assert!((0..=100).contains(&room.taken().await.unwrap()));

        room.check().await.unwrap();
        assert!(DiskRoom::new(&folder.path().join("missing"), 100).check().await.is_err());
    }
}
