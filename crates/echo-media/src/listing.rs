//! Which files there are, for whoever compares them with the records.

use std::{
    ffi::OsStr,
    fs, io,
    path::{Path, PathBuf},
    time::Duration,
};

use crate::{
    FileBlobs,
    files::{UNFINISHED, place},
    held::{self, REMOVED},
};

/// A file in the folder of blobs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlobFile {
    /// From the folder on: `ab/…ab.webp`.
    pub place: PathBuf,
    /// How long ago it was written.
    pub age: Duration,
}

impl FileBlobs {
    /// Where the blob of this name lies, from the folder on; `None` when it is no name of ours.
    #[must_use]
    pub fn place(name: &str) -> Option<PathBuf> {
        place(name)
    }

    /// Every file in the folders for blobs, whatever its name. Not those that are being written or removed.
    ///
    /// # Errors
    /// Of the file system.
    pub fn files(&self) -> io::Result<Vec<BlobFile>> {
        let mut files = Vec::new();
        for shard in fs::read_dir(self.folder())? {
            let shard = shard?;
            let name = shard.file_name();
            let apart = [UNFINISHED, REMOVED].into_iter().any(|apart| name == OsStr::new(apart));
            if !apart && shard.file_type()?.is_dir() {
                list(&shard.path(), Path::new(&name), &mut files)?;
            }
        }
        Ok(files)
    }

    /// Removes a file that [`FileBlobs::files`] found.
    ///
    /// # Errors
    /// Of the file system.
    pub fn remove_file(&self, file: &BlobFile) -> io::Result<()> {
        held::remove(self.folder(), &file.place)
    }
}

fn list(shard: &Path, name: &Path, files: &mut Vec<BlobFile>) -> io::Result<()> {
    for file in fs::read_dir(shard)? {
        let file = file?;
        // One that is being removed just now may be gone.
        let Ok(about) = file.metadata() else { continue };
        if about.is_file() {
            // From the future is as good as new.
            let age = about.modified()?.elapsed().unwrap_or_default();
            files.push(BlobFile { place: name.join(file.file_name()), age });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use echo_domain::media::BlobStore;

    use super::*;

    #[tokio::test]
    async fn files_are_listed_where_their_names_place_them() {
        let folder = tempfile::tempdir().unwrap();
        let blobs = FileBlobs::open(folder.path()).unwrap();
        let name = "0123456789abcdef01234567.webp";
        blobs.put(name, Bytes::from_static(b"a")).await.unwrap();
        fs::write(folder.path().join(UNFINISHED).join("half"), b"a").unwrap();
        fs::write(folder.path().join("notes"), b"of somebody").unwrap();

        let files = blobs.files().unwrap();

        assert_eq!(files.iter().map(|file| &file.place).collect::<Vec<_>>(), [&FileBlobs::place(name).unwrap()]);
        blobs.remove_file(&files[0]).unwrap();
        assert!(blobs.files().unwrap().is_empty());
        assert!(blobs.read(name, None).await.unwrap().is_none());
    }
}
