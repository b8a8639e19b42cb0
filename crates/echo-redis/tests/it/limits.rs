//! Limits that processes share.

use std::{sync::Arc, time::Duration};

use echo_domain::{
    Clock, Timestamp,
    contract::Figures,
    limits::{Policy, RateLimiter, Verdict},
};
use echo_redis::{Redis, RedisLimiter};

use crate::server::{Cluster, Server, eventually};

const POLICY: Policy = Policy { name: "test", quota: 3, window: Duration::from_secs(3600) };

/// Redis has its own clock.
struct Noon;

impl Clock for Noon {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(1_700_000_000_000)
    }
}

async fn limiter(server: &Server) -> RedisLimiter {
    RedisLimiter::new(server.open().await, Arc::new(Noon))
}

async fn allowed(limiter: &RedisLimiter, caller: &str) -> bool {
    limiter.take(&POLICY, caller).await.unwrap() == Verdict::Allowed
}

async fn fresh() -> (Arc<dyn RateLimiter>, Server) {
    let server = Server::start();
    (Arc::new(limiter(&server).await), server)
}

mod contract {
    echo_domain::rate_limiter_contract!(super::fresh);
}

#[tokio::test]
async fn processes_share_a_quota() {
    let server = Server::start();
    let (one, other) = (limiter(&server).await, limiter(&server).await);

    assert!(allowed(&one, "ana").await);
    assert!(allowed(&other, "ana").await);
    assert!(allowed(&one, "ana").await);

    assert!(!allowed(&other, "ana").await);
    assert!(!allowed(&one, "ana").await);
}

#[tokio::test]
async fn masters_of_a_cluster_share_the_callers() {
    let cluster = Cluster::start().await;
    let limiter = RedisLimiter::new(Redis::open(&cluster.url()).await.unwrap(), Arc::new(Noon));

    for n in 0..100 {
        let caller = n.to_string();
        for turn in 1..=4 {
            assert_eq!(allowed(&limiter, &caller).await, turn <= 3, "{turn}");
        }
    }

    assert!(cluster.keys_of_each().iter().all(|keys| *keys > 10));
}

#[tokio::test]
async fn each_process_counts_alone_while_redis_is_gone() {
    let figures = Figures::default();
    let _counting = figures.count_here();
    let mut server = Server::start();
    let (one, other) = (limiter(&server).await, limiter(&server).await);
    server.kill();

    for limiter in [&one, &other] {
        for turn in 1..=4 {
            assert_eq!(allowed(limiter, "ana").await, turn <= 3, "{turn}");
        }
    }
    assert_eq!(figures.get("echo_limits_alone_total"), 8.0);

    server.restart();
    eventually("they count together again", async || allowed(&one, "ana").await).await;
    eventually("the quota is spent", async || !allowed(&other, "ana").await).await;
}

#[tokio::test]
async fn who_owes_nothing_leaves_nothing_in_redis() {
    const QUICK: Policy = Policy { name: "quick", quota: 1000, window: Duration::from_secs(1) };
    let server = Server::start();
    let limiter = limiter(&server).await;
    for caller in 0..100 {
        limiter.take(&QUICK, &caller.to_string()).await.unwrap();
    }

    eventually("all is forgotten", async || server.tell(&["DBSIZE"]) == "0").await;
}
