//! One process: from the request to what follows from its event.

use reqwest::{Method, multipart::Form};
use serde_json::json;

use crate::{
    app::{eventually, unique},
    client::Blocks,
    echod::OwnServer,
    picture::png,
};

use super::{
    EXPORTED, Sent,
    collector::{Collector, Span},
};

/// The first so called.
#[track_caller]
fn called<'a>(spans: &'a [Span], name: &str) -> &'a Span {
    let names = || spans.iter().map(|span| span.name.as_str()).collect::<Vec<_>>();
    spans.iter().find(|span| span.name == name).unwrap_or_else(|| panic!("no {name} in {:?}", names()))
}

#[tokio::test]
async fn a_post_with_a_picture_is_one_trace_from_the_request_to_the_feeds() {
    let collector = Collector::start();
    let Some(echo) = OwnServer::start_with(&[("OTEL_EXPORTER_OTLP_ENDPOINT", &collector.endpoint())]).await else {
        return;
    };
    let ana = echo.sign_up("ana").await;
    let sent = Sent::new("01");
    let form = Form::new().text_block(0, "hello").image_block(1, png(400, 300));

    let post = echo.request(Method::POST, "/api/posts").header("traceparent", &sent.header).bearer_auth(ana.token());
    let reply = post.multipart(form).send().await.unwrap();

    assert_eq!(reply.status(), 201);
    let request_id = reply.headers()["x-request-id"].to_str().unwrap().to_owned();
    let complete = async || {
        let names: Vec<_> = collector.trace(&sent.trace).into_iter().map(|span| span.name).collect();
        let by = ["users", "posts", "media", "feed"].map(|by| format!("{by} post published"));
        names.iter().any(|name| name == "POST /api/posts") && by.iter().all(|it| names.contains(it))
    };
    eventually("everything is exported", EXPORTED, complete).await;
    let spans = collector.trace(&sent.trace);
    let request = called(&spans, "POST /api/posts");
    assert!(request.is_servers() && request.parent_span_id == "00f067aa0ba902b7" && !request.has_failed());
    for (key, value) in [
        ("http.request.method", "POST"),
        ("http.route", "/api/posts"),
        ("http.response.status_code", "201"),
        ("echo.request.id", &request_id),
        ("user.id", &ana.id),
    ] {
        assert_eq!(request.attribute(key).as_deref(), Some(value), "{request:?}");
    }
    for (name, above) in [
        ("posts.publish", vec!["POST /api/posts"]),
        ("media.upload", vec!["posts.publish", "POST /api/posts"]),
        ("image processing", vec!["media.upload", "posts.publish", "POST /api/posts"]),
        ("image processing, at work", vec!["image processing", "media.upload", "posts.publish", "POST /api/posts"]),
        ("files.put", vec!["media.upload", "posts.publish", "POST /api/posts"]),
        ("media.add", vec!["media.upload", "posts.publish", "POST /api/posts"]),
        ("posts.add", vec!["posts.publish", "POST /api/posts"]),
    ] {
        assert_eq!(called(&spans, name).above(&spans), above, "{name}");
    }
    let stored = called(&spans, "posts.add");
    assert!(stored.is_clients());
    assert_eq!(stored.attribute("db.system.name").as_deref(), Some("sqlite"));
    assert_eq!(stored.attribute("db.operation.name").as_deref(), Some("posts.add"));
    let pushed = called(&spans, "feed post published");
    assert!(
        pushed.is_consumers() && pushed.above(&spans).ends_with(&["POST /api/posts"]),
        "{:?}",
        pushed.above(&spans)
    );
}

#[tokio::test]
async fn a_request_that_fails_says_so_in_its_trace() {
    let collector = Collector::start();
    let Some(echo) = OwnServer::start_with(&[("OTEL_EXPORTER_OTLP_ENDPOINT", &collector.endpoint())]).await else {
        return;
    };
    let ana = echo.sign_up("ana").await;
    // As someone with the database open might do.
    let database = rusqlite::Connection::open(echo.data().join("echo.db")).unwrap();
    database.execute_batch("ALTER TABLE comments RENAME TO elsewhere").unwrap();
    let post = ana.publish("hello").await;

    let failed = echo.request(Method::GET, &post.at("comments")).bearer_auth(ana.token()).send().await.unwrap();

    assert_eq!(failed.status(), 500);
    let failing = || collector.spans().into_iter().filter(Span::has_failed).collect::<Vec<_>>();
    let told = async || failing().iter().any(Span::is_servers);
    eventually("the request's span is exported", EXPORTED, told).await;
    let failing = failing();
    let request = failing.iter().find(|span| span.is_servers()).unwrap();
    assert_eq!(request.attribute("error.type").as_deref(), Some("500"), "{failing:?}");
    let call = failing.iter().find(|span| span.is_clients()).unwrap();
    assert_eq!(call.attribute("error.type").as_deref(), Some("internal"), "{failing:?}");
}

#[tokio::test]
async fn a_trace_that_whoever_sent_it_does_not_keep_is_not_kept() {
    let collector = Collector::start();
    let Some(echo) = OwnServer::start_with(&[("OTEL_EXPORTER_OTLP_ENDPOINT", &collector.endpoint())]).await else {
        return;
    };
    let (unkept, kept) = (Sent::new("00"), Sent::new("01"));

    for sent in [&unkept, &kept] {
        let form = json!({"name": "Ana", "username": unique("ana"), "email": format!("{}@example.com", unique("ana")),
            "password": "seven green herons"});
        let request = echo.request(Method::POST, "/api/auth/signup").header("traceparent", &sent.header).json(&form);
        assert_eq!(request.send().await.unwrap().status(), 201);
    }

    // Events keep their order: those of the first are done with by then.
    let done = async || collector.trace(&kept.trace).iter().any(|span| span.name == "users account opened");
    eventually("the second is exported", EXPORTED, done).await;
    assert!(collector.trace(&unkept.trace).is_empty(), "{:?}", collector.trace(&unkept.trace));
}

#[tokio::test]
async fn what_goes_on_in_the_background_is_no_trace() {
    let collector = Collector::start();
    let Some(mut echo) = OwnServer::start_with(&[("OTEL_EXPORTER_OTLP_ENDPOINT", &collector.endpoint())]).await else {
        return;
    };
    echo.sign_up("ana").await;
    let done = async || collector.spans().iter().any(|span| span.name == "users account opened");
    eventually("the request is exported", EXPORTED, done).await;

    let ended = echo.stop(rustix::process::Signal::TERM);

    // All was sent before the end.
    assert!(ended.success());
    let begun = collector.spans().into_iter().filter(|span| span.parent_span_id.is_empty());
    let begun: Vec<_> = begun.filter(|span| !span.is_servers()).map(|span| span.name).collect();
    assert!(begun.is_empty(), "{begun:?}");
}
