//! The stores of one Echo on MongoDB, with what Redis adds in front of them.

use std::sync::Arc;

use echo_domain::{Alone, Clock, Timestamp, contract::Backend};
use echo_mongo::{Mongo, MongoAccounts, MongoEvents, MongoIdempotency, MongoMedia, MongoPosts, MongoProfiles};
use echo_redis::{Redis, RedisEvents, SharedCache, SharedPosts, SharedProfiles};
use tokio::{sync::watch, task::JoinHandle};

use crate::{
    events::AGAIN,
    mongo::{self, Guard},
    server::Server,
};

/// What the machine says.
pub(crate) struct Now;

impl Clock for Now {
    #[expect(clippy::disallowed_methods, reason = "this is the clock")]
    fn now(&self) -> Timestamp {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
        Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap())
    }
}

/// The stores alone.
pub(crate) fn plain(mongo: &Arc<Mongo>) -> Backend {
    Backend {
        accounts: Arc::new(MongoAccounts::new(mongo.clone()).unwrap()),
        sessions: Arc::new(MongoAccounts::new(mongo.clone()).unwrap()),
        profiles: Arc::new(MongoProfiles::new(mongo.clone()).unwrap()),
        posts: Arc::new(MongoPosts::new(mongo.clone()).unwrap()),
        media: Arc::new(MongoMedia::new(mongo.clone()).unwrap()),
        events: Arc::new(MongoEvents(mongo.clone())),
        requests: Arc::new(MongoIdempotency(mongo.clone())),
    }
}

/// With the cache that is shared by `redis` in front of them.
pub(crate) fn shared(plain: Backend, redis: Arc<Redis>) -> Backend {
    let cache = Arc::new(SharedCache::new(redis, Arc::new(Alone)));
    Backend {
        profiles: Arc::new(SharedProfiles::new(plain.profiles, cache.clone())),
        posts: Arc::new(SharedPosts::new(plain.posts, cache)),
        ..plain
    }
}

/// What a test of a contract leaves to be cleaned up.
pub(crate) struct Rest {
    _server: Server,
    _guard: Guard,
    reading: JoinHandle<()>,
}

impl Drop for Rest {
    fn drop(&mut self) {
        self.reading.abort();
    }
}

async fn fresh() -> (Backend, Rest) {
    let (server, (mongo, guard)) = (Server::start(), mongo::open().await);
    let redis = server.open().await;
    let outbox = Arc::new(MongoEvents(mongo.clone()));
    let events = Arc::new(RedisEvents::new(redis.clone(), outbox, Arc::new(Now), [7; 16], AGAIN));
    let reading = tokio::spawn({
        let events = events.clone();
        async move {
            let (_go_on, stop) = watch::channel(false);
            events.run(stop).await;
        }
    });
    let backend = Backend { events, ..shared(plain(&mongo), redis) };
    (backend, Rest { _server: server, _guard: guard, reading })
}

mod profiles {
    echo_domain::profile_store_contract!(super::fresh);
}
mod posts {
    echo_domain::post_store_contract!(super::fresh);
}
mod events {
    echo_domain::event_log_contract!(super::fresh);
}
