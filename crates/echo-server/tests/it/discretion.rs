//! What people write, and what lets them in, is in no log, no figure and no trace, whatever happens and however much is
//! logged.

use std::{collections::BTreeMap, time::Duration};

use reqwest::{Method, multipart::Form};
use serde_json::{Value, json};

use crate::{
    app::{PASSWORD, Person, TestApp, eventually, text, unique},
    client::{Blocks, file},
    cluster::servers::Server,
    echod::OwnServer,
    picture::png,
    traces::collector::Collector,
};

/// All there is from Echo, and what the libraries below it tell a developer.
const EVERYTHING: &str = "debug,echo_domain=trace,echo_http=trace,echo_sqlite=trace,echo_mongo=trace,echo_redis=trace,\
    echo_peers=trace,echo_media=trace,echo_crypto=trace,echo_telemetry=trace,echod=trace,echo=trace";
/// When everything has been exported.
const EXPORTED: Duration = Duration::from_secs(20);

/// What nobody is to find, by what it is.
type Secrets = BTreeMap<&'static str, String>;

/// What people write. Each is like nothing else.
fn secrets() -> Secrets {
    let mut secrets: Secrets = [
        "username",
        "other username",
        "new username",
        "password",
        "new password",
        "wrong password",
        "post",
        "comment",
        "bio",
        "alt",
        "file name",
        "device",
        "query",
        "cursor",
        "bad token",
        "bad refresh token",
        "cookie",
        "path",
        "bad json",
        "block kind",
        "login",
        "idempotency key",
    ]
    .into_iter()
    .map(|what| (what, unique("zq")))
    .collect();
    secrets.insert("name", format!("Zq {}", unique("zn")));
    secrets.insert("email", format!("{}@zq.example", unique("zm")));
    secrets.insert("new email", format!("{}@zq.example", unique("zm")));
    secrets.insert("bad email", format!("{} at zq.example", unique("zm")));
    secrets.insert("address", "203.0.113.77".to_owned());
    secrets
}

/// Asks without holding the reply against anything.
async fn ask(app: &TestApp, method: Method, path: &str, token: Option<&str>, body: Option<&str>) -> (u16, Value) {
    let mut request = app.request(method, path).header("x-forwarded-for", "203.0.113.77");
    if let Some(token) = token {
        request = request.bearer_auth(token);
    }
    if let Some(body) = body {
        request = request.header("content-type", "application/json").body(body.to_owned());
    }
    let response = request.send().await.unwrap();
    let status = response.status().as_u16();
    (status, serde_json::from_slice(&response.bytes().await.unwrap()).unwrap_or_default())
}

fn account(secrets: &Secrets) -> Value {
    let [name, username, email, password] =
        ["name", "username", "email", "password"].map(|what| secrets[what].as_str());
    json!({"name": name, "username": username, "email": email, "password": password})
}

/// All that a person can do.
async fn do_everything(app: &TestApp, secrets: &mut Secrets) -> Person {
    let other = app.sign_up("bob").await;
    secrets.insert("password of another", PASSWORD.to_owned());
    secrets.insert("email of another", other.email.clone());
    secrets.insert("access token of another", other.token().to_owned());
    app.anonymous()
        .post("/api/auth/signup")
        .idempotency_key(&secrets["idempotency key"])
        .json(account(secrets))
        .await
        .expect(201);
    let form = json!({"email": secrets["email"], "password": secrets["password"]});
    let browser =
        app.anonymous().post("/api/auth/login").header("user-agent", &secrets["device"]).json(form).await.expect(200);
    secrets.insert("refresh cookie", browser.refresh_cookie());
    let refreshed =
        app.anonymous().post("/api/auth/refresh").refresh_cookie(&browser.refresh_cookie()).await.expect(200);
    secrets.insert("access token of the browser", text(&browser.data()["accessToken"]));
    secrets.insert("refreshed cookie", refreshed.refresh_cookie());
    secrets.insert("refreshed access token", text(&refreshed.data()["accessToken"]));
    let me = app.log_in(&secrets["username"], &secrets["password"]).await;
    secrets.insert("access token", me.token().to_owned());
    secrets.insert("refresh token", me.refresh_token.clone());
    other.follow(&me).await;
    let form = Form::new().text_block(0, &secrets["post"]).image_block(1, png(40, 30));
    let post =
        me.post("/api/posts").form(form.text("content[1][alt]", secrets["alt"].clone())).await.expect(201).data();
    let post = crate::app::Post::from(&post);
    other.like(&post).await;
    me.comment(&post, &secrets["comment"]).await;
    let picture = file(png(50, 50)).file_name(format!("{}.png", secrets["file name"]));
    let form = Form::new().text("bio", secrets["bio"].clone()).part("profilePicture", picture);
    me.patch("/api/users/profile").form(form).await.expect(200);
    let form = json!({"username": secrets["new username"], "email": secrets["new email"]});
    me.patch("/api/users/profile").json(form).await.expect(200);
    me.get(&format!("/api/users/search?query={}", secrets["query"])).await.expect(200);
    for path in [
        "/api/feed",
        "/api/posts",
        "/api/users/me",
        "/api/users/me/export",
        "/api/auth/sessions",
        &post.at("comments"),
        &me.path(),
    ] {
        other.get(path).await.expect(200);
        me.get(path).await.expect(200);
    }
    eventually("the post is in the feed", EXPORTED, async || {
        !other.get("/api/feed").await.expect(200).data()["items"].as_array().unwrap().is_empty()
    })
    .await;
    me
}

