//! A bucket that lets in whoever has a role, as tasks of ECS, pods and machines do, and no key of its own.

use std::io::Write;

use bytes::Bytes;
use echo_domain::media::BlobStore;
use echo_media::{S3Access, S3Blobs, S3Error, S3Options};
use tempfile::NamedTempFile;

use crate::{
    NAME,
    giver::{Giver, Lasting},
    impatient,
    server::{Passage, bucket, way_to_server},
};

/// A bucket on a way that tells who comes by, and to which the role of this giver lets in.
async fn bucket_for(giver: &Giver) -> (Passage, S3Options) {
    let options = bucket().await;
    let (way, endpoint) = way_to_server(&options);
    (way, S3Options { endpoint: Some(endpoint), access: S3Access::Role(giver.environment().to_vec()), ..options })
}

fn key(way: &Passage) -> String {
    let signed = way.last_header("authorization").unwrap();
    signed.split_once("Credential=").unwrap().1.split_once('/').unwrap().0.to_owned()
}

#[tokio::test]
async fn requests_are_signed_with_the_keys_of_the_role_as_long_as_they_last() {
    let giver = Giver::start(Lasting::Long);
    let (way, options) = bucket_for(&giver).await;
    let blobs = S3Blobs::open(options).await.unwrap();

    blobs.put(NAME, Bytes::from_static(b"one")).await.unwrap();

    assert_eq!(key(&way), "role-1");
    assert_eq!(way.last_header("x-amz-security-token").as_deref(), Some("session-1"));
}

#[tokio::test]
async fn keys_that_are_over_are_asked_for_anew() {
    let giver = Giver::start(Lasting::No);
    let (way, options) = bucket_for(&giver).await;
    let blobs = S3Blobs::open(options).await.unwrap();
    blobs.put(NAME, Bytes::from_static(b"one")).await.unwrap();
    let first = key(&way);

    blobs.put(NAME, Bytes::from_static(b"one")).await.unwrap();

    assert_ne!(key(&way), first);
}

#[tokio::test]
async fn a_role_that_nobody_gives_is_told() {
    let giver = Giver::start(Lasting::Long);
    let (_, options) = bucket_for(&giver).await;
    let [uri, token] = giver.environment();
    let nobody = "http://127.0.0.1:1".to_owned();
    let mut wrong = NamedTempFile::new().unwrap();
    wrong.write_all(b"another token").unwrap();
    for environment in [
        vec![("AWS_METADATA_ENDPOINT", nobody.clone())],
        vec![(uri.0, nobody), token.clone()],
        vec![uri.clone(), (token.0, wrong.path().to_str().unwrap().to_owned())],
    ] {
        let access = S3Access::Role(environment.clone());
        let error = S3Blobs::open(impatient(S3Options { access, ..options.clone() })).await.err().unwrap();

        assert!(matches!(error, S3Error::NoKey(..)), "{environment:?}: {error}");
        assert_eq!(error.to_string().lines().count(), 1);
    }
}
