//! The contracts of all stores, on SQLite.

use std::sync::Arc;

use echo_domain::contract::Backend;
use echo_sqlite::{
    Database, Options, SqliteAccounts, SqliteEvents, SqliteIdempotency, SqliteMedia, SqlitePosts, SqliteProfiles,
};

async fn fresh() -> (Backend, tempfile::TempDir) {
    let folder = tempfile::tempdir().expect("a folder for the test");
    let database = Database::open(&folder.path().join("echo.db"), Options::default()).expect("a new database");
    let backend = Backend {
        accounts: Arc::new(SqliteAccounts(database.clone())),
        sessions: Arc::new(SqliteAccounts(database.clone())),
        profiles: Arc::new(SqliteProfiles(database.clone())),
        posts: Arc::new(SqlitePosts(database.clone())),
        media: Arc::new(SqliteMedia(database.clone())),
        events: Arc::new(SqliteEvents(database.clone())),
        requests: Arc::new(SqliteIdempotency(database)),
    };
    (backend, folder)
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
