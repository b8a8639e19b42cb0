//! A bucket keeps the promises of a place for blobs, and a fault of it is told in time.

#![expect(clippy::unwrap_used, reason = "these are tests")]

mod giver;
mod role;
mod server;

use std::time::Duration;

use bytes::Bytes;
use echo_domain::{
    Error,
    media::{BlobStore, Part},
};
use echo_media::{Patience, S3Blobs, S3Error, S3Options};
use futures_util::TryStreamExt;

use server::{Way, bucket, look, way_to_server};

const NAME: &str = "6553f10001020304ff000001.jpg";

async fn fresh() -> (S3Blobs, ()) {
    (S3Blobs::open(bucket().await).await.unwrap(), ())
}

echo_domain::blob_store_contract!(fresh);

/// As patient as a test can afford.
fn impatient(options: S3Options) -> S3Options {
    let patience = Patience {
        connect: Duration::from_millis(300),
        answer: Duration::from_millis(300),
        call: Duration::from_secs(1),
    };
    S3Options { patience, ..options }
}

async fn read(blobs: &dyn BlobStore) -> Option<Vec<u8>> {
    let blob = blobs.read(NAME, Part::WHOLE).await.unwrap()?;
    Some(blob.bytes.try_collect::<Vec<Bytes>>().await.unwrap().concat())
}

#[tokio::test]
async fn what_is_longer_than_a_part_is_kept_whole() {
    let (blobs, ()) = fresh().await;
    for length in [5 << 20, (5 << 20) + 1, 17 << 20] {
        let bytes: Vec<u8> = (0..length).map(|n: u32| n.to_le_bytes()[0] ^ n.to_le_bytes()[2]).collect();

        blobs.put(NAME, bytes.clone().into()).await.unwrap();

        assert!(read(&blobs).await == Some(bytes), "{length} bytes");
    }
}

#[tokio::test]
async fn whoever_reads_the_bucket_itself_is_told_what_it_is_and_that_it_stays() {
    let options = bucket().await;
    let blobs = S3Blobs::open(options.clone()).await.unwrap();

    blobs.put(NAME, Bytes::from_static(b"one")).await.unwrap();

    let address = format!("{}/{}/{NAME}", options.endpoint.unwrap(), options.bucket);
    let headers = look(address).await.headers().clone();
    assert_eq!(headers["content-type"], "image/jpeg");
    assert_eq!(headers["cache-control"], "public, max-age=31536000, immutable");
}

#[tokio::test]
async fn a_bucket_that_is_not_there_is_told() {
    let options = S3Options { bucket: "nowhere".to_owned(), ..bucket().await };

    let error = S3Blobs::open(options).await.err().unwrap();

    assert!(matches!(&error, S3Error::NoBucket(name) if name == "nowhere"), "{error}");
}

#[tokio::test]
async fn a_server_that_does_not_let_echo_in_is_told() {
    let options = bucket().await;
    let (way, endpoint) = way_to_server(&options);
    way.set(Way::Forbidden);

    let error = S3Blobs::open(impatient(S3Options { endpoint: Some(endpoint), ..options })).await.err().unwrap();

    assert!(matches!(error, S3Error::NotLetIn(_)), "{error}");
}

#[tokio::test]
async fn an_address_where_nobody_is_is_told() {
    let options = S3Options { endpoint: Some("http://127.0.0.1:1".to_owned()), ..bucket().await };

    let error = S3Blobs::open(impatient(options)).await.err().unwrap();

    assert!(matches!(error, S3Error::NoAnswer(..)), "{error}");
    assert_eq!(error.to_string().lines().count(), 1);
}

#[tokio::test]
async fn a_server_that_is_down_or_slow_is_unavailable_until_it_is_back() {
    let options = bucket().await;
    let (way, endpoint) = way_to_server(&options);
    let blobs = S3Blobs::open(impatient(S3Options { endpoint: Some(endpoint), ..options })).await.unwrap();
    blobs.put(NAME, Bytes::from_static(b"one")).await.unwrap();

    for fault in [Way::Closed, Way::Silent, Way::Broken] {
        way.set(fault);
        let failures = [
            blobs.put("6553f10001020304ff000002.jpg", Bytes::from_static(b"two")).await.err(),
            blobs.put("6553f10001020304ff000003.jpg", vec![3; 6 << 20].into()).await.err(),
            blobs.read(NAME, Part::WHOLE).await.err(),
            blobs.read(NAME, Part::NOTHING).await.err(),
            blobs.remove(NAME).await.err(),
            blobs.check().await.err(),
        ];
        for failure in failures {
            assert!(matches!(failure, Some(Error::Unavailable { .. })), "{fault:?}: {failure:?}");
        }
    }

    way.set(Way::Open);
    assert_eq!(read(&blobs).await.as_deref(), Some(&b"one"[..]));
    blobs.check().await.unwrap();
}

#[tokio::test]
async fn a_fault_that_passes_is_not_noticed() {
    let options = bucket().await;
    let (way, endpoint) = way_to_server(&options);
    let blobs = S3Blobs::open(S3Options { endpoint: Some(endpoint), ..options }).await.unwrap();

    way.fail_next(2);
    blobs.put(NAME, Bytes::from_static(b"one")).await.unwrap();
    way.fail_next(2);

    assert_eq!(read(&blobs).await.as_deref(), Some(&b"one"[..]));
}
