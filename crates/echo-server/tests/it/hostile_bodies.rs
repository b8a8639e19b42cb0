//! Bodies, forms and whole requests that are not what they should be, or too much.

use reqwest::multipart::Form;
use serde_json::json;

use crate::{
    app::{TestApp, unique},
    client::{Blocks, Client, file},
    echod::OwnServer,
    hostile::json_routes,
    picture::png,
    wire,
};

#[tokio::test]
async fn a_body_of_another_type_is_refused() {
    let app = TestApp::start().await;
    let ana = app.sign_up("ana").await;

    for (method, path, body) in json_routes() {
        for kind in [
            "text/plain",
            "application/x-www-form-urlencoded",
            "application/xml",
            "multipart/mixed; boundary=x",
            "nonsense",
        ] {
            let call = ana.call(method.clone(), &path).header("content-type", kind).body(body.to_string());
            call.await.refused(415, "unsupported_content_type");
        }
    }
    let body = json_routes()[1].2.to_string();
    let typed =
        app.anonymous().post("/api/auth/login").header("content-type", "Application/JSON; charset=UTF-8").body(body);
    typed.await.refused(401, "invalid_credentials");
}

#[tokio::test]
async fn a_body_over_the_limit_is_refused() {
    // Of its own: a proxy in front may hang up instead.
    let Some(server) = OwnServer::start().await else { return };
    let ana = server.sign_up("ana").await;
    let long = json!({"content": [{"type": "text", "value": "x".repeat(3 * 1024 * 1024)}]});
    let large_file =
        || Form::new().text("content[0][type]", "image").part("content[0][value]", file(vec![7; 11 << 20]));

    ana.post("/api/posts").json(long.clone()).await.refused(413, "body_too_large");
    ana.post("/api/posts").json(long).idempotency_key(&unique("k")).await.refused(413, "body_too_large");
    ana.post("/api/posts").form(large_file()).await.refused(413, "file_too_large");
    ana.post("/api/posts").form(large_file()).idempotency_key(&unique("k")).await.refused(413, "file_too_large");
    let form = (0..10).fold(Form::new(), |form, i| form.image_block(i, vec![7; 9 << 20]));
    ana.post("/api/posts").form(form).await.refused(413, "body_too_large");
    assert_eq!(ana.get("/api/users/me").await.expect(200).data()["postsCount"], 0);
}

