//! What every place for blobs must do. `blobs` starts empty.

#![expect(clippy::unwrap_used, reason = "these are tests")]

use std::ops::Range;

use bytes::Bytes;
use futures_util::TryStreamExt;

use super::{BlobStore, Part};

const NAME: &str = "6553f10001020304ff000001.jpg";
const OTHER: &str = "6553f10001020304ff000002.webp";

pub async fn what_was_put_is_read(blobs: &dyn BlobStore) {
    blobs.put(NAME, Bytes::from_static(b"one")).await.unwrap();
    blobs.put(OTHER, Bytes::from_static(b"other")).await.unwrap();

    assert_eq!(read(blobs, NAME).await, Some((3, b"one".to_vec())));
    assert_eq!(read(blobs, OTHER).await, Some((5, b"other".to_vec())));
}

pub async fn a_blob_of_any_length_is_read_whole(blobs: &dyn BlobStore) {
    for (n, length) in [0_u32, 1, 65_535, 65_536, 65_537, 3 << 20].into_iter().enumerate() {
        let bytes: Vec<u8> = (0..length).map(|n| n.to_le_bytes()[0] ^ n.to_le_bytes()[1]).collect();
        let name = format!("6553f10001020304ff00000{n}.png");

        blobs.put(&name, bytes.clone().into()).await.unwrap();

        assert!(read(blobs, &name).await == Some((bytes.len() as u64, bytes)), "{length} bytes");
    }
}

pub async fn putting_again_succeeds(blobs: &dyn BlobStore) {
    for _ in 0..2 {
        blobs.put(NAME, Bytes::from_static(b"one")).await.unwrap();
    }

    assert_eq!(read(blobs, NAME).await, Some((3, b"one".to_vec())));
}

pub async fn a_part_is_cut_to_the_length(blobs: &dyn BlobStore) {
    blobs.put(NAME, Bytes::from_static(b"0123456789")).await.unwrap();

    for (part, range, bytes) in [
        (Part::Within(0..10), 0..10, "0123456789"),
        (Part::Within(0..1), 0..1, "0"),
        (Part::Within(3..7), 3..7, "3456"),
        (Part::Within(9..10), 9..10, "9"),
        (Part::Within(5..1_000_000), 5..10, "56789"),
        (Part::Within(0..u64::MAX), 0..10, "0123456789"),
        (Part::Within(4..4), 4..4, ""),
        (Part::Within(10..11), 10..10, ""),
        (Part::Within(1_000..2_000), 10..10, ""),
        (Part::NOTHING, 0..0, ""),
        (Part::From(3), 3..10, "3456789"),
        (Part::From(10), 10..10, ""),
        (Part::From(u64::MAX), 10..10, ""),
        (Part::Last(3), 7..10, "789"),
        (Part::Last(1_000), 0..10, "0123456789"),
        (Part::Last(0), 10..10, ""),
    ] {
        let read = read_part(blobs, NAME, part.clone()).await;
        assert_eq!(read, Some((10, range, bytes.as_bytes().to_vec())), "{part:?}");
    }
}

pub async fn an_empty_blob_has_no_parts(blobs: &dyn BlobStore) {
    blobs.put(NAME, Bytes::new()).await.unwrap();

    for part in [Part::WHOLE, Part::NOTHING, Part::From(1), Part::Within(0..1), Part::Last(1)] {
        assert_eq!(read_part(blobs, NAME, part.clone()).await, Some((0, 0..0, Vec::new())), "{part:?}");
    }
}

pub async fn an_unknown_name_has_no_blob(blobs: &dyn BlobStore) {
    blobs.put(NAME, Bytes::from_static(b"one")).await.unwrap();

    for part in [Part::WHOLE, Part::NOTHING, Part::Within(0..1), Part::Last(1)] {
        assert_eq!(read_part(blobs, OTHER, part).await, None);
    }
}

pub async fn a_name_that_was_unknown_has_its_blob_once_it_is_put(blobs: &dyn BlobStore) {
    assert_eq!(read(blobs, NAME).await, None);

    blobs.put(NAME, Bytes::from_static(b"one")).await.unwrap();

    assert_eq!(read(blobs, NAME).await, Some((3, b"one".to_vec())));
}

pub async fn a_name_that_is_not_ours_has_no_blob(blobs: &dyn BlobStore) {
    let long = "a".repeat(101);
    let elsewhere = "https://example.com/a.jpg";
    for name in
        ["", ".", "..", ".hidden", "../x", "/etc/passwd", "a/b", "A.jpg", "a b", "a\0b", "ä.jpg", elsewhere, &long]
    {
        assert_eq!(read(blobs, name).await, None, "{name:?}");
        blobs.remove(name).await.unwrap();
    }
}

pub async fn a_removed_blob_is_gone(blobs: &dyn BlobStore) {
    blobs.put(NAME, Bytes::from_static(b"one")).await.unwrap();
    blobs.put(OTHER, Bytes::from_static(b"other")).await.unwrap();

    blobs.remove(NAME).await.unwrap();

    assert_eq!(read(blobs, NAME).await, None);
    assert_eq!(read(blobs, OTHER).await, Some((5, b"other".to_vec())));
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
    let blob = blobs.read(NAME, Part::WHOLE).await.unwrap().unwrap();

    blobs.remove(NAME).await.unwrap();

    // Whether the reader gets to the end is up to the store; it must not get other bytes.
    let read: Vec<Bytes> = blob.bytes.try_collect().await.unwrap_or_default();
    assert!(bytes.starts_with(&read.concat()));
}

pub async fn it_says_that_it_works(blobs: &dyn BlobStore) {
    blobs.check().await.unwrap();
}

/// The blob's length and all of its bytes.
async fn read(blobs: &dyn BlobStore, name: &str) -> Option<(u64, Vec<u8>)> {
    let (length, range, bytes) = read_part(blobs, name, Part::WHOLE).await?;
    assert_eq!(range, 0..length);
    Some((length, bytes))
}

/// The blob's length, which part of it was read, and its bytes.
async fn read_part(blobs: &dyn BlobStore, name: &str, part: Part) -> Option<(u64, Range<u64>, Vec<u8>)> {
    let blob = blobs.read(name, part).await.unwrap()?;
    let parts: Vec<Bytes> = blob.bytes.try_collect().await.unwrap();
    Some((blob.length, blob.part, parts.concat()))
}

/// One `#[tokio::test]` per promise. `$fresh` is an async fn returning (store, guard that cleans up).
#[macro_export]
macro_rules! blob_store_contract {
    ($fresh:path) => {
        $crate::blob_store_contract!(@ $fresh;
            what_was_put_is_read
            a_blob_of_any_length_is_read_whole
            putting_again_succeeds
            a_part_is_cut_to_the_length
            an_empty_blob_has_no_parts
            an_unknown_name_has_no_blob
            a_name_that_was_unknown_has_its_blob_once_it_is_put
            a_name_that_is_not_ours_has_no_blob
            a_removed_blob_is_gone
            removing_twice_succeeds
            a_blob_that_is_being_read_may_be_removed
            it_says_that_it_works
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
