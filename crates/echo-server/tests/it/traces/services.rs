//! Across processes: each role in one of its own, with a collector of its own, so that it is known who exported what.

use std::collections::BTreeMap;

use reqwest::{Method, multipart::Form};

use crate::{
    app::eventually,
    client::Blocks,
    picture::png,
    services::{ROLES, Services, Stores},
};

use super::{
    EXPORTED, Sent,
    collector::{Collector, Span},
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_post_with_a_picture_is_one_trace_through_five_services() {
    let Some(stores) = Stores::start() else { return };
    let collectors: BTreeMap<_, _> = ROLES.into_iter().map(|role| (role, Collector::start())).collect();
    let endpoint = |role: &str| vec![("OTEL_EXPORTER_OTLP_ENDPOINT", collectors[role].endpoint())];
    let uri = stores.mongo.mongodb_uri();
    let Some(services) = Services::on(stores, &[], |_| uri.clone(), endpoint).await else { return };
    let (ana, bob) = (services.front.sign_up("ana").await, services.front.sign_up("bob").await);
    bob.follow(&ana).await;
    let sent = Sent::new("01");
    let form = Form::new().text_block(0, "hello").image_block(1, png(400, 300));

    let post = services.front.request(Method::POST, "/api/posts").header("traceparent", &sent.header);
    let reply = post.header("tracestate", "rojo=1").bearer_auth(ana.token()).multipart(form).send().await.unwrap();

    assert_eq!(reply.status(), 201);
    let all = || -> Vec<Span> { collectors.values().flat_map(|it| it.trace(&sent.trace)).collect() };
    let of = |role: &str, name: &str| collectors[role].trace(&sent.trace).into_iter().find(|span| span.name == name);
    // Each process exports in the order of ends.
    let last = [("posts", "POST /api/posts"), ("worker", "feed post published"), ("media", "media post published")];
    let complete = async || last.iter().all(|(role, name)| of(role, name).is_some());
    eventually("everything is exported", EXPORTED, complete).await;

    let spans = all();
    // From one process to the next, each the child of what asked for it.
    let uploaded = of("media", "media.upload").unwrap();
    assert_eq!(
        uploaded.above(&spans),
        ["POST /internal/media/upload", "POST /internal/media/upload", "posts.publish", "POST /api/posts"]
    );
    let served = of("media", "POST /internal/media/upload").unwrap();
    let called = of("posts", "POST /internal/media/upload").unwrap();
    assert!(served.is_servers() && called.is_clients() && served.parent_span_id == called.span_id);
    assert_eq!(called.attribute("peer.service").as_deref(), Some("the media service"));
    // To each kind of store.
    let stored = of("posts", "posts.add").unwrap();
    assert_eq!(stored.attribute("db.system.name").as_deref(), Some("mongodb"));
    let pushed = of("worker", "feed post published").unwrap();
    assert!(
        pushed.is_consumers() && pushed.above(&spans).ends_with(&["POST /api/posts"]),
        "{:?}",
        pushed.above(&spans)
    );
    let systems: Vec<_> =
        collectors["worker"].trace(&sent.trace).iter().filter_map(|it| it.attribute("db.system.name")).collect();
    assert!(systems.iter().any(|system| system == "redis"), "{systems:?}");
    // The request is the only one without a parent of Echo's.
    let edges = spans.iter().filter(|span| span.above(&spans).is_empty());
    assert_eq!(edges.map(|span| span.name.as_str()).collect::<Vec<_>>(), ["POST /api/posts"]);
}
