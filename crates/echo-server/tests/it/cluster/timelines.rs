//! Home timelines as a cluster keeps them: of posts and follows in MongoDB, in Redis.

use std::{sync::Arc, time::Duration};

use echo_domain::{contract::Backend, feed::home_contract::Shape};
use echo_mongo::{
    Areas, Mongo, MongoAccounts, MongoEvents, MongoIdempotency, MongoMedia, MongoPosts, MongoProfiles, Options,
};
use echo_redis::{Redis, RedisTimelines};
use tokio::runtime::Handle;

use crate::mongo::OwnDatabase;

use super::servers::Server;

/// Ends with the test, and with it what the test kept.
struct Kept {
    mongo: Option<OwnDatabase>,
    _redis: Server,
}

impl Drop for Kept {
    fn drop(&mut self) {
        if let Some(mongo) = self.mongo.take() {
            tokio::task::block_in_place(|| Handle::current().block_on(mongo.drop()));
        }
    }
}

async fn fresh() -> (Shape, Kept) {
    let (mongo, redis) = (OwnDatabase::new().await, Server::redis());
    // A server for tests may be slow.
    let (areas, longest_call) = (Areas::ALL, Duration::from_secs(60));
    let options = Options { areas, consumers: &["feed"], instance: [7; 16], longest_call };
    let records = Mongo::open(&mongo.address, options).await.unwrap();
    let timelines = RedisTimelines(Redis::open(&redis.redis_url()).await.unwrap());
    let shape = Shape { backend: backend(&records), timelines: Arc::new(timelines) };
    (shape, Kept { mongo: Some(mongo), _redis: redis })
}

fn backend(mongo: &Arc<Mongo>) -> Backend {
    let accounts = Arc::new(MongoAccounts::new(mongo.clone()).unwrap());
    Backend {
        accounts: accounts.clone(),
        sessions: accounts,
        profiles: Arc::new(MongoProfiles::new(mongo.clone()).unwrap()),
        posts: Arc::new(MongoPosts::new(mongo.clone()).unwrap()),
        media: Arc::new(MongoMedia::new(mongo.clone()).unwrap()),
        events: Arc::new(MongoEvents(mongo.clone())),
        requests: Arc::new(MongoIdempotency(mongo.clone())),
    }
}

echo_domain::home_timeline_contract!(fresh);
