//! Whichever process one asks, it is the same Echo.

use std::time::Duration;

use serde_json::json;

use crate::{
    app::{PASSWORD, Person, TestApp, eventually, ids, together, unique},
    client::Client,
};

use super::Cluster;

/// When others have heard of a change.
const HEARD: Duration = Duration::from_secs(1);
/// When a session has ended everywhere.
const REVOKED: Duration = Duration::from_secs(5);

/// The same person, asking another process.
fn at(app: &TestApp, person: &Person) -> Client {
    app.bearing(Some(person.token()))
}

#[tokio::test]
async fn who_writes_at_one_process_reads_it_at_the_other_at_once() {
    let Some(cluster) = Cluster::start().await else { return };
    let [here, there] = &cluster.nodes[..] else { panic!("not two") };
    let (ana, bob) = (here.sign_up("ana").await, there.sign_up("bob").await);
    let (ana_there, bob_there) = (at(there, &ana), at(here, &bob));

    for round in 0..30 {
        let post = ana.publish(&format!("number {round}")).await;
        let seen = ana_there.view(&post).await;
        assert_eq!((&seen["likeCount"], &seen["commentCount"]), (&json!(0), &json!(0)));
        assert_eq!(ids(&ana_there.get("/api/posts?limit=1").await.data()["posts"]), [post.id.clone()]);
        assert_eq!(ids(&ana_there.get("/api/feed?limit=1").await.data()["items"]), [post.id.clone()]);

        bob.like(&post).await;
        let seen = bob_there.view(&post).await;
        assert_eq!((&seen["likeCount"], &seen["isLiked"]), (&json!(1), &json!(true)));
        bob.comment(&post, "lovely").await;
        assert_eq!(bob_there.view(&post).await["commentCount"], 1);
        bob.delete(&post.at("like")).await.expect(200);
        assert_eq!(bob_there.view(&post).await["likeCount"], 0);

        let follow = if round % 2 == 0 { "follow" } else { "unfollow" };
        bob.patch(&format!("{}/{follow}", ana.path())).await.expect(200);
        assert_eq!(bob_there.get("/api/users/me").await.data()["followingCount"], json!((round + 1) % 2));
        let name = format!("Ana {round}");
        ana.patch("/api/users/profile").json(json!({"name": name})).await.expect(200);
        assert_eq!(ana_there.get("/api/users/me").await.data()["name"], name.as_str());

        ana.delete(&post.path()).await.expect(200);
        ana_there.get(&post.path()).await.expect(404);
    }
}

#[tokio::test]
async fn others_see_it_within_a_second() {
    let Some(cluster) = Cluster::start().await else { return };
    let [here, there] = &cluster.nodes[..] else { panic!("not two") };
    let (ana, bob) = (here.sign_up("ana").await, there.sign_up("bob").await);
    bob.follow(&ana).await;
    let feed = async || ids(&bob.get("/api/feed?limit=5").await.data()["items"]);
    assert_eq!(feed().await, [String::new(); 0]);

    for round in 0..5 {
        let post = ana.publish(&format!("number {round}")).await;
        eventually("the post is in a follower's feed", HEARD, async || feed().await.contains(&post.id)).await;
        ana.delete(&post.path()).await.expect(200);
        eventually("it is gone from there", HEARD, async || !feed().await.contains(&post.id)).await;
    }
}

#[tokio::test]
async fn a_session_that_ends_at_one_process_ends_at_all() {
    let Some(cluster) = Cluster::start().await else { return };
    let [here, there] = &cluster.nodes[..] else { panic!("not two") };
    let ana = here.sign_up("ana").await;
    let ana_there = at(there, &ana);
    ana_there.get("/api/users/me").await.expect(200);

    ana.post("/api/auth/logout").await.expect(200);

    let refused = async || ana_there.get("/api/users/me").await.status == 401;
    eventually("the token is refused by the other process", REVOKED, refused).await;
}

#[tokio::test]
async fn of_twelve_requests_with_one_key_to_both_exactly_one_happens() {
    let Some(cluster) = Cluster::start().await else { return };
    let ana = cluster.nodes[0].sign_up("ana").await;
    let body = json!({"content": [{"type": "text", "value": "once"}]});
    let send = |n: usize| {
        let (client, body) = (at(&cluster.nodes[n % 2], &ana), body.clone());
        async move { client.post("/api/posts").json(body).idempotency_key("tea-at-seven").await }
    };

    let replies = together(12, send).await;

    let made = replies.iter().filter(|reply| reply.status == 201).count();
    assert!(made >= 1 && replies.iter().all(|reply| [201, 409].contains(&reply.status)));
    let posts = ana.walk(&format!("{}/posts", ana.path()), 100, |_| false).await;
    assert_eq!(posts.len(), 1);
}

#[tokio::test]
async fn of_twelve_signups_with_one_name_at_both_exactly_one_succeeds() {
    let Some(cluster) = Cluster::start().await else { return };
    let username = unique("ana");
    let sign_up = |n: usize| {
        let form = json!({"name": "Ana", "username": username, "email": format!("{n}.{username}@example.com"), "password": PASSWORD});
        let client = cluster.nodes[n % 2].anonymous();
        async move { client.post("/api/auth/signup").json(form).await }
    };

    let replies = together(12, sign_up).await;

    let mut statuses: Vec<_> = replies.iter().map(|reply| reply.status).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [&[201][..], &[409; 11]].concat());
}

#[tokio::test]
async fn limits_count_what_both_were_asked() {
    let Some(cluster) = Cluster::start_with(&[("RATE_LIMITS", "on")]).await else { return };
    let guess = json!({"username": "somebody", "password": "a guess"});
    let ask = async |n: usize| cluster.nodes[n % 2].anonymous().post("/api/auth/login").json(guess.clone()).await;

    let mut allowed = 0;
    let blocked = loop {
        let reply = ask(allowed).await;
        if reply.status == 429 {
            break reply;
        }
        allowed += 1;
        assert!(allowed < 200, "nothing was blocked");
    };

    // Some of the quota comes back while it is being spent, but not a second one.
    let policy = blocked.header("ratelimit-policy");
    let quota = policy.split("q=").nth(1).and_then(|rest| rest.split(';').next()).unwrap_or_default();
    assert!(allowed < 2 * quota.parse::<usize>().unwrap(), "{allowed} of {policy}");
    assert_eq!(ask(allowed + 1).await.status, 429, "the other process knows it, too");
}
