//! The contracts of all stores, on SQLite.

use std::sync::Arc;

use echo_domain::{Clock, Timestamp, contract::Backend, transfer::contract::Moving};
use echo_sqlite::{
    Database, Options, SqliteAccounts, SqliteEvents, SqliteIdempotency, SqliteMedia, SqlitePosts, SqliteProfiles,
    SqliteTransfer,
};

/// Stands still: nothing is forgotten by age, so that what is not forgotten by the change shows.
struct Noon;

impl Clock for Noon {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(1_700_000_000_000)
    }
}

async fn fresh() -> (Backend, tempfile::TempDir) {
    let (database, folder) = new();
    (stores(database), folder)
}

fn new() -> (Arc<Database>, tempfile::TempDir) {
    let folder = tempfile::tempdir().expect("a folder for the test");
    let database = Database::open(&folder.path().join("echo.db"), Options::default()).expect("a new database");
    (database, folder)
}

fn stores(database: Arc<Database>) -> Backend {
    Backend {
        accounts: Arc::new(SqliteAccounts(database.clone())),
        sessions: Arc::new(SqliteAccounts(database.clone())),
        profiles: Arc::new(SqliteProfiles(database.clone())),
        posts: Arc::new(SqlitePosts(database.clone())),
        media: Arc::new(SqliteMedia(database.clone())),
        events: Arc::new(SqliteEvents(database.clone())),
        requests: Arc::new(SqliteIdempotency(database)),
    }
}

mod accounts {
    echo_domain::account_store_contract!(super::fresh);
}
mod sessions {
    echo_domain::session_store_contract!(super::fresh);
}
mod profiles {
    echo_domain::profile_store_contract!(super::fresh);
}
mod posts {
    echo_domain::post_store_contract!(super::fresh);
}
mod media {
    echo_domain::media_store_contract!(super::fresh);
}
mod events {
    echo_domain::event_log_contract!(super::fresh);
}
mod requests {
    echo_domain::idempotency_store_contract!(super::fresh);
}

mod transfer {
    use super::*;

    async fn fresh() -> (Moving, tempfile::TempDir) {
        let (database, folder) = new();
        let target = Arc::new(SqliteTransfer { database: database.clone(), consumers: &["contract"] });
        (Moving { target, stores: stores(database) }, folder)
    }

    echo_domain::target_contract!(fresh);
}

/// The caches keep the contracts of what they stand in front of.
mod cached {
    use echo_domain::{Alone, auth::CachedAccounts, posts::CachedPosts, users::CachedProfiles};

    use super::*;

    const BYTES: u64 = 1 << 20;

    async fn fresh() -> (Backend, tempfile::TempDir) {
        let (backend, folder) = super::fresh().await;
        let clock: Arc<dyn Clock> = Arc::new(Noon);
        let backend = Backend {
            accounts: Arc::new(CachedAccounts::new(backend.accounts, BYTES, clock.clone(), Arc::new(Alone))),
            profiles: Arc::new(CachedProfiles::new(backend.profiles, BYTES, &clock, Arc::new(Alone))),
            posts: Arc::new(CachedPosts::new(backend.posts, BYTES, &clock, Arc::new(Alone))),
            ..backend
        };
        (backend, folder)
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

/// Home timelines, kept in memory.
mod home {
    use echo_domain::feed::{MemoryTimelines, home_contract::Shape};

    use super::*;

    async fn fresh() -> (Shape, tempfile::TempDir) {
        let (backend, folder) = super::fresh().await;
        (Shape { backend, timelines: Arc::new(MemoryTimelines::new(1 << 26, Arc::new(Noon))) }, folder)
    }

    echo_domain::home_timeline_contract!(fresh);
}
