//! The API's description has every route there is, and none that is not.

use reqwest::Method;

use crate::{app::TestApp, contract::Contract, hostile::NOBODY};

/// The routes of API.md that this server has so far.
const PROMISED: &str = "\
    POST /api/auth/signup
    POST /api/auth/login
    POST /api/auth/refresh
    POST /api/auth/logout A
    GET /api/auth/sessions A
    DELETE /api/auth/sessions/ID A
    POST /api/auth/password A
    GET /api/auth/.well-known/jwks.json
    GET /api/users/me A
    GET /api/users/ID A
    GET /api/users/search A
    PATCH /api/users/profile A
    PATCH /api/users/ID/follow A
    PATCH /api/users/ID/unfollow A
    GET /api/users/ID/posts
    GET /api/users/ID/followers
    GET /api/users/ID/following
    DELETE /api/users/me A
    GET /api/users/me/export A
    POST /api/posts A
    GET /api/posts
    GET /api/posts/ID
    DELETE /api/posts/ID A
    PATCH /api/posts/ID/like A
    PUT /api/posts/ID/like A
    DELETE /api/posts/ID/like A
    PATCH /api/posts/ID/comment A
    DELETE /api/posts/ID/comment/ID A
    GET /api/posts/ID/comments
    GET /api/posts/ID/likes
    GET /api/feed A
    GET /api/feed/explain A
    POST /api/media A
    GET /media/ID
    GET /healthz
    GET /readyz";

#[tokio::test]
async fn every_promised_route_is_described_with_whether_it_needs_a_token() {
    let app = TestApp::start().await;
    let contract = Contract::of(&app).await.unwrap();

    for line in PROMISED.lines() {
        let mut words = line.split_whitespace();
        let (method, path) = (words.next().unwrap(), words.next().unwrap().replace("ID", NOBODY));

        let operation = contract.operation(&method.parse().unwrap(), &path);

        let operation = operation.unwrap_or_else(|| panic!("{line} is not described"));
        assert_eq!(operation.needs_sign_in, words.next() == Some("A"), "{line}");
    }
}

#[tokio::test]
async fn every_described_route_is_there() {
    let app = TestApp::start().await;

    for operation in &Contract::of(&app).await.unwrap().operations {
        // The check of every reply refuses `route_not_found` and 405 here.
        app.anonymous().call(operation.method.clone(), &operation.sample_path()).await;
    }
}

#[tokio::test]
async fn what_needs_a_token_is_refused_without_one() {
    let app = TestApp::start().await;

    for operation in &Contract::of(&app).await.unwrap().operations {
        if operation.needs_sign_in {
            app.anonymous()
                .call(operation.method.clone(), &operation.sample_path())
                .await
                .refused(401, "token_missing");
        }
    }
}

#[tokio::test]
async fn the_description_is_openapi_3_1_and_explains_itself() {
    let app = TestApp::start().await;
    let contract = Contract::of(&app).await.unwrap();

    assert!(contract.document["openapi"].as_str().is_some_and(|version| version.starts_with("3.1")));
    for operation in &contract.operations {
        let name = format!("{} {}", operation.method, operation.path);
        assert!(operation.definition["summary"].as_str().is_some_and(|it| !it.is_empty()), "{name} has no summary");
        let id = &operation.definition["operationId"];
        let same_id = contract.operations.iter().filter(|it| it.definition["operationId"] == *id).count();
        assert_eq!((id.is_string(), same_id), (true, 1), "{name}: operationId {id}");
        let placeholders = operation.path.matches('{').count();
        let parameters = operation.definition["parameters"].as_array().into_iter().flatten();
        assert_eq!(parameters.filter(|it| it["in"] == "path").count(), placeholders, "{name}");
    }
}

#[tokio::test]
async fn the_reader_loads_nothing_from_another_host() {
    let app = TestApp::start().await;

    let moved = app.anonymous().get("/docs").await;
    let page = if moved.status < 300 { moved } else { app.anonymous().get(moved.header("location")).await.expect(200) };

    assert!(page.header("content-type").starts_with("text/html"));
    assert!(page.header("content-security-policy").contains("default-src 'self'"), "{:?}", page.headers);
    let html = String::from_utf8(page.body).unwrap();
    assert!(!html.contains("src=\"http") && !html.contains("href=\"http"), "{html}");
    for asset in html.split('"').filter(|part| part.ends_with(".js") || part.ends_with(".css")) {
        let path = format!("/docs/{}", asset.trim_start_matches("./"));
        app.anonymous().call(Method::GET, &path).await.expect(200);
    }
}

#[tokio::test]
async fn the_reader_is_sent_compressed_to_those_who_can_read_it_so() {
    let app = TestApp::start().await;

    let plain = app.anonymous().get("/docs/swagger-ui.css").await.expect(200);
    let compressed =
        app.anonymous().get("/docs/swagger-ui.css").header("accept-encoding", "br, gzip").await.expect(200);

    assert_eq!((plain.header("content-encoding"), compressed.header("content-encoding")), ("", "gzip"));
    assert!(plain.header("vary").contains("accept-encoding"), "{:?}", plain.headers);
    assert!(plain.body.starts_with(b".swagger-ui"));
    // RFC 1952 §2.3: it begins with these two, and ends with how long the whole is.
    assert!(compressed.body.starts_with(&[0x1f, 0x8b]));
    let length = u32::try_from(plain.body.len()).unwrap().to_le_bytes();
    assert!(compressed.body.ends_with(&length) && compressed.body.len() < plain.body.len() / 2);
}
