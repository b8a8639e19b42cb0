//! The contracts of what the areas share, and of all stores behind their caches; `apart.rs` has those of each area's store
//! alone.

use std::sync::Arc;

use echo_domain::{contract::Backend, outbox_contract::Stores, transfer::contract::Moving};
use echo_mongo::{
    Mongo, MongoAccounts, MongoEvents, MongoIdempotency, MongoMedia, MongoPosts, MongoProfiles, MongoTransfer,
};

use crate::fixture::{Guard, open};

async fn fresh() -> (Backend, Guard) {
    let (database, guard) = open().await;
    (backend(database), guard)
}

fn backend(database: Arc<Mongo>) -> Backend {
    Backend {
        accounts: Arc::new(MongoAccounts::new(database.clone()).unwrap()),
        sessions: Arc::new(MongoAccounts::new(database.clone()).unwrap()),
        profiles: Arc::new(MongoProfiles::new(database.clone()).unwrap()),
        posts: Arc::new(MongoPosts::new(database.clone()).unwrap()),
        media: Arc::new(MongoMedia::new(database.clone()).unwrap()),
        events: Arc::new(MongoEvents(database.clone())),
        requests: Arc::new(MongoIdempotency(database)),
    }
}

mod events {
    echo_domain::event_log_contract!(super::fresh);
}
mod requests {
    echo_domain::idempotency_store_contract!(super::fresh);
}
mod transfer {
    use super::*;

    async fn fresh() -> (Moving, Guard) {
        let (database, guard) = open().await;
        (Moving { target: Arc::new(MongoTransfer::new(database.clone()).unwrap()), stores: backend(database) }, guard)
    }

    echo_domain::target_contract!(fresh);
}
mod outbox {
    use super::*;

    async fn fresh() -> (Stores, Guard) {
        let (database, guard) = open().await;
        let accounts = Arc::new(MongoAccounts::new(database.clone()).unwrap());
        (Stores { accounts, outbox: Arc::new(MongoEvents(database)) }, guard)
    }

    echo_domain::outbox_contract!(fresh);
}

/// The caches keep the contracts of what they stand in front of.
mod cached {
    use echo_domain::{Alone, Clock, Timestamp, auth::CachedAccounts, posts::CachedPosts, users::CachedProfiles};

    use super::*;

    const BYTES: u64 = 1 << 20;

    /// Stands still: nothing is forgotten by age, so that what is not forgotten by the change shows.
    struct Noon;

    impl Clock for Noon {
        fn now(&self) -> Timestamp {
            Timestamp::from_millis(1_700_000_000_000)
        }
    }

    async fn fresh() -> (Backend, Guard) {
        let (backend, guard) = super::fresh().await;
        let clock: Arc<dyn Clock> = Arc::new(Noon);
        let backend = Backend {
            accounts: Arc::new(CachedAccounts::new(backend.accounts, BYTES, clock.clone(), Arc::new(Alone))),
            profiles: Arc::new(CachedProfiles::new(backend.profiles, BYTES, &clock, Arc::new(Alone))),
            posts: Arc::new(CachedPosts::new(backend.posts, BYTES, &clock, Arc::new(Alone))),
            ..backend
        };
        (backend, guard)
    }

    mod accounts {
        echo_domain::account_store_contract!(super::fresh);
    }
    mod profiles {
        echo_domain::profile_store_contract!(super::fresh);
    }
    mod posts {
        echo_domain::post_store_contract!(super::fresh);
    }
}