#[tokio::test]
async fn a_stranger_sends_less_than_who_is_signed_in() {
    // Likewise.
    let Some(app) = OwnServer::start().await else { return };
    let ana = app.sign_up("ana").await;
    let sign_up = |name_length| {
        let form = json!({"name": "x".repeat(name_length), "username": "ana", "email": "ana", "password": "short"});
        app.anonymous().post("/api/auth/signup").json(form)
    };
    // The largest post there is, with every character escaped.
    let block = format!(r#"{{"type":"text","value":"{}"}}"#, r"\ud83d\ude00".repeat(5000));
    let largest = format!(r#"{{"content":[{}]}}"#, vec![block; 20].join(","));
    assert!(largest.len() > 1 << 20);

    sign_up(65 << 10).await.refused(413, "body_too_large");
    sign_up(65 << 10).idempotency_key(&unique("k")).await.refused(413, "body_too_large");
    sign_up(63 << 10).await.names(&["email", "name", "password", "username"]);
    ana.post("/api/posts").header("content-type", "application/json").body(largest).await.expect(201);
}

#[tokio::test]
async fn a_refusal_is_heard_by_a_client_that_is_still_sending() {
    let stranger = TestApp::start().await.bearing(Some("expired, say"));

    for _ in 0..10 {
        let form = Form::new().text("content[0][type]", "image").part("content[0][value]", file(vec![7; 8 << 20]));
        stranger.post("/api/posts").form(form).await.refused(401, "token_invalid");
        stranger.post("/api/nothing").body(vec![7; 8 << 20]).await.refused(404, "route_not_found");
    }
}

#[tokio::test]
async fn a_broken_form_is_refused() {
    let app = TestApp::start().await;
    let ana = app.sign_up("ana").await;
    let part = "--b\r\nContent-Disposition: form-data; name=\"content[0][type]\"\r\n\r\ntext\r\n";
    let value = "--b\r\nContent-Disposition: form-data; name=\"content[0][value]\"\r\n\r\nx\r\n";
    let nameless = "--b\r\nContent-Disposition: form-data\r\n\r\nx\r\n";
    let many = part.repeat(250).replace("content[0]", "c");

    for body in [
        String::new(),
        "--b".into(),
        "--b--".into(),
        "nonsense".into(),
        part.into(),
        format!("{part}{value}"),
        format!("{part}{value}--other--"),
        format!("{part}{part}{value}--b--"),
        format!("{nameless}--b--"),
        format!("{many}--b--"),
        format!("{part}--b\r\nContent-Disposition: nonsense\r\n\r\n--b--"),
        format!("--b\r\n{}\r\n\r\n--b--", "X: y\r\n".repeat(500)),
    ] {
        for path in ["/api/posts", "/api/media"] {
            let call = ana.post(path).header("content-type", "multipart/form-data; boundary=b").body(body.clone());
            call.await.expect(400);
        }
    }
    for kind in ["multipart/form-data", "multipart/form-data; boundary=", "multipart/form-data; boundary=\"\""] {
        ana.post("/api/posts").header("content-type", kind).body(format!("{part}{value}--b--")).await.expect(400);
    }
    assert_eq!(ana.get("/api/users/me").await.expect(200).data()["postsCount"], 0);
    let whole = ana
        .post("/api/posts")
        .header("content-type", "multipart/form-data; boundary=b")
        .body(format!("{part}{value}--b--"));
    whole.await.expect(201);
}

#[tokio::test]
async fn names_of_blocks_that_are_none_are_refused_or_ignored_but_never_a_fault() {
    let app = TestApp::start().await;
    let ana = app.sign_up("ana").await;

    for name in [
        "content[0][constructor]",
        "content[0][__proto__]",
        "content[99999999999999999999][type]",
        "content[-1][type]",
        "content[0][type][x]",
        "content[][type]",
        "content[0",
        "__proto__[x]",
        "content[1e3][type]",
        "content[4294967296][value]",
    ] {
        let form = Form::new().text_block(0, "x").text(name.to_owned(), "text");
        let reply = ana.post("/api/posts").form(form).await;
        assert!([201, 400].contains(&reply.status), "{name}: {reply}");
    }
}

#[tokio::test]
async fn what_is_hardly_http_does_no_harm() {
    let app = TestApp::start().await;
    if app.address().starts_with("https") {
        eprintln!("left out: speaks plain HTTP");
        return;
    }
    let huge_field = format!("GET /api/posts HTTP/1.1\r\nHost: echo\r\nX-Huge: {}", "x".repeat(1 << 20));
    let many_fields = format!("GET /api/posts HTTP/1.1\r\nHost: echo{}", "\r\nX-A: b".repeat(5000));
    let long_path = format!("GET /api/users/search?query={} HTTP/1.1", "x".repeat(1 << 20));
    let refused: [&[u8]; 8] = [
        b"nonsense\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"POST /api/posts HTTP/1.1\r\nHost: echo\r\nContent-Length: -5\r\n\r\n",
        b"POST /api/posts HTTP/1.1\r\nHost: echo\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n",
        b"POST /api/posts HTTP/1.1\r\nHost: echo\r\nTransfer-Encoding: chunked\r\n\r\nnot a length\r\n",
        b"GET /api/posts HTTP/1.1\r\nHost: echo\r\nBad Header: x\r\n\r\n",
    ];

    for request in refused {
        let status = wire::send(&app, request).await;
        assert!(status.is_none_or(|status| (400..500).contains(&status) || status == 505), "{status:?}");
    }
    for head in [&huge_field, &many_fields, &long_path] {
        let status = wire::send(&app, &wire::request(head, b"")).await;
        assert!(status.is_none_or(|status| [400, 414, 431].contains(&status)), "{status:?}");
    }
    // Cut in the middle of its body.
    let head =
        "POST /api/auth/login HTTP/1.1\r\nHost: echo\r\nContent-Type: application/json\r\nContent-Length: 500\r\n\r\n{";
    let status = wire::send(&app, head.as_bytes()).await;
    assert!(status.is_none_or(|status| status == 400 || status == 408), "{status:?}");
    for path in [
        "/media/../echo.db",
        "/media/..%2fecho.db",
        "/media//etc/passwd",
        "/docs/../../etc/passwd",
        "*",
        "http://[",
        "/a b",
    ] {
        let status = wire::send(&app, &wire::request(&format!("GET {path} HTTP/1.1"), b"")).await;
        assert!(status.is_none_or(|status| status == 400 || status == 404), "{path}: {status:?}");
    }
    is_well(&app.anonymous()).await;
}

#[tokio::test]
async fn odd_addresses_are_told_in_the_envelope() {
    let app = TestApp::start().await;

    for path in [
        "/api/users/%ff",
        "/%00",
        "/api//posts",
        "/api/posts/%2e%2e/x",
        "/api/posts?%ff=%ff&&&==",
        "//",
        "/api/posts?limit=1&limit=2",
        "/api/posts?limit[]=1",
    ] {
        let reply = app.anonymous().get(path).await;
        assert!([200, 400, 401, 404].contains(&reply.status), "{reply}");
    }
    is_well(&app.anonymous()).await;
}

#[tokio::test]
async fn an_image_that_only_looks_like_one_is_refused() {
    let app = TestApp::start().await;
    let ana = app.sign_up("ana").await;
    let good = png(64, 64);

    for at in (0..good.len()).step_by(good.len() / 24) {
        let mut damaged = good.clone();
        damaged[at] ^= 0xff;
        let reply = ana.post("/api/media").form(Form::new().part("file", file(damaged))).await;
        assert!([201, 413, 415].contains(&reply.status), "byte {at}: {reply}");
    }
}

async fn is_well(client: &Client) {
    client.get("/healthz").await.expect(200);
    client.get("/readyz").await.expect(200);
    client.get("/api/posts?limit=1").await.expect(200);
}
