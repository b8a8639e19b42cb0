//! One line for every request, with who has to act.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    app::{PASSWORD, eventually},
    cluster::servers::Server,
    echod::OwnServer,
};

/// When a line that was written has been read.
const PATIENCE: Duration = Duration::from_secs(10);

/// Asks, and gives back the lines about it.
async fn lines_about(echo: &OwnServer, id: &str, request: reqwest::RequestBuilder, status: u16) -> Vec<Value> {
    let reply = request.header("x-request-id", id).send().await.unwrap();
    assert_eq!(reply.status(), status);
    let lines = || echo.log.lines().into_iter().filter_map(|line| serde_json::from_str::<Value>(&line).ok());
    // Its line is written before the reply goes out: the next one's comes after it.
    let after = format!("{id}-after");
    echo.request(Method::GET, "/nowhere").header("x-request-id", &after).send().await.unwrap();
    eventually("the next line", PATIENCE, async || lines().any(|line| line["request.id"] == after.as_str())).await;
    lines().filter(|line| line["request.id"] == id).collect()
}

#[tokio::test]
async fn a_request_has_one_line_that_says_who_must_act() {
    let settings = [("LOG_FORMAT", "json"), ("RUST_LOG", "info,echo::request=debug")];
    let Some(echo) = OwnServer::start_with(&settings).await else { return };
    let ana = echo.sign_up("ana").await;
    let post = ana.publish("hello").await;
    let (me, comments) = ("/api/users/me", post.at("comments"));
    let ask = |method: Method, path: &str| echo.request(method, path).bearer_auth(ana.token());

    let read = lines_about(&echo, "read", ask(Method::GET, me), 200).await;
    let changed = lines_about(&echo, "changed", ask(Method::PUT, &post.at("like")), 200).await;
    let refused = lines_about(&echo, "refused", ask(Method::GET, "/api/posts/0"), 400).await;
    // As someone with the database open might do.
    let database = rusqlite::Connection::open(echo.data().join("echo.db")).unwrap();
    database.execute_batch("ALTER TABLE comments RENAME TO elsewhere").unwrap();
    let failed = lines_about(&echo, "failed", ask(Method::GET, &comments), 500).await;

    for (lines, level, method, route, status) in [
        (&read, "DEBUG", "GET", me, 200),
        (&changed, "INFO", "PUT", "/api/posts/{id}/like", 200),
        (&refused, "INFO", "GET", "/api/posts/{id}", 400),
        (&failed, "ERROR", "GET", "/api/posts/{id}/comments", 500),
    ] {
        let [line] = &lines[..] else { panic!("not one line: {lines:#?}") };
        assert_eq!(line["level"], level, "{line}");
        assert_eq!((&line["method"], &line["route"], &line["status"]), (&method.into(), &route.into(), &status.into()));
        assert_eq!(line["user.id"], ana.id.as_str(), "{line}");
        assert!(line["duration_ms"].as_f64().is_some_and(|took| took > 0.0), "{line}");
        assert_eq!(line.get("error").is_some(), status >= 400, "{line}");
    }
    assert_eq!(refused[0]["error"], "invalid_input");
    let error = failed[0]["error"].as_str().unwrap();
    assert!(error.starts_with("internal error: ") && error.contains("no such table: comments"), "{error}");
}

/// The names of the fields of a line, in their order.
fn fields(line: &str) -> Vec<String> {
    match line.starts_with('{') {
        true => line
            .split(['{', ','])
            .filter_map(|it| it.strip_prefix('"')?.split_once("\":"))
            .map(|it| it.0.to_owned())
            .collect(),
        false => line.split(' ').filter_map(|word| word.split_once('=')).map(|it| it.0.to_owned()).collect(),
    }
}

#[tokio::test]
async fn the_page_about_logs_shows_what_they_look_like() {
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/logging.md")).unwrap();
    for (format, fence) in [("readable", "```text\n"), ("json", "```json\n")] {
        let Some(echo) = OwnServer::start_with(&[("LOG_FORMAT", format)]).await else { return };
        let ana = echo.sign_up("ana").await;
        let post = ana.publish("hello").await;
        ana.like(&post).await;

        let (_, shown) = page.split_once(fence).unwrap();
        let is_about_it = |line: &str| line.contains("/api/posts/{id}/like");
        let logged = || echo.log.lines().into_iter().find(|line| is_about_it(line));
        eventually("the line", PATIENCE, async || logged().is_some()).await;
        let logged = logged().unwrap();
        let shown = shown.lines().find(|line| is_about_it(line)).unwrap();
        assert_eq!(fields(shown), fields(&logged), "{logged}");
        assert!(fields(shown).len() > 5, "{shown}");
    }
}

#[tokio::test]
async fn unless_asked_for_reads_that_succeed_have_none() {
    let Some(echo) = OwnServer::start_with(&[("LOG_FORMAT", "json")]).await else { return };
    let ana = echo.sign_up("ana").await;
    let ask = |method: Method, path: &str| echo.request(method, path).bearer_auth(ana.token());

    let read = lines_about(&echo, "read", ask(Method::GET, "/api/users/me"), 200).await;
    let changed = lines_about(&echo, "changed", ask(Method::POST, "/api/auth/logout"), 200).await;

    assert_eq!((read.len(), changed.len()), (0, 1), "{read:?} {changed:?}");
}

#[tokio::test]
async fn what_cannot_be_done_for_now_is_a_warning() {
    let Some(_images) = crate::echod::own_folder() else { return };
    let mut mongo = Server::mongo();
    let uri = mongo.mongodb_uri();
    let Some(echo) = OwnServer::start_with(&[("LOG_FORMAT", "json"), ("MONGODB_URI", &uri)]).await else { return };
    let ana = echo.sign_up("ana").await;
    mongo.kill();

    let form = json!({"username": ana.username, "password": PASSWORD});
    let refused = lines_about(&echo, "refused", echo.request(Method::POST, "/api/auth/login").json(&form), 503).await;

    let [line] = &refused[..] else { panic!("not one line: {refused:#?}") };
    assert_eq!((&line["level"], &line["status"]), (&"WARN".into(), &503.into()));
    assert!(line["error"].as_str().unwrap().starts_with("the database is unavailable, try again later: "), "{line}");
}
