//! Several processes as one Echo: on one MongoDB, one Redis and one folder of images.

mod faults;
mod one_echo;
pub mod servers;
mod start;
mod timelines;

use tempfile::TempDir;

use crate::echod::{OwnServer, own_folder};

use servers::Server;

/// Processes of one Echo, and what they stand on.
struct Cluster {
    nodes: Vec<OwnServer>,
    mongo: Server,
    redis: Server,
    _images: TempDir,
}

impl Cluster {
    /// `None`, with a line that says so, when this run's server is given.
    async fn start() -> Option<Self> {
        Self::start_with(&[]).await
    }

    /// Two processes with these settings, too.
    async fn start_with(settings: &[(&str, &str)]) -> Option<Self> {
        let images = own_folder()?;
        let (mongo, redis) = (Server::mongo(), Server::redis());
        let (mongodb_uri, redis_url) = (mongo.mongodb_uri(), redis.redis_url());
        let shared = [
            ("MONGODB_URI", mongodb_uri.as_str()),
            ("REDIS_URL", redis_url.as_str()),
            ("DATA_DIR", images.path().to_str().unwrap()),
            ("JWT_SECRET", "only-for-tests-only-for-tests-only-for-tests"),
        ];
        let settings = [&shared, settings].concat();
        let nodes = vec![OwnServer::start_with(&settings).await?, OwnServer::start_with(&settings).await?];
        Some(Self { nodes, mongo, redis, _images: images })
    }
}
