//! What holds for every route: envelope, ids, times, request ids, methods, slashes, CORS, caching.

use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    app::{TestApp, fields, text},
    client::Reply,
    hostile::NOBODY,
};

#[tokio::test]
async fn an_address_with_nothing_at_it_is_told_in_the_envelope() {
    let app = TestApp::start().await;

    for path in ["/api", "/api/nothing", "/nothing", "/api/posts/nothing/here", "/api/auth/signup/more"] {
        let reply = app.anonymous().get(path).await.refused(404, "route_not_found");
        assert_eq!(fields(&reply.json()), ["code", "message", "requestId", "statusCode", "success"]);
    }
}

#[tokio::test]
async fn another_method_is_told_with_those_that_work() {
    let app = TestApp::start().await;

    for (method, path, allowed) in [
        (Method::DELETE, "/api/auth/signup", "POST"),
        (Method::GET, "/api/auth/login", "POST"),
        (Method::PUT, "/api/posts", "GET"),
        (Method::POST, "/healthz", "GET"),
    ] {
        let reply = app.anonymous().call(method, path).await.refused(405, "method_not_allowed");
        assert!(reply.header("allow").split(',').any(|it| it == allowed), "{:?}", reply.headers);
    }
}

#[tokio::test]
async fn a_trailing_slash_means_the_same_as_none() {
    let app = TestApp::start().await;
    let ana = app.sign_up("ana").await;
    let post = ana.publish("hello").await;

    for path in [post.path(), ana.path(), "/api/users/me".to_owned()] {
        let plain = ana.get(&path).await.expect(200);
        assert_eq!(ana.get(&format!("{path}/")).await.expect(200).body, plain.body);
    }
    ana.get("/api/posts/?limit=1").await.expect(200);
    let body = json!({"content": [{"type": "text", "value": "with a slash"}]});
    ana.post("/api/posts/").json(body).await.expect(201);
    ana.patch(&format!("{}/", post.at("like"))).await.expect(200);
    app.anonymous().get("/healthz/").await.expect(200);
}

#[tokio::test]
async fn a_request_keeps_the_id_it_came_with() {
    let app = TestApp::start().await;
    let with = |id: &str| app.anonymous().get(&format!("/api/posts/{NOBODY}")).header("x-request-id", id);

    let reply = with("my-request.42_A").await.expect(404);
    assert_eq!(reply.header("x-request-id"), "my-request.42_A");
    assert_eq!(reply.json()["requestId"], "my-request.42_A");

    for unfit in ["", "a b", "<script>", &"x".repeat(1000)] {
        let made = with(unfit).await.expect(404);
        assert!(made.header("x-request-id") != unfit && made.header("x-request-id").len() >= 8, "{made}");
    }
    let ids: Vec<_> = [with("").await, with("").await].iter().map(|it| it.header("x-request-id").to_owned()).collect();
    assert_ne!(ids[0], ids[1]);
}

#[tokio::test]
async fn times_are_utc_with_milliseconds_and_ids_are_object_ids() {
    let app = TestApp::start().await;
    let ana = app.sign_up("ana").await;
    let post = ana.publish("hello").await;

    let (post, me) = (ana.view(&post).await, ana.get("/api/users/me").await.expect(200).data());

    for time in [&post["createdAt"], &post["updatedAt"], &me["createdAt"], &me["updatedAt"]] {
        let time = text(time);
        let shape: String = time.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
        assert_eq!(shape, "0000-00-00T00:00:00.000Z", "{time}");
    }
    for id in [&post["_id"], &post["content"][0]["_id"], &post["user"]["_id"], &me["_id"]] {
        let id = text(id);
        assert!(id.len() == 24 && id.bytes().all(|c| c.is_ascii_hexdigit() && !c.is_ascii_uppercase()), "{id}");
    }
}

#[tokio::test]
async fn an_id_is_written_in_one_way() {
    let app = TestApp::start().await;
    let ana = app.sign_up("ana").await;
    let upper = NOBODY.to_uppercase();

    for path in [format!("/api/posts/{upper}"), format!("/api/users/{upper}"), format!("/api/posts/{upper}/likes")] {
        ana.get(&path).await.names(&["id"]);
        ana.get(&path.replace(&upper, NOBODY)).await.expect(404);
    }
}

