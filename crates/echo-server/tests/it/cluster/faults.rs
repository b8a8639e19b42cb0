//! What Echo stands on dies, and so do its processes.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use futures_util::future::join_all;
use reqwest::{Method, multipart::Form};
use serde_json::json;
use tokio::time::sleep;

use crate::{
    app::{PASSWORD, Person, Post, eventually, ids},
    client::{Blocks, Client},
    picture::png,
};

use super::Cluster;

/// When all is as it was after a restart of Redis.
const RIGHT_AGAIN: Duration = Duration::from_secs(5);
/// When MongoDB is used again after its restart.
const BACK: Duration = Duration::from_secs(20);
/// When another process has done what one that died was to do. If it died within a transaction, MongoDB holds what that
/// has touched for up to a minute (`transactionLifetimeLimitSeconds`).
const TAKEN_OVER: Duration = Duration::from_secs(150);

/// Publishes, likes and reads until told to stop; what was acknowledged. Nothing may fail on our side.
async fn use_it(person: Person, other: Client, stop: Arc<AtomicBool>) -> Vec<Post> {
    let mut kept = Vec::new();
    while !stop.load(Ordering::Relaxed) {
        let post = person.publish("kept").await;
        person.like(&post).await;
        other.get(&post.path()).await.expect(200);
        other.get("/api/feed").await.expect(200);
        kept.push(post);
    }
    kept
}

#[tokio::test]
async fn without_redis_everything_works_and_after_its_return_all_is_right() {
    let Some(mut cluster) = Cluster::start().await else { return };
    let (ana, bob) = (cluster.nodes[0].sign_up("ana").await, cluster.nodes[1].sign_up("bob").await);
    let [ana_there, bob_there] = [(1, &ana), (0, &bob)].map(|(n, it)| cluster.nodes[n].bearing(Some(it.token())));
    let stop = Arc::new(AtomicBool::new(false));
    let users = [(ana.clone(), ana_there.clone()), (bob.clone(), bob_there)];
    let users = users.map(|(person, other)| tokio::spawn(use_it(person, other, stop.clone())));

    cluster.redis.kill();
    let without = ana.publish("without Redis").await;
    bob.like(&without).await;
    cluster.redis.restart();

    eventually("both processes tell the same", RIGHT_AGAIN, async || {
        let (here, there) = (ana.view(&without).await, ana_there.view(&without).await);
        here["likeCount"] == 1 && here["likeCount"] == there["likeCount"]
    })
    .await;
    stop.store(true, Ordering::Relaxed);
    for kept in join_all(users).await {
        for post in kept.unwrap() {
            assert_eq!(ana.view(&post).await["likeCount"], 1);
        }
    }
    // They hear of one another again.
    let after = ana.publish("with it").await;
    bob.like(&after).await;
    eventually("the like is seen at the other process", RIGHT_AGAIN, async || ana.view(&after).await["likeCount"] == 1)
        .await;
}

#[tokio::test]
async fn a_redis_that_hangs_holds_nobody_up_for_long() {
    let Some(cluster) = Cluster::start().await else { return };
    let ana = cluster.nodes[0].sign_up("ana").await;
    let bob = cluster.nodes[1].sign_up("bob").await;

    cluster.redis.freeze();
    let post = ana.publish("slowly").await;
    bob.like(&post).await;
    bob.get("/api/feed").await.expect(200);
    cluster.redis.thaw();

    eventually("all is right", RIGHT_AGAIN, async || ana.view(&post).await["likeCount"] == 1).await;
}

#[tokio::test]
async fn without_mongodb_writes_are_refused_and_what_is_known_is_read() {
    let Some(mut cluster) = Cluster::start().await else { return };
    let ana = cluster.nodes[0].sign_up("ana").await;
    let anonymous = cluster.nodes[0].anonymous();
    let post = ana.publish("known").await;
    anonymous.get(&post.path()).await.expect(200);
    let feed = anonymous.get("/api/posts").await.data();

    cluster.mongo.kill();

    let body = json!({"content": [{"type": "text", "value": "too late"}]});
    let refused = ana.post("/api/posts").json(body.clone()).await.expect(503);
    assert!(refused.header("retry-after").parse::<u64>().is_ok(), "{refused}");
    anonymous.get(&post.path()).await.expect(200);
    assert_eq!(anonymous.get("/api/posts").await.data(), feed);
    assert_eq!(ready(&cluster).await, 503);
    cluster.mongo.restart();
    let works = async || ana.post("/api/posts").json(body.clone()).await.status == 201;
    eventually("it is written again, without a restart", BACK, works).await;
    assert_eq!(ready(&cluster).await, 200);
}

/// Whether the first process says that it is ready: no part of the API, and told in its own words.
async fn ready(cluster: &Cluster) -> u16 {
    cluster.nodes[0].request(Method::GET, "/readyz").send().await.unwrap().status().as_u16()
}

#[tokio::test]
async fn what_a_killed_process_left_to_do_is_done_by_another() {
    let Some(mut cluster) = Cluster::start().await else { return };
    let (ana, bob) = (cluster.nodes[0].sign_up("ana").await, cluster.nodes[1].sign_up("bob").await);
    let kept = bob.publish("bob's").await;
    ana.follow(&bob).await;
    ana.like(&kept).await;
    ana.comment(&kept, "lovely").await;
    let mut shown = Vec::new();
    for _ in 0..5 {
        let form = Form::new().text_block(0, "look").image_block(1, png(64, 48));
        shown.push(ana.post("/api/posts").form(form).await.expect(201).data());
    }
    let picture = crate::app::text(&shown[0]["content"][1]["value"]);

    ana.delete("/api/users/me").json(json!({"password": PASSWORD})).await.expect(200);
    cluster.nodes[0].kill();

    let left = async || {
        let (seen, me) = (bob.view(&kept).await, bob.get("/api/users/me").await.data());
        let posts = bob.get("/api/posts").await.data();
        let counts = [&seen["likeCount"], &seen["commentCount"], &me["followersCount"], &posts["totalPosts"]];
        (counts.map(|count| count.as_u64().unwrap()), bob.get(&picture).await.status)
    };
    let deadline = Instant::now() + TAKEN_OVER;
    while left().await != ([0, 0, 0, 1], 404) {
        assert!(Instant::now() < deadline, "{:?} is left", left().await);
        sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(ids(&bob.get("/api/posts").await.data()["posts"]), [&*kept.id]);
}
