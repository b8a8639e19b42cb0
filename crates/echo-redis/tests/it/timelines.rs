//! Timelines that processes share.

use std::sync::Arc;

use echo_domain::{
    Error, PostId, UserId,
    contract::sample,
    feed::{Timeline, TimelineStore},
};
use echo_redis::{Redis, RedisTimelines};

use crate::server::{Cluster, Server, eventually};

async fn fresh() -> (Arc<dyn TimelineStore>, Server) {
    let server = Server::start();
    (Arc::new(RedisTimelines(server.open().await)), server)
}

mod contract {
    echo_domain::timeline_store_contract!(super::fresh);
}

mod cluster {
    use super::*;

    async fn fresh() -> (Arc<dyn TimelineStore>, Cluster) {
        let cluster = Cluster::start().await;
        let redis = Redis::open(&cluster.url()).await.unwrap();
        (Arc::new(RedisTimelines(redis)), cluster)
    }

    #[tokio::test]
    async fn a_push_reaches_owners_on_all_masters() {
        let (timelines, cluster) = fresh().await;
        let owners: [UserId; 100] = sample::ids();
        for owner in owners {
            make(&*timelines, owner, &[]).await;
        }
        let post = sample::id();

        assert_eq!(timelines.push(&owners, post).await.unwrap(), owners.len());

        for owner in owners {
            assert_eq!(timelines.read(owner).await.unwrap().unwrap().posts, [post]);
        }
        assert!(cluster.keys_of_each().iter().all(|keys| *keys > 10));
    }
}

async fn make(timelines: &dyn TimelineStore, owner: UserId, posts: &[PostId]) {
    let making = sample::id();
    timelines.begin(owner, making, 7).await.unwrap();
    assert!(timelines.fill(owner, making, posts, false).await.unwrap());
}

#[tokio::test]
async fn a_timeline_is_kept_for_as_long_as_it_is_read() {
    let (timelines, server) = fresh().await;
    let owner: UserId = sample::id();
    make(&*timelines, owner, &[sample::id()]).await;
    let key = format!("echo:timeline:{owner}");
    let remaining = || server.tell(&["TTL", &key]).parse::<u64>().unwrap();
    let kept = Timeline::KEPT.as_secs();
    server.tell(&["EXPIRE", &key, "1000"]);

    for post in [sample::id(), PostId(owner.into())] {
        timelines.push(&[owner], post).await.unwrap();
        assert!(remaining() <= 1000);
    }
    timelines.read(owner).await.unwrap();

    assert!((kept - 60..=kept).contains(&remaining()));
}

#[tokio::test]
async fn however_many_posts_are_pushed_a_timeline_stays_small() {
    let (timelines, server) = fresh().await;
    let owner: UserId = sample::id();
    make(&*timelines, owner, &[]).await;
    let posts: [PostId; 2500] = sample::ids();

    for post in posts {
        assert_eq!(timelines.push(&[owner], post).await.unwrap(), 1);
    }

    let newest: Vec<_> = posts.into_iter().rev().take(Timeline::MAX).collect();
    assert_eq!(timelines.read(owner).await.unwrap(), Some(Timeline { version: 7, posts: newest, more: true }));
    let bytes: usize = server.tell(&["MEMORY", "USAGE", &format!("echo:timeline:{owner}")]).parse().unwrap();
    assert!(bytes < Timeline::MAX * 40, "{bytes}");
}

#[tokio::test]
async fn timelines_are_lost_with_redis_and_made_anew() {
    let server = Server::start();
    let timelines = RedisTimelines(server.open().await);
    let (owner, mut server) = (sample::id(), server);
    make(&timelines, owner, &[sample::id()]).await;

    server.kill();
    eventually("they are out of reach", async || matches!(timelines.read(owner).await, Err(Error::Unavailable { .. })))
        .await;
    server.restart();

    eventually("they are gone", async || matches!(timelines.read(owner).await, Ok(None))).await;
    make(&timelines, owner, &[]).await;
    assert!(timelines.read(owner).await.unwrap().is_some());
}
