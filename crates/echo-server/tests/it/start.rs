//! From the first start to the last request: what an operator sees.

use std::{os::unix::fs::PermissionsExt, time::Duration};

use jsonwebtoken::{Algorithm, EncodingKey, Header};
use rustix::process::Signal;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::{
    app::{PASSWORD, TestApp, eventually, text},
    echod::OwnServer,
};

#[tokio::test]
async fn a_start_tells_where_it_serves_and_where_the_data_is() {
    let Some(server) = OwnServer::start().await else { return };

    let port = server.address().rsplit(':').next().unwrap().to_owned();
    let data = server.data().to_str().unwrap().to_owned();
    for word in [format!(":{port}"), data, "/docs".to_owned(), "curl".to_owned()] {
        let printed = async || server.log.lines().iter().any(|line| line.contains(&word));
        eventually(&format!("{word} is printed"), Duration::from_secs(5), printed).await;
    }
}

#[tokio::test]
async fn a_second_start_finds_everything() {
    let Some(mut server) = OwnServer::start().await else { return };
    let ana = server.sign_up("ana").await;
    let post = ana.publish("hello").await;
    ana.comment(&post, "first").await;
    let url = text(&ana.upload(crate::picture::png(20, 20)).await["url"]);
    let (me, view) = (ana.get("/api/users/me").await.expect(200).data(), ana.view(&post).await);

    for signal in [Signal::TERM, Signal::INT] {
        let status = server.stop(signal);
        assert_eq!(status.code(), Some(0), "after {signal:?}");
        server.restart();

        // With the token from before: the keys were kept.
        assert_eq!(ana.get("/api/users/me").await.expect(200).data(), me);
        assert_eq!(ana.view(&post).await, view);
        server.anonymous().get(&url).await.expect(200);
        server.log_in(&ana.username, PASSWORD).await;
    }
}

#[tokio::test]
async fn an_end_waits_for_what_runs() {
    let Some(mut server) = OwnServer::start().await else { return };
    let ana = server.sign_up("ana").await;
    let form = json!({"username": ana.username, "password": PASSWORD});
    let mut logins = JoinSet::new();
    for _ in 0..8 {
        logins.spawn(server.anonymous().post("/api/auth/login").json(form.clone()).try_send());
    }
    // By the first answer the others are in the server's hands, waiting for their hash.
    let first = logins.join_next().await;

    let stopped = tokio::task::spawn_blocking(move || server.stop(Signal::TERM));

    for reply in first.into_iter().map(Result::unwrap).chain(logins.join_all().await) {
        reply.expect("what ran was cut off").expect(200);
    }
    assert_eq!(stopped.await.unwrap().code(), Some(0));
}

#[tokio::test]
async fn the_process_says_that_it_lives_and_that_it_is_ready() {
    let app = TestApp::start().await;

    app.anonymous().get("/healthz").await.expect(200);
    let ready = app.anonymous().get("/readyz").await.expect(200).json();

    assert!(ready.as_object().is_some_and(|told| !told.is_empty()), "{ready}");
}

#[tokio::test]
async fn the_front_page_says_what_runs_here() {
    let app = TestApp::start().await;

    let page = app.anonymous().get("/").await.expect(200);

    assert!(page.header("content-type").starts_with("text/html"), "{page}");
    let html = String::from_utf8(page.body).unwrap();
    assert!(html.contains("Echo") && html.contains("/docs"), "{html}");
}

#[tokio::test]
async fn metrics_are_on_the_internal_listener_only() {
    // The port is free now; that somebody else takes it in between is a risk we take.
    let internal = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let Some(server) = OwnServer::start_with(&[("INTERNAL_ADDR", &internal)]).await else { return };
    server.anonymous().get("/api/posts").await.expect(200);

    server.anonymous().get("/metrics").await.refused(404, "route_not_found");
    let metrics = reqwest::get(format!("http://{internal}/metrics")).await.unwrap();

    assert_eq!(metrics.status(), 200);
    let metrics = metrics.text().await.unwrap();
    assert!(metrics.contains("echo_http_request_seconds") && metrics.contains("route=\"/api/posts\""), "{metrics}");
}

#[tokio::test]
async fn tokens_are_signed_with_the_secret_when_there_is_one() {
    const SECRET: &str = "a secret of thirty-two bytes or more";
    let Some(server) = OwnServer::start_with(&[("JWT_SECRET", SECRET)]).await else { return };
    let ana = server.sign_up("ana").await;
    let claims: Value = jsonwebtoken::dangerous::insecure_decode(ana.token()).unwrap().claims;
    let forge = |change: &dyn Fn(&mut Value), algorithm, secret: &str| {
        let mut claims = claims.clone();
        change(&mut claims);
        jsonwebtoken::encode(&Header::new(algorithm), &claims, &EncodingKey::from_secret(secret.as_bytes())).unwrap()
    };
    // A route that does without a token, too: a bad one is a bad one.
    let me = async |token: &str| server.bearing(Some(token)).get("/api/posts").await;

    me(&forge(&|_| {}, Algorithm::HS256, SECRET)).await.expect(200);
    let keys = server.anonymous().get("/api/auth/.well-known/jwks.json").await.expect(200).json();
    assert_eq!(keys["keys"], json!([]));

    let past = claims["iat"].as_i64().unwrap() - 60;
    me(&forge(&|claims| claims["exp"] = json!(past), Algorithm::HS256, SECRET)).await.refused(401, "token_expired");
    me(&forge(&|claims| claims["iss"] = json!("evil"), Algorithm::HS256, SECRET)).await.refused(401, "token_invalid");
    me(&forge(&|claims| claims["aud"] = json!("evil"), Algorithm::HS256, SECRET)).await.refused(401, "token_invalid");
    me(&forge(&|claims| claims["sub"] = json!(7), Algorithm::HS256, SECRET)).await.refused(401, "token_invalid");
    me(&forge(&|_| {}, Algorithm::HS512, SECRET)).await.refused(401, "token_invalid");
    me(&forge(&|_| {}, Algorithm::HS256, "another secret of thirty-two bytes")).await.refused(401, "token_invalid");
}

#[tokio::test]
async fn behind_https_links_and_cookies_are_secure() {
    let Some(server) = OwnServer::start_with(&[("PUBLIC_URL", "https://echo.example")]).await else { return };
    let ana = server.sign_up("ana").await;

    let form = json!({"username": ana.username, "password": PASSWORD});
    let login = server.anonymous().post("/api/auth/login").json(form).await.expect(200);
    let image = ana.upload(crate::picture::png(20, 20)).await;

    assert!(login.set_cookie().unwrap().to_lowercase().contains("; secure"), "{:?}", login.set_cookie());
    assert!(text(&image["url"]).starts_with("https://echo.example/media/"), "{image}");
}

#[tokio::test]
async fn what_is_kept_is_for_nobody_else_on_the_machine() {
    let Some(server) = OwnServer::start().await else { return };
    let ana = server.sign_up("ana").await;
    ana.upload(crate::picture::png(20, 20)).await;

    let mut kept = vec![server.data()];
    while let Some(path) = kept.pop() {
        let metadata = std::fs::metadata(&path).unwrap();
        assert_eq!(metadata.permissions().mode() & 0o077, 0, "{}", path.display());
        if metadata.is_dir() {
            kept.extend(std::fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        }
    }
}
