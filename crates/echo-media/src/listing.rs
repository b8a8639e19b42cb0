//! Which files there are, for whoever compares them with the records.

use std::{
    fs, io,
    path::{Path, PathBuf},
    time::Duration,
};

use crate::{FileBlobs, files::place};

/// Where files lie that no record names.
const STRAYS: &str = "strays";

/// A folder of blobs as it lies there. Only what is asked for changes it, and it need not exist.
pub struct BlobFolder(pub PathBuf);

/// A file in the folder of blobs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlobFile {
    /// From the folder on: `ab/…ab.webp`.
    pub place: PathBuf,
    /// In bytes.
    pub length: u64,
    /// How long ago it was written.
    pub age: Duration,
}

impl FileBlobs {
    /// Where the blob of this name lies, from the folder on; `None` when it is no name of ours.
    #[must_use]
    pub fn place(name: &str) -> Option<PathBuf> {
        place(name)
    }
}

impl BlobFolder {
    /// Every file in the folders for blobs, whatever its name. Links are followed, as they are when blobs are read.
    ///
    /// # Errors
    /// Of the file system.
    pub fn files(&self) -> io::Result<Vec<BlobFile>> {
        let mut files = Vec::new();
        let shards = match fs::read_dir(&self.0) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(files),
            shards => shards?,
        };
        for shard in shards {
            let shard = shard?;
            let name = shard.file_name();
            if is_shard(name.as_encoded_bytes()) && fs::metadata(shard.path())?.is_dir() {
                list(&shard.path(), Path::new(&name), &mut files)?;
            }
        }
        Ok(files)
    }

    /// Moves a file that [`BlobFolder::files`] found to where it is not found again.
    ///
    /// # Errors
    /// [`io::ErrorKind::AlreadyExists`] when one of its name was moved there before; others of the file system.
    pub fn set_aside(&self, file: &BlobFile) -> io::Result<()> {
        let aside = self.0.join(STRAYS).join(&file.place);
        if let Some(folder) = aside.parent() {
            fs::create_dir_all(folder)?;
        }
        if aside.try_exists()? {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        fs::rename(self.0.join(&file.place), aside)
    }

    /// Where [`BlobFolder::set_aside`] moves files.
    #[must_use]
    pub fn strays(&self) -> PathBuf {
        self.0.join(STRAYS)
    }
}

/// What else lies beside these folders is for others to see to.
fn is_shard(name: &[u8]) -> bool {
    name.len() == 2 && name.iter().all(u8::is_ascii_hexdigit)
}

fn list(shard: &Path, name: &Path, files: &mut Vec<BlobFile>) -> io::Result<()> {
    for file in fs::read_dir(shard)? {
        let file = file?;
        // One that is being removed just now may be gone.
        let Ok(about) = fs::metadata(file.path()) else { continue };
        if about.is_file() {
            // From the future is as good as new.
            let age = about.modified()?.elapsed().unwrap_or_default();
            files.push(BlobFile { place: name.join(file.file_name()), length: about.len(), age });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use echo_domain::media::{BlobStore, Part};

    use super::*;

    const NAME: &str = "0123456789abcdef01234567.webp";

    fn places(folder: &BlobFolder) -> Vec<PathBuf> {
        folder.files().unwrap().into_iter().map(|file| file.place).collect()
    }

    async fn with_one() -> (tempfile::TempDir, FileBlobs, BlobFolder) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("media");
        let blobs = FileBlobs::open(&path).unwrap();
        blobs.put(NAME, Bytes::from_static(b"a")).await.unwrap();
        (folder, blobs, BlobFolder(path))
    }

    #[tokio::test]
    async fn files_are_listed_where_their_names_place_them() {
        let (_folder, blobs, folder) = with_one().await;
        fs::write(folder.0.join("unfinished/half"), b"a").unwrap();
        fs::write(folder.0.join("notes"), b"of somebody").unwrap();

        assert_eq!(places(&folder), [FileBlobs::place(NAME).unwrap()]);

        folder.set_aside(&folder.files().unwrap()[0]).unwrap();
        assert!(places(&folder).is_empty());
        assert!(blobs.read(NAME, Part::WHOLE).await.unwrap().is_none());
        assert_eq!(fs::read(folder.strays().join("67").join(NAME)).unwrap(), b"a");
    }

    #[tokio::test]
    async fn what_was_set_aside_before_is_not_replaced() {
        let (_folder, blobs, folder) = with_one().await;
        let file = &folder.files().unwrap()[0];
        folder.set_aside(file).unwrap();
        blobs.put(NAME, Bytes::from_static(b"another")).await.unwrap();

        let refused = folder.set_aside(file).unwrap_err();

        assert_eq!(refused.kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(fs::read(folder.strays().join("67").join(NAME)).unwrap(), b"a");
        assert_eq!(folder.files().unwrap()[0].length, 7);
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn folders_elsewhere_are_looked_into() {
        let (elsewhere, blobs, folder) = with_one().await;
        let moved = elsewhere.path().join("moved");
        fs::rename(folder.0.join("67"), &moved).unwrap();
        std::os::unix::fs::symlink(&moved, folder.0.join("67")).unwrap();
        assert!(blobs.read(NAME, Part::WHOLE).await.unwrap().is_some());

        assert_eq!(places(&folder), [FileBlobs::place(NAME).unwrap()]);
    }

    #[test]
    fn looking_makes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let media = BlobFolder(folder.path().join("media"));

        assert!(places(&media).is_empty());

        assert!(!media.0.exists());
    }
}
