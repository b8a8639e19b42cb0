//! What people do, as an operator sees it in the figures.

use std::{net::TcpListener, time::Duration};

use image::ImageFormat;
use serde_json::{Value, json};

use crate::{
    app::{PASSWORD, TestApp, eventually, text},
    echod::OwnServer,
    picture,
};

/// A server of a test's own, and where its figures are.
struct Measured {
    server: OwnServer,
    figures: String,
}

impl Measured {
    async fn start() -> Option<Self> {
        // The port is free now; that somebody else takes it in between is a risk we take.
        let internal = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
        let server = OwnServer::start_with(&[("INTERNAL_ADDR", &internal)]).await?;
        Some(Self { server, figures: format!("http://{internal}/metrics") })
    }

    /// The figure, such as `echo_cache_hits_total{cache="posts"}`; `None` when there is none.
    async fn get(&self, name: &str) -> Option<f64> {
        let told = reqwest::get(&self.figures).await.unwrap().text().await.unwrap();
        told.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.parse().ok())
    }

    async fn assert(&self, expected: &[(&str, f64)]) {
        for (name, value) in expected {
            assert_eq!(self.get(name).await, Some(*value), "{name}");
        }
    }
}

async fn refresh(app: &TestApp, token: &str) -> Option<String> {
    let reply = app.anonymous().post("/api/auth/refresh").json(json!({"refreshToken": token})).await;
    (reply.status == 200).then(|| text(&reply.data()["refreshToken"]))
}

#[tokio::test]
async fn who_comes_and_goes_is_counted() {
    let Some(it) = Measured::start().await else { return };
    let app = &it.server;
    let ana = app.sign_up("ana").await;
    let again = async || app.log_in(&ana.username, PASSWORD).await;
    let [leaves, chosen, stolen, ended, _ended] =
        [again().await, again().await, again().await, again().await, again().await];

    let wrong = json!({"username": ana.username, "password": "seven grey herons"});
    app.anonymous().post("/api/auth/login").json(wrong).await.expect(401);
    leaves.post("/api/auth/logout").await.expect(200);
    let sessions = chosen.get("/api/auth/sessions").await.expect(200).data();
    let current = sessions.as_array().unwrap().iter().find(|session| session["current"] == true).unwrap();
    ana.delete(&format!("/api/auth/sessions/{}", text(&current["_id"]))).await.expect(200);
    let first = refresh(app, &stolen.refresh_token).await.unwrap();
    refresh(app, &first).await.unwrap();
    assert!(refresh(app, &stolen.refresh_token).await.is_none());
    let change = json!({"currentPassword": PASSWORD, "newPassword": "eight green herons"});
    ended.post("/api/auth/password").json(change).await.expect(200);
    ended.delete("/api/users/me").json(json!({"password": "eight green herons"})).await.expect(200);

    it.assert(&[
        ("echo_sessions_opened_total", 6.0),
        ("echo_sessions_refreshed_total", 2.0),
        (r#"echo_sessions_ended_total{how="logout"}"#, 1.0),
        (r#"echo_sessions_ended_total{how="chosen"}"#, 1.0),
        (r#"echo_sessions_ended_total{how="stolen"}"#, 1.0),
        (r#"echo_sessions_ended_total{how="password"}"#, 2.0),
        (r#"echo_sessions_ended_total{how="deleted"}"#, 1.0),
        (r#"echo_logins_refused_total{reason="wrong"}"#, 1.0),
        (r#"echo_logins_refused_total{reason="suspended"}"#, 0.0),
        (r#"echo_logins_refused_total{reason="unavailable"}"#, 0.0),
        // Signing up, and the new password.
        (r#"echo_password_hash_seconds_count{work="hash"}"#, 2.0),
    ])
    .await;
}

#[tokio::test]
async fn a_post_on_its_way_to_a_reader_is_counted() {
    let Some(it) = Measured::start().await else { return };
    let (ana, ben) = (it.server.sign_up("ana").await, it.server.sign_up("ben").await);
    ben.follow(&ana).await;
    for _ in 0..2 {
        ben.get("/api/feed").await.expect(200);
    }
    let upload = picture::encoded(64, 48, ImageFormat::Png);
    let length = upload.len() as f64;
    let image = ana.upload(upload).await;
    let post = ana.publish("hello").await;
    let arrived = async || it.get("echo_feed_freshness_seconds_count").await == Some(1.0);
    eventually("the feed has dealt with the post", Duration::from_secs(10), arrived).await;

    for _ in 0..3 {
        let feed = ben.get("/api/feed").await.expect(200).data();
        assert_eq!(feed["items"][0]["_id"], Value::from(post.id.clone()), "{feed}");
    }
    for _ in 0..2 {
        it.server.anonymous().get(image["url"].as_str().unwrap()).await.expect(200);
    }

    it.assert(&[
        (r#"echo_fanout_timelines_total{outcome="pushed"}"#, 1.0),
        (r#"echo_fanout_posts_total{how="pushed"}"#, 1.0),
        (r#"echo_timeline_reads_total{how="rebuilt"}"#, 1.0),
        (r#"echo_timeline_reads_total{how="kept"}"#, 4.0),
        (r#"echo_cache_hits_total{cache="ready_posts"}"#, 2.0),
        (r#"echo_cache_misses_total{cache="ready_posts"}"#, 1.0),
        (r#"echo_cache_entries{cache="ready_posts"}"#, 1.0),
        (r#"echo_cache_entries{cache="timelines"}"#, 1.0),
        (r#"echo_cache_hits_total{cache="images"}"#, 1.0),
        (r#"echo_image_seconds_count{outcome="ok"}"#, 1.0),
        (r#"echo_image_bytes_total{way="in"}"#, length),
        (r#"echo_blob_seconds_count{place="files",op="read",outcome="ok"}"#, 1.0),
        (r#"echo_event_seconds_count{consumer="feed",outcome="ok"}"#, 3.0),
        (r#"echo_event_lag_seconds{consumer="feed"}"#, 0.0),
        (r#"echo_event_retries_total{consumer="feed"}"#, 0.0),
        (r#"echo_events_set_aside_total{consumer="feed"}"#, 0.0),
    ])
    .await;
    assert!(it.get("echo_sqlite_wal_bytes").await > Some(0.0));
    assert!(it.get("echo_sqlite_commit_seconds_count").await > Some(3.0));
}
