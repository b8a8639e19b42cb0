//! The contracts of all stores, on MongoDB.

mod fixture;

/// Each makes what the other has not made yet.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn processes_that_open_an_empty_database_at_once_all_succeed() {
    let guard = fixture::Guard::new();

    let opened = futures_util::future::join_all((0..4).map(|_| fixture::another(&guard))).await;

    for mongo in opened {
        mongo.ping().await.unwrap();
    }
}