/// All that a person can do wrong.
async fn do_wrong(app: &TestApp, secrets: &mut Secrets, me: &Person) {
    let mine = Some(me.token());
    let bad = |what: &str| secrets[what].clone();
    let object = |field: &str, what: &str| Some(json!({field: secrets[what]}).to_string());
    let mut twice = account(secrets);
    twice["email"] = secrets["new email"].clone().into();
    twice["username"] = secrets["other username"].clone().into();
    let mut odd = account(secrets);
    odd["email"] = secrets["bad email"].clone().into();
    let kind = json!({"content": [{"type": secrets["block kind"], "value": secrets["post"]}]});
    let login = |login: &str, password: &str| Some(json!({"username": login, "password": password}).to_string());
    for (method, path, token, body, status) in [
        (Method::POST, "/api/auth/signup".to_owned(), None, Some(twice.to_string()), 409),
        (Method::POST, "/api/auth/signup".to_owned(), None, Some(odd.to_string()), 400),
        (Method::POST, "/api/auth/signup".to_owned(), None, Some(format!("{{\"password\":\"{}", bad("bad json"))), 400),
        (Method::POST, "/api/auth/signup".to_owned(), None, Some(format!("{{\"password\":{}}}", bad("bad json"))), 400),
        (Method::POST, "/api/auth/login".to_owned(), None, login(&bad("new username"), &bad("wrong password")), 401),
        (Method::POST, "/api/auth/login".to_owned(), None, login(&bad("login"), &bad("password")), 401),
        (Method::POST, "/api/auth/refresh".to_owned(), None, object("refreshToken", "bad refresh token"), 403),
        (Method::GET, "/api/users/me".to_owned(), Some(secrets["bad token"].as_str()), None, 401),
        (Method::GET, format!("/api/posts/{}", bad("path")), mine, None, 400),
        (Method::GET, format!("/nowhere/{}", bad("path")), mine, None, 404),
        (Method::GET, format!("/api/feed?cursor={}", bad("cursor")), mine, None, 400),
        (Method::POST, "/api/posts".to_owned(), mine, Some(kind.to_string()), 400),
        (Method::DELETE, "/api/users/me".to_owned(), mine, object("password", "wrong password"), 403),
    ] {
        let (got, reply) = ask(app, method.clone(), &path, token, body.as_deref()).await;
        assert_eq!(got, status, "{method} {path}: {reply}");
    }
    let cookie =
        app.request(Method::GET, "/api/posts").header("cookie", format!("refreshToken={0}; a={0}", bad("cookie")));
    assert_eq!(cookie.send().await.unwrap().status(), 200);
    let form = Form::new().part("file", file(bad("post").into_bytes()).file_name(bad("file name")));
    let form = app.request(Method::POST, "/api/media").bearer_auth(me.token()).multipart(form).send().await.unwrap();
    assert_eq!(form.status(), 415);
    // One that is older than the last looks stolen.
    let refresh = async |token: &str| {
        ask(app, Method::POST, "/api/auth/refresh", None, Some(&json!({"refreshToken": token}).to_string())).await
    };
    let (_, once) = refresh(&me.refresh_token).await;
    let (status, twice) = refresh(&text(&once["data"]["refreshToken"])).await;
    assert_eq!(status, 200, "{twice}");
    let (status, stolen) = refresh(&me.refresh_token).await;
    assert_eq!((status, &stolen["code"]), (403, &"refresh_token_reused".into()));
    for (what, reply) in [("token after one refresh", once), ("token after two", twice)] {
        secrets.insert(what, text(&reply["data"]["refreshToken"]));
    }
}