#[tokio::test]
async fn what_did_not_change_is_not_sent_again() {
    let app = TestApp::start().await;
    let ana = app.sign_up("ana").await;
    let post = ana.publish("hello").await;
    let nobody = app.anonymous();
    let paths = [post.path(), post.at("comments"), post.at("likes"), format!("{}/posts", ana.path())];

    for path in &paths {
        let first = nobody.get(path).await.expect(200);
        let tag = first.header("etag");
        assert!(tag.starts_with('"') && tag.len() > 4, "{path}: no strong ETag but {tag:?}");

        for known in [tag.to_owned(), format!("\"other\", {tag}"), format!("W/{tag}"), "*".to_owned()] {
            let again = nobody.get(path).header("if-none-match", &known).await.expect(304);
            assert_eq!((again.body.len(), again.header("etag")), (0, tag), "{path}");
        }
        nobody.get(path).header("if-none-match", "\"other\"").await.expect(200);
        let head = nobody.call(Method::HEAD, path).await.expect(200);
        assert_eq!((head.header("etag"), head.body.len()), (tag, 0), "HEAD {path}");
    }

    let before = nobody.get(&post.path()).await.expect(200);
    ana.like(&post).await;
    let changed = nobody.get(&post.path()).header("if-none-match", before.header("etag")).await.expect(200);
    assert_ne!(changed.header("etag"), before.header("etag"));
    // Somebody else's view is another one.
    let anas = ana.get(&post.path()).header("if-none-match", changed.header("etag")).await.expect(200);
    assert_eq!(anas.data()["isLiked"], true);
}

#[tokio::test]
async fn a_web_page_of_a_known_origin_may_call_with_credentials() {
    let app = TestApp::start().await;
    let preflight = async |origin: &str| {
        app.anonymous()
            .call(Method::OPTIONS, "/api/posts")
            .header("origin", origin)
            .header("access-control-request-method", "POST")
            .header("access-control-request-headers", "authorization,content-type,idempotency-key,range")
            .await
    };
    let allowed = |reply: &Reply| reply.header("access-control-allow-origin").to_owned();

    let reply = preflight("http://localhost:5173").await;
    assert!(reply.status < 300, "{reply}");
    assert_eq!(allowed(&reply), "http://localhost:5173");
    assert_eq!(reply.header("access-control-allow-credentials"), "true");
    for (field, needed) in [
        ("access-control-allow-methods", "GET POST PUT PATCH DELETE"),
        (
            "access-control-allow-headers",
            "authorization content-type idempotency-key if-none-match if-range range x-request-id",
        ),
    ] {
        let told = reply.header(field).to_lowercase();
        let told: Vec<_> = told.split(',').map(str::trim).collect();
        assert!(needed.to_lowercase().split(' ').all(|it| told.contains(&it)), "{field}: {told:?}");
    }

    let call = app.anonymous().get("/api/posts?limit=1").header("origin", "http://localhost:5173").await.expect(200);
    assert_eq!(allowed(&call), "http://localhost:5173");
    let exposed = call.header("access-control-expose-headers").to_lowercase();
    let exposed: Vec<_> = exposed.split(',').map(str::trim).collect();
    assert!(
        ["etag", "content-range", "retry-after", "x-request-id"].iter().all(|it| exposed.contains(it)),
        "{exposed:?}"
    );
    assert!(call.headers.get_all("vary").iter().any(|it| it.to_str().unwrap().to_lowercase().contains("origin")));

    assert_eq!(allowed(&preflight("http://evil.example").await), "");
    let refused = app.anonymous().get(&format!("/api/posts/{NOBODY}")).header("origin", "http://localhost:5173").await;
    assert_eq!(allowed(&refused.expect(404)), "http://localhost:5173");
}

#[tokio::test]
async fn every_limit_is_1_to_100() {
    let app = TestApp::start().await;
    let ana = app.sign_up("ana").await;
    let contract = crate::contract::Contract::of(&app).await.unwrap();
    let parameters = |definition: &Value| definition["parameters"].as_array().cloned().unwrap_or_default();
    let lists: Vec<_> = contract
        .operations
        .iter()
        .filter(|it| parameters(&it.definition).iter().any(|it| it["name"] == "limit"))
        .collect();
    assert!(lists.len() >= 8, "only {} lists take a limit", lists.len());

    let post = ana.publish("hello").await;
    for list in lists {
        let id = if list.path.starts_with("/api/posts") { &post.id } else { &ana.id };
        let path = list.sample_path().replace(NOBODY, id);
        for limit in ["0", "101", "-1", "ten", "1.5", "", "99999999999999999999999"] {
            ana.get(&format!("{path}?query=ana&limit={limit}")).await.names(&["limit"]);
        }
        for limit in ["1", "100"] {
            ana.get(&format!("{path}?query=ana&limit={limit}")).await.expect(200);
        }
    }
}
