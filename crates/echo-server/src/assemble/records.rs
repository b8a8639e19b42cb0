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
    Area, Mongo, MongoAccounts, MongoEvents, MongoIdempotency, MongoMedia, MongoPosts, MongoProfiles, MongoTransfer,
};
use echo_sqlite::{
    Database, Options, SqliteAccounts, SqliteEvents, SqliteIdempotency, SqliteMedia, SqlitePosts, SqliteProfiles,
    SqliteTransfer,
};

use crate::{
    config::Settings,
    data_dir::DataDir,
    roles::{Role, Roles},
};

use super::{Blobs, CONSUMERS, Place};

/// The stores of some areas, with nothing remembered in front of them.
#[derive(Clone)]
pub(crate) struct Records {
    engine: Engine,
    /// Of all areas.
    pub(crate) requests: Arc<dyn IdempotencyStore>,
    pub(crate) events: Arc<dyn EventLog>,
    /// The same events, where other processes may take them on.
    pub(super) outbox: Option<Arc<dyn Outbox>>,
}

/// What keeps them.
#[derive(Clone)]
enum Engine {
    Sqlite(Arc<Database>),
    Mongo(Arc<Mongo>),
}

impl Records {
    /// Opens what these roles keep. `instance` tells this process from the others.
    ///
    /// # Errors
    /// In one line that names what is wrong and the cure.
    pub(crate) async fn open(settings: &Settings, data: &DataDir, roles: Roles, instance: [u8; 16]) -> Result<Self> {
        match settings.cluster.mongodb_uri() {
            Some(uri) => Self::in_mongodb(uri, roles, instance).await,
            None => Self::in_folder(data, instance),
        }
    }

    /// Opens everything, for what looks after the whole.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub(crate) async fn open_all(settings: &Settings, data: &DataDir) -> Result<Self> {
        Self::open(settings, data, Roles::ALL, echo_crypto::random_bytes()).await
    }

    async fn in_mongodb(uri: &str, roles: Roles, instance: [u8; 16]) -> Result<Self> {
        let areas = roles.iter().filter_map(|role| match role {
            Role::Auth => Some(Area::Auth),
            Role::Users => Some(Area::Users),
            Role::Posts => Some(Area::Posts),
            Role::Media => Some(Area::Media),
            Role::Worker => None,
        });
        let (areas, longest_call) = (areas.collect(), echo_mongo::Options::LONGEST_CALL);
        let options = echo_mongo::Options { areas, consumers: &CONSUMERS, instance, longest_call };
        let mongo = Mongo::open(uri, options).await?;
        let events = Arc::new(MongoEvents(mongo.clone()));
        Ok(Self {
            requests: Arc::new(MongoIdempotency(mongo.clone())),
            events: events.clone(),
            outbox: Some(events),
            engine: Engine::Mongo(mongo),
        })
    }

    fn in_folder(data: &DataDir, instance: [u8; 16]) -> Result<Self> {
        let options = Options { instance, ..Options::default() };
        let database = Database::open(&data.database(), options)?;
        Ok(Self {
            requests: Arc::new(SqliteIdempotency(database.clone())),
            events: Arc::new(SqliteEvents(database.clone())),
            outbox: None,
            engine: Engine::Sqlite(database),
        })
    }

    /// # Errors
    /// When auth is no role of these.
    pub(crate) fn accounts(&self) -> Result<Arc<dyn AccountStore>> {
        Ok(match &self.engine {
            Engine::Sqlite(database) => Arc::new(SqliteAccounts(database.clone())),
            Engine::Mongo(mongo) => Arc::new(MongoAccounts::new(mongo.clone())?),
        })
    }

    /// # Errors
    /// When auth is no role of these.
    pub(super) fn sessions(&self) -> Result<Arc<dyn SessionStore>> {
        Ok(match &self.engine {
            Engine::Sqlite(database) => Arc::new(SqliteAccounts(database.clone())),
            Engine::Mongo(mongo) => Arc::new(MongoAccounts::new(mongo.clone())?),
        })
    }

    /// # Errors
    /// When users is no role of these.
    pub(crate) fn profiles(&self) -> Result<Arc<dyn ProfileStore>> {
        Ok(match &self.engine {
            Engine::Sqlite(database) => Arc::new(SqliteProfiles(database.clone())),
            Engine::Mongo(mongo) => Arc::new(MongoProfiles::new(mongo.clone())?),
        })
    }

    /// # Errors
    /// When posts is no role of these.
    pub(crate) fn posts(&self) -> Result<Arc<dyn PostStore>> {
        Ok(match &self.engine {
            Engine::Sqlite(database) => Arc::new(SqlitePosts(database.clone())),
            Engine::Mongo(mongo) => Arc::new(MongoPosts::new(mongo.clone())?),
        })
    }

    /// # Errors
    /// When media is no role of these.
    pub(crate) fn media(&self) -> Result<Arc<dyn MediaStore>> {
        Ok(match &self.engine {
            Engine::Sqlite(database) => Arc::new(SqliteMedia(database.clone())),
            Engine::Mongo(mongo) => Arc::new(MongoMedia::new(mongo.clone())?),
        })
    }

    /// Everything that is kept, as records that move.
    ///
    /// # Errors
    /// When it is not all opened.
    pub(crate) fn transfer(&self) -> Result<Arc<dyn Target>> {
        Ok(match &self.engine {
            Engine::Sqlite(database) => Arc::new(SqliteTransfer { database: database.clone(), consumers: &CONSUMERS }),
            Engine::Mongo(mongo) => Arc::new(MongoTransfer::new(mongo.clone())?),
        })
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

    /// What readiness tells of them.
    pub(super) fn dependency(&self) -> Arc<dyn Dependency> {
        Arc::new(self.clone())
    }

    /// Where everything is, in a line or more for people.
    pub(crate) fn whereabouts(&self, data: &DataDir, images: Option<&Blobs>) -> String {
        let path = data.path.display();
        let (records, beside) = match &self.engine {
            Engine::Sqlite(_) => (String::new(), "database, "),
            Engine::Mongo(mongo) => (format!("Records {mongo}\n  "), ""),
        };
        match images {
            Some(images) if images.place == Place::Files => {
                format!("{records}Data    {path} ({beside}images, keys)")
            }
            Some(images) => format!("{records}Data    {path} ({beside}keys)\n  Images  {}", images.whereabouts),
            None => format!("{records}Data    {path} ({beside}keys)"),
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
