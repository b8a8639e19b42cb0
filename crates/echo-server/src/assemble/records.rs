//! Where records are kept: the stores of every area on one engine.

use std::{sync::Arc, time::Duration};

use anyhow::{Result, bail};
use async_trait::async_trait;
use echo_domain::{
    EventLog, Outbox,
    auth::{AccountStore, SessionStore},
    idempotency::IdempotencyStore,
    media::MediaStore,
    posts::PostStore,
    transfer::Target,
    users::ProfileStore,
};
use echo_http::Dependency;
use echo_mongo::{
    Mongo, MongoAccounts, MongoEvents, MongoIdempotency, MongoMedia, MongoPosts, MongoProfiles, MongoTransfer,
};
use echo_sqlite::{
    Database, Options, SqliteAccounts, SqliteEvents, SqliteIdempotency, SqliteMedia, SqlitePosts, SqliteProfiles,
    SqliteTransfer,
};

use crate::{config::Settings, data_dir::DataDir};

use super::{Blobs, CONSUMERS, Place};

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
    /// The same events, where other processes may take them on.
    pub(super) outbox: Option<Arc<dyn Outbox>>,
    engine: Engine,
}

/// What keeps them.
#[derive(Clone)]
enum Engine {
    Sqlite(Arc<Database>),
    Mongo(Arc<Mongo>),
}

impl Records {
    /// Opens what keeps them. `instance` tells this process from the others.
    ///
    /// # Errors
    /// In one line that names what is wrong and the cure.
    pub(crate) async fn open(settings: &Settings, data: &DataDir, instance: [u8; 16]) -> Result<Self> {
        match settings.cluster.mongodb_uri() {
            Some(uri) => Self::in_mongodb(uri, instance).await,
            None => Self::in_folder(data, instance),
        }
    }

    async fn in_mongodb(uri: &str, instance: [u8; 16]) -> Result<Self> {
        let longest_call = echo_mongo::Options::LONGEST_CALL;
        let mongo = Mongo::open(uri, echo_mongo::Options { consumers: &CONSUMERS, instance, longest_call }).await?;
        let accounts = Arc::new(MongoAccounts(mongo.clone()));
        let events = Arc::new(MongoEvents(mongo.clone()));
        Ok(Self {
            accounts: accounts.clone(),
            sessions: accounts,
            profiles: Arc::new(MongoProfiles(mongo.clone())),
            posts: Arc::new(MongoPosts(mongo.clone())),
            media: Arc::new(MongoMedia(mongo.clone())),
            requests: Arc::new(MongoIdempotency(mongo.clone())),
            events: events.clone(),
            outbox: Some(events),
            engine: Engine::Mongo(mongo),
        })
    }

    fn in_folder(data: &DataDir, instance: [u8; 16]) -> Result<Self> {
        let options = Options { instance, ..Options::default() };
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
            outbox: None,
            engine: Engine::Sqlite(database),
        })
    }

    /// Everything that is kept, as records that move.
    pub(crate) fn transfer(&self) -> Arc<dyn Target> {
        match &self.engine {
            Engine::Sqlite(database) => Arc::new(SqliteTransfer { database: database.clone(), consumers: &CONSUMERS }),
            Engine::Mongo(mongo) => Arc::new(MongoTransfer(mongo.clone())),
        }
    }

    /// This process changes nothing from now on: a move from them need not wait for it.
    ///
    /// # Errors
    /// When they do not answer.
    pub(crate) async fn keep_still(&self) -> Result<()> {
        if let Engine::Mongo(mongo) = &self.engine {
            mongo.keep_still().await?;
        }
        Ok(())
    }

    /// Waits until no other process uses them: without anything else to share, neither would hear what the other changes.
    /// One that was killed counts for ten seconds.
    ///
    /// # Errors
    /// When another one goes on to use them.
    pub(crate) async fn require_alone(&self) -> Result<()> {
        const PATIENCE: u32 = 12;
        let Engine::Mongo(mongo) = &self.engine else { return Ok(()) };
        for _ in 0..PATIENCE {
            if !mongo.has_others().await? {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        bail!("another echod uses the {mongo}: set REDIS_URL for both, by which they hear of each other's changes")
    }

    /// Where everything is, in a line or more for people.
    pub(crate) fn whereabouts(&self, data: &DataDir, images: &Blobs) -> String {
        let path = data.path.display();
        let (records, beside) = match &self.engine {
            Engine::Sqlite(_) => (String::new(), "database, "),
            Engine::Mongo(mongo) => (format!("Records {mongo}\n  "), ""),
        };
        match images.place {
            Place::Files => format!("{records}Data    {path} ({beside}images, keys)"),
            _ => format!("{records}Data    {path} ({beside}keys)\n  Images  {}", images.whereabouts),
        }
    }

    /// Lets what was begun come to its end. Afterwards every call fails.
    ///
    /// # Errors
    /// When that panics.
    pub(crate) async fn close(self) -> Result<()> {
        match self.engine {
            Engine::Sqlite(database) => tokio::task::spawn_blocking(move || database.close()).await?,
            Engine::Mongo(mongo) => mongo.close().await,
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
            Engine::Mongo(_) => "mongodb",
        }
    }

    async fn check(&self) -> echo_domain::Result<()> {
        match &self.engine {
            Engine::Sqlite(database) => database.ping().await,
            Engine::Mongo(mongo) => mongo.ping().await,
        }
    }
}
