//! Where records are kept: the stores of every area on one engine.

use std::sync::Arc;

use anyhow::Result;
use async_trait::async_trait;
use echo_domain::{
    EventLog,
    auth::{AccountStore, SessionStore},
    idempotency::IdempotencyStore,
    media::MediaStore,
    posts::PostStore,
    transfer::Target,
    users::ProfileStore,
};
use echo_http::Dependency;
use echo_sqlite::{
    Database, Options, SqliteAccounts, SqliteEvents, SqliteIdempotency, SqliteMedia, SqlitePosts, SqliteProfiles,
    SqliteTransfer,
};

use crate::data_dir::DataDir;

/// Who hears events, by name.
pub(crate) const CONSUMERS: &[&str] = &["users", "posts", "media", "feed"];

/// The stores, with nothing remembered in front of them.
#[derive(Clone)]
pub(crate) struct Records {
    pub(crate) accounts: Arc<dyn AccountStore>,
    pub(crate) sessions: Arc<dyn SessionStore>,
    pub(crate) profiles: Arc<dyn ProfileStore>,
    pub(crate) posts: Arc<dyn PostStore>,
    pub(crate) media: Arc<dyn MediaStore>,
    pub(crate) requests: Arc<dyn IdempotencyStore>,
    pub(crate) events: Arc<dyn EventLog>,
    engine: Engine,
}

/// What keeps them.
#[derive(Clone)]
enum Engine {
    Sqlite(Arc<Database>),
}

impl Records {
    /// Opens what keeps them.
    ///
    /// # Errors
    /// In one line that names what is wrong and the cure.
    pub(crate) async fn open(data: &DataDir) -> Result<Self> {
        Self::in_folder(data)
    }

    /// In the data folder.
    fn in_folder(data: &DataDir) -> Result<Self> {
        let options = Options { instance: echo_crypto::random_bytes(), ..Options::default() };
        let database = Database::open(&data.database(), options)?;
        let accounts = Arc::new(SqliteAccounts(database.clone()));
        Ok(Self {
            accounts: accounts.clone(),
            sessions: accounts,
            profiles: Arc::new(SqliteProfiles(database.clone())),
            posts: Arc::new(SqlitePosts(database.clone())),
            media: Arc::new(SqliteMedia(database.clone())),
            requests: Arc::new(SqliteIdempotency(database.clone())),
            events: Arc::new(SqliteEvents(database.clone())),
            engine: Engine::Sqlite(database),
        })
    }

    /// Everything that is kept, as records that move.
    pub(crate) fn transfer(&self) -> Arc<dyn Target> {
        match &self.engine {
            Engine::Sqlite(database) => Arc::new(SqliteTransfer { database: database.clone(), consumers: CONSUMERS }),
        }
    }

    /// Lets what was begun come to its end. Afterwards every call fails.
    ///
    /// # Errors
    /// When that panics.
    pub(crate) async fn close(self) -> Result<()> {
        match self.engine {
            Engine::Sqlite(database) => tokio::task::spawn_blocking(move || database.close()).await?,
        }
        Ok(())
    }
}

/// As readiness sees them.
#[async_trait]
impl Dependency for Records {
    fn name(&self) -> &'static str {
        match self.engine {
            Engine::Sqlite(_) => "sqlite",
        }
    }

    async fn check(&self) -> echo_domain::Result<()> {
        match &self.engine {
            Engine::Sqlite(database) => database.ping().await,
        }
    }
}
