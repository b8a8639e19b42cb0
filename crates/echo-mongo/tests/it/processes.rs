//! Several processes on one database: who lives, and what becomes of what a dead one left undone.

use std::sync::Arc;

use bson::{Document, doc};
use echo_domain::{
    RawId, Timestamp,
    idempotency::{Begun, IdempotencyStore},
};
use echo_mongo::{Mongo, MongoIdempotency};
use mongodb::Client;

use crate::fixture;

const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);

async fn begin(process: &Arc<Mongo>, seed: u8) -> Begun {
    let seed = RawId::from_bytes([seed; 12]);
    MongoIdempotency(process.clone()).begin(&[1; 32], &[2; 32], seed, NOW).await.unwrap()
}

fn first(seed: u8) -> Begun {
    Begun::First { seed: RawId::from_bytes([seed; 12]) }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn processes_that_open_an_empty_database_at_once_all_succeed() {
    let guard = fixture::Guard::new();

    let opened = futures_util::future::join_all((0..4).map(|_| fixture::another(&guard))).await;

    for mongo in opened {
        mongo.ping().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_request_that_another_process_does_is_running() {
    let (one, guard) = fixture::open().await;
    let other = fixture::another(&guard).await;

    assert_eq!(begin(&one, 1).await, first(1));

    assert_eq!(begin(&other, 2).await, Begun::Running);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_request_of_a_process_that_closed_begins_anew_with_its_first_seed() {
    let (one, guard) = fixture::open().await;
    let other = fixture::another(&guard).await;
    begin(&one, 1).await;

    one.close().await;

    assert_eq!(begin(&other, 2).await, first(1));
    assert_eq!(begin(&other, 3).await, Begun::Running);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_request_of_a_process_that_was_not_seen_for_ten_seconds_begins_anew() {
    let (one, guard) = fixture::open().await;
    begin(&one, 1).await;
    // Its heart stops without a word, and so it was seen last before the others came.
    drop(one);
    let client = Client::with_uri_str(&guard.uri).await.unwrap();
    let instances = client.default_database().unwrap().collection::<Document>("instances");
    let seen = instances.find_one(doc! {}).await.unwrap().unwrap().get_datetime("seen").unwrap().timestamp_millis();
    let earlier = doc! { "$set": { "seen": bson::DateTime::from_millis(seen - 11_000) } };
    instances.update_one(doc! {}, earlier).await.unwrap();

    let other = fixture::another(&guard).await;

    assert!(!other.has_others().await.unwrap());
    assert_eq!(begin(&other, 2).await, first(1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_database_is_shared_while_another_process_has_it_open() {
    let (one, guard) = fixture::open().await;
    assert!(!one.has_others().await.unwrap());

    let other = fixture::another(&guard).await;
    assert!(one.has_others().await.unwrap());
    assert!(other.has_others().await.unwrap());

    other.close().await;
    assert!(!one.has_others().await.unwrap());
}
