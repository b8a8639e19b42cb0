//! The contracts of all stores, on MongoDB.

mod fixture;

mod outbox {
    use std::sync::Arc;

    use echo_domain::outbox_contract::Stores;
    use echo_mongo::{MongoAccounts, MongoEvents};

    use crate::fixture::{Guard, open};

    async fn fresh() -> (Stores, Guard) {
        let (database, guard) = open().await;
        let stores =
            Stores { accounts: Arc::new(MongoAccounts(database.clone())), outbox: Arc::new(MongoEvents(database)) };
        (stores, guard)
    }

    echo_domain::outbox_contract!(fresh);
}

/// Each makes what the other has not made yet.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn processes_that_open_an_empty_database_at_once_all_succeed() {
    let guard = fixture::Guard::new();

    let opened = futures_util::future::join_all((0..4).map(|_| fixture::another(&guard))).await;

    for mongo in opened {
        mongo.ping().await.unwrap();
    }
}
