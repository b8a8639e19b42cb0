//! What an operator reads when a database cannot be opened: one line that says what to change, and no password.

use std::time::Duration;

use bson::{Document, doc};
use echo_mongo::{Areas, Mongo, OpenError, Options};
use mongodb::Client;

use crate::{fixture::Guard, impostor::Impostor};

const OPTIONS: Options =
    Options { areas: Areas::ALL, consumers: &[], instance: [7; 16], longest_call: Options::LONGEST_CALL };

async fn refusal(uri: &str) -> OpenError {
    let opening = tokio::time::timeout(Duration::from_secs(30), Mongo::open(uri, OPTIONS));
    let error = opening.await.expect("an answer, soon").err().expect("a refusal");
    let line = error.to_string();
    assert!(!line.contains('\n') && !line.contains("s3cret"), "{line}");
    assert!(line.contains("MONGODB_URI"), "{line}");
    error
}

/// What a replica set of that version says of itself.
fn replica_set(version: [i32; 3]) -> Document {
    let [major, minor, patch] = version;
    doc! {
        "setName": "rs", "versionArray": [major, minor, patch, 0], "version": format!("{major}.{minor}.{patch}"),
    }
}

#[tokio::test]
async fn a_server_without_transactions_is_refused() {
    let server = Impostor::start(doc! { "versionArray": [8, 0, 0, 0], "version": "8.0.0" }).await;

    let error = refusal(&server.uri).await;

    assert!(matches!(error, OpenError::Standalone { .. }), "{error}");
}

#[tokio::test]
async fn a_server_that_is_too_old_is_refused() {
    let server = Impostor::start(replica_set([5, 0, 31])).await;

    let error = refusal(&server.uri).await;

    assert!(matches!(&error, OpenError::TooOld { found, .. } if found == "5.0.31"), "{error}");
}

#[tokio::test]
async fn a_wrong_password_is_told() {
    let server = Impostor::start(replica_set([8, 0, 0])).await;

    let error = refusal(&server.uri.replace("//", "//echo:s3cret@")).await;

    assert!(matches!(error, OpenError::Unauthenticated { .. }), "{error}");
}

#[tokio::test]
async fn a_server_that_is_not_there_is_told() {
    let gone = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();

    let error = refusal(&format!("mongodb://echo:s3cret@{gone}/?directConnection=true")).await;

    assert!(matches!(error, OpenError::Unreachable { .. }), "{error}");
}

#[tokio::test]
async fn an_address_that_is_none_is_told() {
    for uri in [
        "",
        "s3cret",
        "postgres://echo:s3cret@db",
        "mongodb://echo:s3cret@db:port",
        "mongodb://a:b:s3cret@db",
        "mongodb://db/?s3cret",
    ] {
        let error = refusal(uri).await;

        assert!(matches!(error, OpenError::Malformed { .. }), "{uri}: {error}");
    }
}

#[tokio::test]
async fn a_name_that_leaves_no_room_for_those_of_the_areas_is_told() {
    let error = refusal(&format!("mongodb://echo:s3cret@db/{}", "n".repeat(58))).await;

    assert!(matches!(error, OpenError::LongName { .. }), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn records_of_all_areas_in_one_database_are_told_and_left_as_they_are() {
    let guard = Guard::new();
    let client = Client::with_uri_str(&guard.uri).await.unwrap();
    let base = client.default_database().unwrap();
    base.collection("accounts").insert_one(doc! { "username": "ana" }).await.unwrap();

    let error = refusal(&guard.uri).await;

    assert!(matches!(&error, OpenError::OneDatabase { name } if name == base.name()), "{error}");
    assert!(error.to_string().contains("mongorestore"), "{error}");
    assert_eq!(base.list_collection_names().await.unwrap(), ["accounts"]);
    base.collection::<Document>("accounts").drop().await.unwrap();
    Mongo::open(&guard.uri, OPTIONS).await.unwrap();
}
