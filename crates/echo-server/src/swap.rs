//! Puts restored data in the place of what was there. Once it has begun, it is always finished: by the restore itself or,
//! when that is interrupted, by whichever `echod` opens the folder next. Before it has begun, nothing has changed.
//!
//! Everything happens inside the data folder, for that may be a mount, which cannot be renamed:
//!
//! 1. `restoring/` is filled and checked. If it ends here, the old data is as it was.
//! 2. `restoring/` becomes `restored/`, in one step: the swap has begun.
//! 3. The old files move to `replaced/`.
//! 4. `restored/` becomes `arriving/`, in one step: what is in place from here on is new.
//! 5. The files in `arriving/` move into place. Both folders go.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

/// What is swapped. The log belongs to the database: it goes first, for a database without its log is only older.
const PARTS: [&str; 5] = ["echo.db-shm", "echo.db", "echo.db-wal", "keys", "media"];

/// Where a restore puts what it unpacks.
pub(crate) fn staging(data: &Path) -> PathBuf {
    data.join("restoring")
}

/// Whether there is something in the folder that a restore would replace.
pub(crate) fn has_data(data: &Path) -> bool {
    PARTS.iter().any(|part| data.join(part).exists())
}

/// Whether a swap has begun and not ended.
pub(crate) fn is_under_way(data: &Path) -> bool {
    data.join("restored").exists() || data.join("arriving").exists()
}

/// Swaps what is in [`staging`] with what is in the folder, once it is on disk. The caller serves the folder.
///
/// # Errors
/// Of the file system.
pub(crate) fn swap(data: &Path) -> io::Result<()> {
    sync_all_below(&staging(data))?;
    rename(&staging(data), &data.join("restored"))?;
    finish(data)
}

/// Finishes a swap that has begun, and removes what one that has not begun has left. The caller serves the folder.
///
/// # Errors
/// Of the file system; what has been done stays, and the next call goes on from there.
pub(crate) fn finish(data: &Path) -> io::Result<()> {
    let (restored, arriving, replaced) = (data.join("restored"), data.join("arriving"), data.join("replaced"));
    if restored.exists() {
        fs::create_dir_all(&replaced)?;
        move_parts(data, &replaced)?;
        rename(&restored, &arriving)?;
    }
    if arriving.exists() {
        move_parts(&arriving, data)?;
        remove(&arriving)?;
    }
    remove(&replaced)?;
    remove(&staging(data))
}

fn move_parts(from: &Path, to: &Path) -> io::Result<()> {
    for part in PARTS {
        if from.join(part).exists() {
            fs::rename(from.join(part), to.join(part))?;
        }
    }
    sync(to)?;
    sync(from)
}

fn rename(from: &Path, to: &Path) -> io::Result<()> {
    fs::rename(from, to)?;
    to.parent().map_or(Ok(()), sync)
}

fn remove(folder: &Path) -> io::Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// All at once: a call per file takes a disk many times as long.
#[cfg(target_os = "linux")]
fn sync_all_below(folder: &Path) -> io::Result<()> {
    Ok(rustix::fs::syncfs(File::open(folder)?)?)
}

/// All at once, as far as this system can tell.
#[cfg(not(target_os = "linux"))]
fn sync_all_below(_: &Path) -> io::Result<()> {
    rustix::fs::sync();
    Ok(())
}

fn sync(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fill(folder: &Path, what: &str, parts: &[&str]) {
        for part in parts {
            fs::create_dir_all(folder.join(part)).unwrap();
            fs::write(folder.join(part).join("content"), what).unwrap();
        }
    }

    /// What is in place, part by part.
    fn content(data: &Path) -> Vec<(&'static str, String)> {
        let read = |part| Some((part, fs::read_to_string(data.join(part).join("content")).ok()?));
        PARTS.into_iter().filter_map(read).collect()
    }

    fn is_tidy(data: &Path) -> bool {
        ["restoring", "restored", "arriving", "replaced"].iter().all(|name| !data.join(name).exists())
    }

    fn begun() -> tempfile::TempDir {
        let data = tempfile::tempdir().unwrap();
        fill(data.path(), "old", &["echo.db", "echo.db-wal", "keys"]);
        fill(&staging(data.path()), "new", &["echo.db", "media"]);
        data
    }

    #[test]
    fn the_new_is_in_place_and_nothing_of_the_old() {
        let data = begun();

        swap(data.path()).unwrap();

        let new = |part| (part, "new".to_owned());
        assert_eq!(content(data.path()), [new("echo.db"), new("media")]);
        assert!(is_tidy(data.path()));
    }

    #[test]
    fn what_has_not_begun_leaves_the_old() {
        let data = begun();
        let before = content(data.path());

        assert!(!is_under_way(data.path()));
        finish(data.path()).unwrap();

        assert_eq!(content(data.path()), before);
        assert!(is_tidy(data.path()));
    }

    #[test]
    fn it_goes_on_from_wherever_it_was_interrupted() {
        // As many renames as there are: each state between two of them.
        let steps = |data: &Path| -> Vec<(PathBuf, PathBuf)> {
            let at = |name: &str| data.join(name);
            vec![
                (at("restoring"), at("restored")),
                (at("echo.db"), at("replaced/echo.db")),
                (at("echo.db-wal"), at("replaced/echo.db-wal")),
                (at("keys"), at("replaced/keys")),
                (at("restored"), at("arriving")),
                (at("arriving/echo.db"), at("echo.db")),
                (at("arriving/media"), at("media")),
            ]
        };
        for done in 1..=7 {
            let data = begun();
            fs::create_dir(data.path().join("replaced")).unwrap();
            for (from, to) in &steps(data.path())[..done] {
                fs::rename(from, to).unwrap();
            }

            assert!(is_under_way(data.path()), "after {done} steps");
            finish(data.path()).unwrap();

            assert_eq!(content(data.path()).len(), 2, "after {done} steps");
            assert!(content(data.path()).iter().all(|(_, what)| what == "new"), "after {done} steps");
            assert!(is_tidy(data.path()), "after {done} steps");
        }
    }
}
