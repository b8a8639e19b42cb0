//! What every place for blobs must do. `blobs` starts empty.

#![expect(clippy::unwrap_used, reason = "these are tests")]

use std::ops::Range;

use bytes::Bytes;
use futures_util::TryStreamExt;

use super::BlobStore;

const NAME: &str = "6553f10001020304ff000001.jpg";
const OTHER: &str = "6553f10001020304ff000001-640.webp";

pub async fn what_was_put_is_read(blobs: &dyn BlobStore) {
    blobs.put(NAME, Bytes::from_static(b"one")).await.unwrap();
    blobs.put(OTHER, Bytes::from_static(b"other")).await.unwrap();

    assert_eq!(read(blobs, NAME, None).await, Some((3, b"one".to_vec())));
    assert_eq!(read(blobs, OTHER, None).await, Some((5, b"other".to_vec())));
}

pub async fn a_blob_of_any_length_is_read_whole(blobs: &dyn BlobStore) {
    for (n, length) in [0_u32, 1, 65_535, 65_536, 65_537, 3 << 20].into_iter().enumerate() {
        let bytes: Vec<u8> = (0..length).map(|n| n.to_le_bytes()[0] ^ n.to_le_bytes()[1]).collect();
        let name = format!("6553f10001020304ff00000{n}.png");

        blobs.put(&name, bytes.clone().into()).await.unwrap();

        assert!(read(blobs, &name, None).await == Some((bytes.len() as u64, bytes)), "{length} bytes");
    }
}

pub async fn putting_again_succeeds(blobs: &dyn BlobStore) {
    for _ in 0..2 {
        blobs.put(NAME, Bytes::from_static(b"one")).await.unwrap();
    }

    assert_eq!(read(blobs, NAME, None).await, Some((3, b"one".to_vec())));
}

pub async fn a_range_is_cut_to_the_length(blobs: &dyn BlobStore) {
    blobs.put(NAME, Bytes::from_static(b"0123456789")).await.unwrap();

    for (range, part) in [
        (0..10, "0123456789"),
        (0..1, "0"),
        (3..7, "3456"),
        (9..10, "9"),
        (5..1_000_000, "56789"),
        (0..u64::MAX, "0123456789"),
        (4..4, ""),
        (10..11, ""),
        (1_000..2_000, ""),
    ] {
        assert_eq!(read(blobs, NAME, Some(range.clone())).await, Some((10, part.as_bytes().to_vec())), "{range:?}");
    }
}

pub async fn an_unknown_name_has_no_blob(blobs: &dyn BlobStore) {
    blobs.put(NAME, Bytes::from_static(b"one")).await.unwrap();

    assert_eq!(read(blobs, OTHER, None).await, None);
    assert_eq!(read(blobs, OTHER, Some(0..1)).await, None);
}

pub async fn a_name_that_is_not_ours_has_no_blob(blobs: &dyn BlobStore) {
    let long = "a".repeat(101);
    for name in ["", ".", "..", ".hidden", "../x", "/etc/passwd", "a/b", "A.jpg", "a b", "a\0b", "ä.jpg", &long] {
        assert_eq!(read(blobs, name, None).await, None, "{name:?}");
        blobs.remove(name).await.unwrap();
    }
}

pub async fn a_removed_blob_is_gone(blobs: &dyn BlobStore) {
    blobs.put(NAME, Bytes::from_static(b"one")).await.unwrap();
    blobs.put(OTHER, Bytes::from_static(b"other")).await.unwrap();

    blobs.remove(NAME).await.unwrap();

    assert_eq!(read(blobs, NAME, None).await, None);
    assert_eq!(read(blobs, OTHER, None).await, Some((5, b"other".to_vec())));
}

pub async fn removing_twice_succeeds(blobs: &dyn BlobStore) {
    blobs.put(NAME, Bytes::from_static(b"one")).await.unwrap();

    for _ in 0..2 {
        blobs.remove(NAME).await.unwrap();
    }
}

pub async fn a_blob_that_is_being_read_may_be_removed(blobs: &dyn BlobStore) {
    let bytes = vec![7; 1 << 20];
    blobs.put(NAME, bytes.clone().into()).await.unwrap();
    let blob = blobs.read(NAME, None).await.unwrap().unwrap();

    blobs.remove(NAME).await.unwrap();

    // Whether the reader gets to the end is up to the store; it must not get other bytes.
    let read: Vec<Bytes> = blob.bytes.try_collect().await.unwrap_or_default();
    assert!(bytes.starts_with(&read.concat()));
}

/// The blob's length and the part that was read.
async fn read(blobs: &dyn BlobStore, name: &str, range: Option<Range<u64>>) -> Option<(u64, Vec<u8>)> {
    let blob = blobs.read(name, range).await.unwrap()?;
    let parts: Vec<Bytes> = blob.bytes.try_collect().await.unwrap();
    Some((blob.length, parts.concat()))
}

/// One `#[tokio::test]` per promise. `$fresh` is an async fn returning (store, guard that cleans up).
#[macro_export]
macro_rules! blob_store_contract {
    ($fresh:path) => {
        $crate::blob_store_contract!(@ $fresh;
            what_was_put_is_read
            a_blob_of_any_length_is_read_whole
            putting_again_succeeds
            a_range_is_cut_to_the_length
            an_unknown_name_has_no_blob
            a_name_that_is_not_ours_has_no_blob
            a_removed_blob_is_gone
            removing_twice_succeeds
            a_blob_that_is_being_read_may_be_removed
        );
    };
    (@ $fresh:path; $($case:ident)+) => {$(
        #[tokio::test]
        async fn $case() {
            let (blobs, _guard) = $fresh().await;
            $crate::media::blob_contract::$case(&blobs).await;
        }
    )+};
}
