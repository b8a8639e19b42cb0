//! Cloudinary keeps the promises of a place for blobs, and a fault of it is told in time.

#![expect(clippy::unwrap_used, reason = "these are tests")]
#![expect(unreachable_pub, reason = "the double is of other tests, too")]

mod double;

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use bytes::Bytes;
use echo_domain::{
    Clock, Error, Timestamp,
    media::{BlobStore, Part},
};
use echo_media::{CloudinaryBlobs, CloudinaryError, CloudinaryOptions, Patience};
use futures_util::TryStreamExt;

use double::{CLOUD, Double, KEY, Mood, SECRET};

const NAME: &str = "6553f10001020304ff000001.jpg";
const COPY: &str = "6553f10001020304ff000001.webp";
const NARROW: &str = "6553f10001020304ff000001-640.webp";

struct Now;

impl Clock for Now {
    #[expect(clippy::disallowed_methods, reason = "signatures are fresh or not by the machine's clock")]
    fn now(&self) -> Timestamp {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
        Timestamp::from_millis(since.as_millis().try_into().unwrap())
    }
}

fn options(double: &Double) -> CloudinaryOptions {
    CloudinaryOptions {
        cloud_name: CLOUD.to_owned(),
        api_key: KEY.to_owned(),
        api_secret: SECRET.to_owned(),
        endpoint: Some(double.address.clone()),
        patience: Patience::ECHO,
    }
}

/// As patient as a test can afford.
fn impatient(double: &Double) -> CloudinaryOptions {
    let short = Duration::from_millis(300);
    CloudinaryOptions {
        patience: Patience { connect: short, answer: short, call: Duration::from_secs(1) },
        ..options(double)
    }
}

async fn fresh() -> (CloudinaryBlobs, Double) {
    let double = Double::start();
    (CloudinaryBlobs::open(&options(&double), Arc::new(Now)).await.unwrap(), double)
}

echo_domain::blob_store_contract!(fresh);

async fn read(blobs: &dyn BlobStore, name: &str) -> Option<Vec<u8>> {
    let blob = blobs.read(name, Part::WHOLE).await.unwrap()?;
    Some(blob.bytes.try_collect::<Vec<Bytes>>().await.unwrap().concat())
}

#[tokio::test]
async fn copies_are_made_of_the_picture_and_go_with_it() {
    let (blobs, double) = fresh().await;

    for (name, bytes) in [(NAME, "picture"), (COPY, "copy"), (NARROW, "narrow")] {
        blobs.put(name, Bytes::from_static(bytes.as_bytes())).await.unwrap();
    }

    assert_eq!(double.pictures().into_iter().collect::<Vec<_>>(), ["6553f10001020304ff000001"]);
    assert_eq!(read(&blobs, NAME).await.as_deref(), Some(&b"picture"[..]));
    assert_eq!(read(&blobs, COPY).await.as_deref(), Some(&b"picture"[..]));
    assert_eq!(read(&blobs, NARROW).await.as_deref(), Some(&b"w_640picture"[..]));
    blobs.remove(NARROW).await.unwrap();
    assert!(read(&blobs, NAME).await.is_some());
    blobs.remove(NAME).await.unwrap();
    assert_eq!(read(&blobs, NARROW).await, None);
}

#[tokio::test]
async fn an_image_of_before_echo_is_removed_by_its_address() {
    let (blobs, double) = fresh().await;
    for id in ["posts/a", "posts/b"] {
        double.keep(id, b"old");
    }

    blobs.remove(&format!("{}/demo/image/upload/v1571218039/posts/a.jpg", double.address)).await.unwrap();
    blobs.remove("https://res.cloudinary.com/another/image/upload/v1571218039/posts/b.jpg").await.unwrap();

    assert_eq!(double.pictures().into_iter().collect::<Vec<_>>(), ["posts/b"]);
}

#[tokio::test]
async fn wrong_keys_are_told() {
    let double = Double::start();
    let options = CloudinaryOptions { api_secret: "efgh".to_owned(), ..options(&double) };

    let error = CloudinaryBlobs::open(&options, Arc::new(Now)).await.err().unwrap();

    assert!(matches!(error, CloudinaryError::NotLetIn(_)), "{error}");
    assert!(!error.to_string().contains("efgh"), "{error}");
}

#[tokio::test]
async fn an_address_where_nobody_is_is_told() {
    let options = CloudinaryOptions { endpoint: Some("http://127.0.0.1:1".to_owned()), ..impatient(&Double::start()) };

    let error = CloudinaryBlobs::open(&options, Arc::new(Now)).await.err().unwrap();

    assert!(matches!(error, CloudinaryError::NoAnswer(_)), "{error}");
}

#[tokio::test]
async fn while_it_fails_it_is_unavailable_and_then_it_is_back() {
    let double = Double::start();
    let blobs = CloudinaryBlobs::open(&impatient(&double), Arc::new(Now)).await.unwrap();
    blobs.put(NAME, Bytes::from_static(b"one")).await.unwrap();

    for mood in [Mood::Broken, Mood::Limiting, Mood::Silent] {
        double.is(mood);
        let failures = [
            blobs.put("6553f10001020304ff000002.jpg", Bytes::from_static(b"two")).await.err(),
            blobs.read(NAME, Part::WHOLE).await.err(),
            blobs.read(NAME, Part::NOTHING).await.err(),
            blobs.remove(NAME).await.err(),
            blobs.check().await.err(),
        ];
        for failure in failures {
            assert!(matches!(failure, Some(Error::Unavailable { .. })), "{mood:?}: {failure:?}");
        }
    }

    double.is(Mood::Well);
    assert_eq!(read(&blobs, NAME).await.as_deref(), Some(&b"one"[..]));
}

#[tokio::test]
async fn an_upload_that_arrives_in_part_is_noticed() {
    let (blobs, double) = fresh().await;
    double.is(Mood::Forgetful);

    let refused = blobs.put(NAME, Bytes::from_static(b"a whole picture")).await;

    assert!(matches!(refused, Err(Error::Unavailable { .. })), "{refused:?}");
}
