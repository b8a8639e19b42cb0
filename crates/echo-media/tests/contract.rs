//! Files keep the promises of a place for blobs.

#![expect(clippy::unwrap_used, reason = "these are tests")]

use echo_media::FileBlobs;
use tempfile::TempDir;

async fn fresh() -> (FileBlobs, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    (FileBlobs::open(folder.path()).unwrap(), folder)
}

echo_domain::blob_store_contract!(fresh);