/// What is only done at the end.
async fn go(app: &TestApp, secrets: &Secrets) {
    let me = app.log_in(&secrets["new username"], &secrets["password"]).await;
    let form = json!({"currentPassword": secrets["password"], "newPassword": secrets["new password"]});
    me.post("/api/auth/password").json(form).await.expect(200);
    me.delete("/api/users/me").json(json!({"password": secrets["new password"]})).await.expect(200);
}

/// Fails with what was found and where.
async fn look_for(secrets: &Secrets, app: &TestApp, collector: &Collector) {
    let told =
        [("the log", app.log.lines().join("\n")), ("traces", collector.text()), ("metrics", app.figures().await)];
    for (place, text) in &told {
        assert!(text.len() > 5_000, "next to nothing in {place}: {text}");
        for (what, secret) in secrets {
            let line = text.lines().find(|line| line.contains(secret.as_str()));
            assert!(line.is_none(), "the {what} is in {place}: {line:?}");
        }
    }
}

/// Logs, in this form, and exports everything.
fn settings<'a>(format: &'a str, endpoint: &'a str) -> Vec<(&'a str, &'a str)> {
    vec![
        ("LOG_FORMAT", format),
        ("RUST_LOG", EVERYTHING),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint),
        ("TRUSTED_PROXIES", "127.0.0.1/32"),
    ]
}

#[tokio::test]
async fn nothing_that_people_write_is_told_to_operators() {
    for format in ["readable", "json"] {
        let (collector, mut secrets) = (Collector::start(), secrets());
        let endpoint = collector.endpoint();
        let Some(echo) = OwnServer::start_with(&settings(format, &endpoint)).await else { return };

        let me = do_everything(&echo, &mut secrets).await;
        do_wrong(&echo, &mut secrets, &me).await;
        go(&echo, &secrets).await;
        // As someone with the database open might do.
        let database = rusqlite::Connection::open(echo.data().join("echo.db")).unwrap();
        database.execute_batch("ALTER TABLE accounts RENAME TO elsewhere").unwrap();
        let failed = ask(&echo, Method::POST, "/api/auth/signup", None, Some(&account(&secrets).to_string())).await;

        assert_eq!(failed.0, 500);
        let erased = async || collector.spans().iter().any(|span| span.name == "posts account deleted");
        eventually("everything is exported", EXPORTED, erased).await;
        look_for(&secrets, &echo, &collector).await;
    }
}

#[tokio::test]
async fn nor_with_mongodb_and_redis() {
    let Some(_images) = crate::echod::own_folder() else { return };
    let (mut mongo, redis) = (Server::mongo(), Server::redis());
    let (collector, mut secrets) = (Collector::start(), secrets());
    let (endpoint, mongodb_uri, redis_url) = (collector.endpoint(), mongo.mongodb_uri(), redis.redis_url());
    let stores = [("MONGODB_URI", mongodb_uri.as_str()), ("REDIS_URL", redis_url.as_str())];
    let Some(echo) = OwnServer::start_with(&[&settings("json", &endpoint)[..], &stores].concat()).await else { return };

    let me = do_everything(&echo, &mut secrets).await;
    do_wrong(&echo, &mut secrets, &me).await;
    go(&echo, &secrets).await;
    let erased = async || collector.spans().iter().any(|span| span.name == "posts account deleted");
    eventually("everything is exported", EXPORTED, erased).await;
    mongo.kill();
    let failed = ask(&echo, Method::POST, "/api/auth/signup", None, Some(&account(&secrets).to_string())).await;

    assert_eq!(failed.0, 503);
    look_for(&secrets, &echo, &collector).await;
}
