//! What every [`IdempotencyStore`] must do.

#![expect(clippy::unwrap_used, reason = "these are tests")]

use std::{sync::Arc, time::Duration};

use crate::{
    RawId,
    contract::{Backend, at_once, drain, sample, sample::NOW},
    idempotency::{Begun, Fingerprint, IdempotencyStore, RequestKey},
};

#[macro_export]
macro_rules! idempotency_store_contract {
    ($fresh:path) => {
        $crate::contract_tests! { $fresh, $crate::idempotency_contract;
            a_request_is_first_then_running_then_done
            a_reply_is_kept_byte_for_byte
            a_key_used_for_something_else_is_a_mismatch
            keys_do_not_touch_one_another
            a_released_request_begins_anew_with_its_first_seed
            of_twelve_requests_at_once_one_is_first
            of_twelve_requests_after_a_release_one_is_first
            old_requests_are_forgotten
        }
    };
}

const KEY: RequestKey = [0xff; 32];
const OTHER_KEY: RequestKey = [0; 32];
const ASKED: Fingerprint = [1; 32];
const ASKED_OTHERWISE: Fingerprint = [2; 32];

async fn begin(requests: &Arc<dyn IdempotencyStore>, key: &RequestKey, seed: RawId) -> Begun {
    requests.begin(key, &ASKED, seed, NOW).await.unwrap()
}

pub async fn a_request_is_first_then_running_then_done(Backend { requests, .. }: Backend) {
    let seed = sample::id();

    assert_eq!(begin(&requests, &KEY, seed).await, Begun::First { seed });
    assert_eq!(begin(&requests, &KEY, sample::id()).await, Begun::Running);

    requests.finish(&KEY, b"201 Created").await.unwrap();

    for _ in 0..2 {
        assert_eq!(begin(&requests, &KEY, sample::id()).await, Begun::Done(b"201 Created".to_vec()));
    }
}

pub async fn a_reply_is_kept_byte_for_byte(Backend { requests, .. }: Backend) {
    let every_byte: Vec<u8> = (0..=255).cycle().take(100_000).collect();
    for (key, reply) in [(KEY, every_byte), (OTHER_KEY, Vec::new())] {
        begin(&requests, &key, sample::id()).await;

        requests.finish(&key, &reply).await.unwrap();

        assert_eq!(begin(&requests, &key, sample::id()).await, Begun::Done(reply));
    }
}

pub async fn a_key_used_for_something_else_is_a_mismatch(Backend { requests, .. }: Backend) {
    let seed = sample::id();
    let begin_otherwise = || requests.begin(&KEY, &ASKED_OTHERWISE, sample::id(), NOW);
    begin(&requests, &KEY, seed).await;

    assert_eq!(begin_otherwise().await.unwrap(), Begun::Mismatch);
    requests.release(&KEY).await.unwrap();
    assert_eq!(begin_otherwise().await.unwrap(), Begun::Mismatch);
    assert_eq!(begin(&requests, &KEY, sample::id()).await, Begun::First { seed });
    requests.finish(&KEY, b"done").await.unwrap();
    assert_eq!(begin_otherwise().await.unwrap(), Begun::Mismatch);

    assert_eq!(begin(&requests, &KEY, sample::id()).await, Begun::Done(b"done".to_vec()));
}

pub async fn keys_do_not_touch_one_another(Backend { requests, .. }: Backend) {
    let (seed, other) = (sample::id(), sample::id());
    begin(&requests, &KEY, seed).await;

    assert_eq!(begin(&requests, &OTHER_KEY, other).await, Begun::First { seed: other });
    requests.finish(&OTHER_KEY, b"other").await.unwrap();

    assert_eq!(begin(&requests, &KEY, sample::id()).await, Begun::Running);
}

pub async fn a_released_request_begins_anew_with_its_first_seed(Backend { requests, .. }: Backend) {
    let seed = sample::id();
    begin(&requests, &KEY, seed).await;

    for _ in 0..2 {
        requests.release(&KEY).await.unwrap();

        assert_eq!(begin(&requests, &KEY, sample::id()).await, Begun::First { seed });
        assert_eq!(begin(&requests, &KEY, sample::id()).await, Begun::Running);
    }
}

pub async fn of_twelve_requests_at_once_one_is_first(Backend { requests, .. }: Backend) {
    assert_one_first(&requests).await;
}

pub async fn of_twelve_requests_after_a_release_one_is_first(Backend { requests, .. }: Backend) {
    begin(&requests, &KEY, sample::id()).await;
    requests.release(&KEY).await.unwrap();

    assert_one_first(&requests).await;
}

async fn assert_one_first(requests: &Arc<dyn IdempotencyStore>) {
    let begun = at_once((0..12).map(|_| {
        let requests = requests.clone();
        async move { begin(&requests, &KEY, sample::id()).await }
    }))
    .await;

    let (first, others): (Vec<_>, Vec<_>) = begun.into_iter().partition(|begun| matches!(begun, Begun::First { .. }));
    assert_eq!(first.len(), 1);
    assert!(others.iter().all(|begun| *begun == Begun::Running), "{others:?}");
}

pub async fn old_requests_are_forgotten(Backend { requests, .. }: Backend) {
    let key = |n: u8| [n; 32];
    for n in 0..5 {
        begin(&requests, &key(n), sample::id()).await;
        requests.finish(&key(n), b"done").await.unwrap();
    }
    let before = NOW + Duration::from_millis(1);
    let seed = sample::id();
    requests.begin(&key(9), &ASKED, seed, before).await.unwrap();
    requests.finish(&key(9), b"younger").await.unwrap();

    let forgotten = drain(2, || requests.forget(before, 2)).await;

    assert_eq!(forgotten, 5);
    assert_eq!(begin(&requests, &key(9), sample::id()).await, Begun::Done(b"younger".to_vec()));
    let seed = sample::id();
    assert_eq!(begin(&requests, &key(0), seed).await, Begun::First { seed });
}
