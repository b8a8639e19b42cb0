//! Puts restored data in the place of what was there. Before it has begun, nothing has changed. Once what is in place is
//! new, it is always finished: by the restore itself or, when that is interrupted, by whichever `echod` opens the folder
//! next. In between it is finished, or undone.
//!
//! Everything happens inside the data folder, for that may be a mount, which cannot be renamed:
//!
//! 1. `restoring/` is filled and checked. If it ends here, the old data is as it was.
//! 2. `restoring/` becomes `restored/`, in one step: the swap has begun.
//! 3. The old files move to `replaced/`. Where one cannot, all move back.
//! 4. `restored/` becomes `arriving/`, in one step: what is in place from here on is new.
//! 5. The files in `arriving/` move into place. Both folders go.

use std::{
    fs::{self, File},
    io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};

/// What is swapped, in this order. Nothing new is in place before all that is old has gone, so no log ever lies beside
/// another database than its own. The database goes before its log and comes back after it: without that, it might lack
/// what a checkpoint was about to write.
const PARTS: [&str; 5] = ["echo.db-shm", "echo.db", "echo.db-wal", "keys", "media"];

/// Where a restore puts what it unpacks.
pub(crate) fn staging(data: &Path) -> PathBuf {
    data.join("restoring")
}

/// Whether there is something in the folder that a restore would replace. Empty folders are nothing.
///
/// # Errors
/// Of the file system.
pub(crate) fn has_data(data: &Path) -> io::Result<bool> {
    for part in PARTS.map(|part| data.join(part)) {
        match fs::symlink_metadata(&part) {
            Ok(found) if found.is_dir() && fs::read_dir(&part)?.next().is_none() => {}
            Ok(_) => return Ok(true),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(false)
}

/// Whether a swap has begun and not ended.
pub(crate) fn is_under_way(data: &Path) -> bool {
    data.join("restored").exists() || data.join("arriving").exists()
}

/// Looks whether every part can be renamed.
///
/// # Errors
/// Naming one that cannot, and the cure.
pub(crate) fn check(data: &Path) -> Result<()> {
    let device = fs::metadata(data)?.dev();
    for part in PARTS {
        let path = data.join(part);
        let found = match fs::symlink_metadata(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            found => found.with_context(|| format!("cannot look at {}", path.display()))?,
        };
        let what = if found.is_symlink() {
            "a symbolic link"
        } else if found.dev() != device || is_mount(&path) {
            "a mount of its own"
        } else {
            continue;
        };
        bail!(
            "{} is {what}, which cannot be exchanged: restore into a new folder (DATA_DIR), then copy its {part} to where \
             this one leads",
            path.display()
        );
    }
    Ok(())
}

/// Whether something is mounted there, also from the same disk.
#[cfg(target_os = "linux")]
fn is_mount(path: &Path) -> bool {
    use rustix::fs::{AtFlags, CWD, StatxAttributes, StatxFlags, statx};
    let found = statx(CWD, path, AtFlags::SYMLINK_NOFOLLOW, StatxFlags::empty());
    found.is_ok_and(|found| found.stx_attributes.contains(StatxAttributes::MOUNT_ROOT))
}

/// As far as this system can tell.
#[cfg(not(target_os = "linux"))]
fn is_mount(_: &Path) -> bool {
    false
}

/// Swaps what is in [`staging`] with what is in the folder, once it is on disk. The caller has the folder for itself, and
/// has seen to [`check`].
///
/// # Errors
/// Of the file system, and what lies where.
pub(crate) fn swap(data: &Path) -> Result<()> {
    sync_all_below(&staging(data))?;
    rename(&staging(data), &data.join("restored"))?;
    finish(data)
}

/// Finishes a swap that has begun, and removes what one that has not begun has left. The caller serves the folder.
///
/// # Errors
/// Of the file system, and what lies where. Either it is undone, or the next call goes on from there.
pub(crate) fn finish(data: &Path) -> Result<()> {
    let (restored, arriving, replaced) = (data.join("restored"), data.join("arriving"), data.join("replaced"));
    if restored.exists() {
        if let Err(error) = move_out(data, &replaced) {
            undo(data).with_context(|| {
                format!(
                    "{error:#}; what was there is partly in {}, and the restored in {}",
                    replaced.display(),
                    restored.display()
                )
            })?;
            return Err(error.context("nothing is replaced, what was there is in place again"));
        }
        rename(&restored, &arriving)?;
    }
    if arriving.exists() {
        move_in(&arriving, data).with_context(|| {
            format!("what was there is in {}, the rest of the restored in {}", replaced.display(), arriving.display())
        })?;
        remove(&arriving)?;
    }
    remove(&replaced)?;
    Ok(remove(&staging(data))?)
}

/// What is old goes aside.
fn move_out(data: &Path, replaced: &Path) -> Result<()> {
    fs::create_dir_all(replaced).with_context(|| format!("cannot make {}", replaced.display()))?;
    for part in PARTS {
        move_part(&data.join(part), &free(replaced, part)?)?;
    }
    Ok(sync(replaced).and_then(|()| sync(data))?)
}

/// What is new comes into place. What is there by now somebody else has put there, since the old has gone.
fn move_in(arriving: &Path, data: &Path) -> Result<()> {
    let replaced = data.join("replaced");
    fs::create_dir_all(&replaced)?;
    for part in PARTS.into_iter().filter(|part| exists(&arriving.join(part))) {
        move_part(&data.join(part), &free(&replaced, part)?)?;
        move_part(&arriving.join(part), &data.join(part))?;
    }
    Ok(sync(data).and_then(|()| sync(arriving))?)
}

/// Back to before the swap has begun.
fn undo(data: &Path) -> Result<()> {
    for part in PARTS.into_iter().rev() {
        move_part(&data.join("replaced").join(part), &data.join(part))?;
    }
    sync(data)?;
    rename(&data.join("restored"), &staging(data))?;
    // What stays of it goes at the next start.
    let _ = remove(&staging(data));
    Ok(())
}

/// A place in the folder for the part, where nothing is yet.
fn free(folder: &Path, part: &str) -> io::Result<PathBuf> {
    let place = folder.join(part);
    if exists(&place) { Ok(tempfile::tempdir_in(folder)?.keep().join(part)) } else { Ok(place) }
}

/// If it is there.
fn move_part(from: &Path, to: &Path) -> Result<()> {
    match fs::rename(from, to) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        done => done.with_context(|| format!("cannot move {} to {}", from.display(), to.display())),
    }
}

fn exists(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok()
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

/// Has the system write all of it to disk, at once: a call per file takes a disk many times as long.
#[cfg(target_os = "linux")]
pub(crate) fn sync_all_below(folder: &Path) -> io::Result<()> {
    Ok(rustix::fs::syncfs(File::open(folder)?)?)
}

/// All at once, as far as this system can tell.
#[cfg(not(target_os = "linux"))]
pub(crate) fn sync_all_below(_: &Path) -> io::Result<()> {
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

    #[test]
    fn what_cannot_move_out_leaves_the_old_in_place() {
        let data = begun();
        fill(data.path(), "old", &["media/inside"]);
        let before = content(data.path());
        // No folder can be moved into itself: this fails after the database has gone.
        std::os::unix::fs::symlink("media/inside", data.path().join("replaced")).unwrap();

        let refused = format!("{:#}", swap(data.path()).unwrap_err());

        assert!(refused.contains("is in place again") && refused.contains("cannot move"), "{refused}");
        assert_eq!(content(data.path()), before);
        assert!(!is_under_way(data.path()));
        fs::remove_file(data.path().join("replaced")).unwrap();
        finish(data.path()).unwrap();
        assert_eq!(content(data.path()), before);
    }

    #[test]
    fn what_others_put_there_meanwhile_does_not_stop_it() {
        for begun_with in ["restored", "arriving"] {
            let data = begun();
            fs::rename(staging(data.path()), data.path().join(begun_with)).unwrap();
            fill(&data.path().join("replaced"), "old", &["echo.db", "media"]);
            fill(data.path(), "other", &["media"]);

            finish(data.path()).unwrap();

            let content = content(data.path());
            assert!(["echo.db", "media"].iter().all(|part| content.contains(&(part, "new".to_owned()))), "{content:?}");
            assert!(is_tidy(data.path()), "{begun_with}");
        }
    }

    #[test]
    fn links_and_mounts_are_told_before_anything_moves() {
        let data = begun();
        check(data.path()).unwrap();
        std::os::unix::fs::symlink("/nowhere", data.path().join("media")).unwrap();

        let refused = check(data.path()).unwrap_err().to_string();

        assert!(refused.contains("media is a symbolic link") && refused.contains("DATA_DIR"), "{refused}");
        assert!(!is_mount(data.path()));
        assert_eq!(is_mount(Path::new("/proc")), cfg!(target_os = "linux"));
    }

    #[test]
    fn empty_folders_are_no_data() {
        let data = tempfile::tempdir().unwrap();
        fs::create_dir(data.path().join("media")).unwrap();
        assert!(!has_data(data.path()).unwrap());
        fs::write(data.path().join("media/image"), "").unwrap();
        assert!(has_data(data.path()).unwrap());
    }
}
