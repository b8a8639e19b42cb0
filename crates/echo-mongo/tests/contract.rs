//! The contracts of all stores, on MongoDB.

mod fixture;

use std::sync::Arc;

use echo_domain::{contract::Backend, transfer::contract::Moving};
use echo_mongo::{
    Mongo, MongoAccounts, MongoEvents, MongoIdempotency, MongoMedia, MongoPosts, MongoProfiles, MongoTransfer,
};

use fixture::{Guard, open};

mod outbox {
    use echo_domain::outbox_contract::Stores;

    use super::*;

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

fn stores(database: &Arc<Mongo>) -> Backend {
    let accounts = Arc::new(MongoAccounts(database.clone()));
    Backend {
        accounts: accounts.clone(),
        sessions: accounts,
        profiles: Arc::new(MongoProfiles(database.clone())),
        posts: Arc::new(MongoPosts(database.clone())),
        media: Arc::new(MongoMedia(database.clone())),
        events: Arc::new(MongoEvents(database.clone())),
        requests: Arc::new(MongoIdempotency(database.clone())),
    }
}

mod transfer {
    use super::*;

    async fn fresh() -> (Moving, Guard) {
        let (database, guard) = open().await;
        (Moving { target: Arc::new(MongoTransfer(database.clone())), stores: stores(&database) }, guard)
    }

    echo_domain::target_contract!(fresh);
}
