//! Too much of anything is turned away, and told when to come back.

use serde_json::json;

use crate::{app::PASSWORD, client::Reply, echod::OwnServer};

/// What the fields of the IETF draft say: the policy that blocked, its quota, and when to come back.
fn assert_advice(reply: &Reply, policy: &str) {
    let retry_after: u64 = reply.header("retry-after").parse().unwrap_or_else(|_| panic!("no Retry-After in {reply}"));
    assert!(retry_after >= 1, "{reply}");
    let (limit, named) = (reply.header("ratelimit"), reply.header("ratelimit-policy"));
    assert_eq!(limit, format!("\"{policy}\";r=0;t={retry_after}"));
    assert!(named.starts_with(&format!("\"{policy}\";q=")) && named.contains(";w="), "{named}");
}

#[tokio::test]
async fn guessing_passwords_is_slowed_down() {
    let Some(server) = OwnServer::start_with(&[("RATE_LIMITS", "on")]).await else { return };
    let guess = |i: usize| {
        let form = json!({"username": "somebody", "password": format!("guess number {i}")});
        server.anonymous().post("/api/auth/login").json(form)
    };

    let mut blocked = None;
    for i in 0..100 {
        let reply = guess(i).await;
        if reply.status == 429 {
            blocked = Some(reply);
            break;
        }
        reply.refused(401, "invalid_credentials");
    }

    let blocked = blocked.expect("a hundred guesses were let through").refused(429, "rate_limited");
    assert_advice(&blocked, "login");
    server.anonymous().get("/api/posts").await.expect(200);
}

#[tokio::test]
async fn nobody_escapes_a_limit_by_claiming_another_address() {
    let Some(server) = OwnServer::start_with(&[("RATE_LIMITS", "on")]).await else { return };
    let guess = |i: usize| {
        let form = json!({"username": "somebody", "password": "a guess"});
        server.anonymous().post("/api/auth/login").json(form).header("x-forwarded-for", &format!("198.51.100.{i}"))
    };

    let mut statuses = Vec::new();
    for i in 0..60 {
        statuses.push(guess(i).await.status);
    }

    assert!(statuses.contains(&429), "{statuses:?}");
}

#[tokio::test]
async fn behind_a_trusted_proxy_each_client_is_counted_alone() {
    let settings = [("RATE_LIMITS", "on"), ("TRUSTED_PROXIES", "127.0.0.0/8")];
    let Some(server) = OwnServer::start_with(&settings).await else { return };
    let guess = |address: &str| {
        let form = json!({"username": "somebody", "password": "a guess"});
        server.anonymous().post("/api/auth/login").json(form).header("x-forwarded-for", address)
    };

    let mut guesses = 0;
    while guess("198.51.100.1").await.status != 429 {
        guesses += 1;
        assert!(guesses < 100);
    }

    guess("198.51.100.2").await.expect(401);
}

#[tokio::test]
async fn limits_leave_ordinary_use_alone() {
    let Some(server) = OwnServer::start_with(&[("RATE_LIMITS", "on")]).await else { return };
    let ana = server.sign_up("ana").await;

    for i in 0..20 {
        let post = ana.publish(&format!("post {i}")).await;
        ana.like(&post).await;
        ana.get("/api/feed").await.expect(200);
    }

    assert_eq!(server.log_in(&ana.username, PASSWORD).await.id, ana.id);
}

#[tokio::test]
async fn looking_for_what_is_not_there_is_slowed_down() {
    let Some(server) = OwnServer::start_with(&[("RATE_LIMITS", "on")]).await else { return };
    let look = |i: usize| server.anonymous().post(&format!("/nothing/{i}"));

    let mut looks = 0;
    let blocked = loop {
        let reply = look(looks).await;
        if reply.status == 429 {
            break reply;
        }
        reply.refused(404, "route_not_found");
        looks += 1;
        assert!(looks < 1000, "a thousand were let through");
    };

    assert_advice(&blocked.refused(429, "rate_limited"), "write");
    server.anonymous().get("/healthz").await.expect(200);
}
