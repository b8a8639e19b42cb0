//! Tokens: access, refresh, rotation, revocation.

use std::{future::IntoFuture, time::Duration};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::{
    app::{PASSWORD, TestApp, eventually, fields, ids, text, together},
    client::{Client, Reply},
};

/// Within which a revocation holds on every node.
const REVOKED_WITHIN: Duration = Duration::from_secs(5);

async fn refresh(app: &TestApp, token: &str) -> Reply {
    app.anonymous().post("/api/auth/refresh").json(json!({"refreshToken": token})).await
}

/// The next refresh token.
async fn rotate(app: &TestApp, token: &str) -> String {
    text(&refresh(app, token).await.expect(200).data()["refreshToken"])
}

async fn is_signed_out(client: &Client) {
    let refused = async || client.get("/api/users/me").await.status == 401;
    eventually("the access token stops working", REVOKED_WITHIN, refused).await;
    client.get("/api/posts").await.refused(401, "session_revoked");
}

/// Signs in again and again for as long as the password is right; whom that let in.
async fn sign_in_while_it_works(app: &TestApp, username: &str, password: &str) -> Vec<Client> {
    let mut let_in = Vec::new();
    loop {
        let form = json!({"username": username, "password": password, "cookie": false});
        let reply = app.anonymous().post("/api/auth/login").json(form).await;
        if reply.status == 401 {
            return let_in;
        }
        let_in.push(app.bearing(reply.expect(200).data()["accessToken"].as_str()));
    }
}

fn part(token: &str, i: usize) -> Value {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(token.split('.').nth(i).unwrap()).unwrap()).unwrap()
}

#[tokio::test]
async fn a_browser_gets_its_refresh_token_in_a_cookie_that_scripts_cannot_read() {
    let app = TestApp::start().await;
    let ana = app.sign_up("ana").await;
    let form = json!({"username": ana.username, "password": PASSWORD});

    let reply = app.anonymous().post("/api/auth/login").json(form).await.expect(200);

    let cookie = reply.set_cookie().unwrap();
    let attributes: Vec<_> = cookie.split(';').skip(1).map(|part| part.trim().to_lowercase()).collect();
    for attribute in ["httponly", "samesite=strict", "path=/api/auth"] {
        assert!(attributes.iter().any(|it| it == attribute), "no {attribute} in {cookie}");
    }
    assert_eq!(attributes.contains(&"secure".to_owned()), app.address().starts_with("https"), "{cookie}");
    assert!(attributes.iter().any(|it| it.starts_with("max-age=") || it.starts_with("expires=")), "{cookie}");
    assert!(reply.data().get("refreshToken").is_none());
}

#[tokio::test]
async fn a_mobile_app_gets_its_refresh_token_in_the_body() {
    let app = TestApp::start().await;
    let ana = app.sign_up("ana").await;
    let form = json!({"username": ana.username, "password": PASSWORD, "cookie": false});

    let reply = app.anonymous().post("/api/auth/login").json(form).await.expect(200);

    assert!(reply.set_cookie().is_none());
    refresh(&app, &text(&reply.data()["refreshToken"])).await.expect(200);
}

#[tokio::test]
async fn a_refresh_by_cookie_answers_with_an_access_token_and_the_next_cookie() {
    let app = TestApp::start().await;
    let ana = app.sign_up("ana").await;

    let reply = app.anonymous().post("/api/auth/refresh").refresh_cookie(&ana.refresh_token).await.expect(200);

    assert_eq!(reply.message(), "New access token generated");
    assert_eq!(fields(&reply.data()), ["accessToken"]);
    assert_ne!(reply.refresh_cookie(), ana.refresh_token);
    let access = text(&reply.data()["accessToken"]);
    assert_eq!(app.bearing(Some(&access)).get("/api/users/me").await.expect(200).data()["_id"], ana.id);
}

#[tokio::test]
async fn a_refresh_by_body_sets_no_cookie() {
    let app = TestApp::start().await;
    let ana = app.sign_up("ana").await;

    let reply = refresh(&app, &ana.refresh_token).await.expect(200);

    assert_eq!(fields(&reply.data()), ["accessToken", "refreshToken"]);
    assert!(reply.set_cookie().is_none());
}

#[tokio::test]
async fn a_refresh_token_is_needed_and_must_be_one_of_ours() {
    let app = TestApp::start().await;
    let ana = app.sign_up("ana").await;
    let (head, last) = ana.refresh_token.split_at(ana.refresh_token.len() - 4);
    let forged = format!("{head}{}", if last == "AAAA" { "BBBB" } else { "AAAA" });

    app.anonymous().post("/api/auth/refresh").await.expect(401);
    app.anonymous().post("/api/auth/refresh").json(json!({})).await.expect(401);
    for token in ["garbage", "a.b.c", &forged, ana.token(), &"x".repeat(4000)] {
        refresh(&app, token).await.refused(403, "refresh_token_invalid");
        app.anonymous().post("/api/auth/refresh").refresh_cookie(token).await.refused(403, "refresh_token_invalid");
    }
    refresh(&app, &ana.refresh_token).await.expect(200);
}

#[tokio::test]
async fn an_old_refresh_token_gets_the_same_successor_while_a_reply_may_have_been_lost() {
    let app = TestApp::start().await;
    let ana = app.sign_up("ana").await;

    let replies = together(4, |_| refresh(&app, &ana.refresh_token)).await;
    let again = rotate(&app, &ana.refresh_token).await;

    for reply in replies {
        assert_eq!(reply.expect(200).data()["refreshToken"], again);
    }
    rotate(&app, &again).await;
}

#[tokio::test]
async fn an_older_refresh_token_used_again_ends_the_session() {
    let app = TestApp::start().await;
    let ana = app.sign_up("ana").await;
    let elsewhere = app.log_in(&ana.username, PASSWORD).await;
    let second = rotate(&app, &ana.refresh_token).await;
    let third = rotate(&app, &second).await;

    refresh(&app, &ana.refresh_token).await.refused(403, "refresh_token_reused");

    refresh(&app, &third).await.expect(403);
    refresh(&app, &second).await.expect(403);
    is_signed_out(&ana).await;
    elsewhere.get("/api/users/me").await.expect(200);
}

#[tokio::test]
async fn signing_out_ends_the_session_and_clears_the_cookie() {
    let app = TestApp::start().await;
    let ana = app.sign_up("ana").await;
    let elsewhere = app.log_in(&ana.username, PASSWORD).await;

    let reply = ana.post("/api/auth/logout").await.expect(200);

    assert_eq!((reply.message().as_str(), reply.data()), ("Logout successful", Value::Null));
    let cookie = reply.set_cookie().unwrap().to_lowercase();
    assert_eq!(reply.refresh_cookie(), "");
    assert!(cookie.contains("max-age=0") || cookie.contains("expires=thu, 01 jan 1970"), "{cookie}");
    assert!(cookie.contains("path=/api/auth"), "{cookie}");
    is_signed_out(&ana).await;
    refresh(&app, &ana.refresh_token).await.expect(403);
    elsewhere.get("/api/users/me").await.expect(200);
}

#[tokio::test]
async fn sessions_are_listed_newest_first_and_end_one_by_one() {
    let app = TestApp::start().await;
    let phone = app.sign_up("ana").await;
    let login = json!({"username": phone.username, "password": PASSWORD});
    app.anonymous().post("/api/auth/login").header("user-agent", "Laptop 1.0").json(login).await.expect(200);
    let desk = app.log_in(&phone.username, PASSWORD).await;

    let sessions = desk.get("/api/auth/sessions").await.expect(200).data();

    assert_eq!(sessions.as_array().map(Vec::len), Some(3), "{sessions}");
    assert_eq!(fields(&sessions[0]), ["_id", "createdAt", "current", "device", "lastUsedAt"]);
    assert_eq!([&sessions[0]["current"], &sessions[1]["current"], &sessions[2]["current"]], [true, false, false]);
    assert_eq!(sessions[1]["device"], "Laptop 1.0");

    let path = format!("/api/auth/sessions/{}", text(&sessions[2]["_id"]));
    desk.delete(&path).await.expect(200);

    is_signed_out(&phone).await;
    desk.delete(&path).await.refused(404, "session_not_found");
    assert_eq!(ids(&desk.get("/api/auth/sessions").await.expect(200).data()).len(), 2);
}

#[tokio::test]
async fn nobody_ends_anothers_session() {
    let app = TestApp::start().await;
    let (ana, eve) = (app.sign_up("ana").await, app.sign_up("eve_").await);
    let session = text(&part(ana.token(), 1)["sid"]);

    eve.delete(&format!("/api/auth/sessions/{session}")).await.refused(404, "session_not_found");

    ana.get("/api/users/me").await.expect(200);
    ana.delete("/api/auth/sessions/nonsense").await.expect(400);
}

#[tokio::test]
async fn a_new_password_ends_every_other_session() {
    let app = TestApp::start().await;
    let ana = app.sign_up("ana").await;
    let elsewhere = app.log_in(&ana.username, PASSWORD).await;
    let change = |current: &str, new: &str| {
        ana.post("/api/auth/password").json(json!({"currentPassword": current, "newPassword": new}))
    };

    change("not my password", "another fine one").await.refused(403, "wrong_password");
    change(PASSWORD, "short").await.names(&["newPassword"]);
    change(PASSWORD, "password123").await.names(&["newPassword"]);
    change(PASSWORD, "another fine one").await.expect(200);

    is_signed_out(&elsewhere).await;
    refresh(&app, &elsewhere.refresh_token).await.expect(403);
    ana.get("/api/users/me").await.expect(200);
    refresh(&app, &ana.refresh_token).await.expect(200);
    let old = json!({"username": ana.username, "password": PASSWORD});
    app.anonymous().post("/api/auth/login").json(old).await.expect(401);
    app.log_in(&ana.username, "another fine one").await;
}

#[tokio::test]
async fn no_session_that_the_old_password_opened_outlives_it() {
    let app = TestApp::start().await;
    let ana = app.sign_up("ana").await;
    let passwords = [PASSWORD, "another fine one", "a third fine one", "the fourth one"];

    for password in passwords.windows(2) {
        let (old, new) = (password[0], password[1]);
        let change = ana.post("/api/auth/password").json(json!({"currentPassword": old, "newPassword": new}));
        let sign_ins = join_all((0..6).map(|_| sign_in_while_it_works(&app, &ana.username, old)));

        let (let_in, changed) = tokio::join!(sign_ins, change.into_future());

        changed.expect(200);
        for client in let_in.iter().flatten() {
            is_signed_out(client).await;
        }
        ana.get("/api/users/me").await.expect(200);
    }
}

#[tokio::test]
async fn a_new_password_whose_reply_was_lost_may_be_sent_again() {
    let app = TestApp::start().await;
    let ana = app.sign_up("ana").await;
    let change = |current: &str, new: &str| {
        ana.post("/api/auth/password").json(json!({"currentPassword": current, "newPassword": new}))
    };

    change(PASSWORD, "another fine one").await.expect(200);
    change(PASSWORD, "another fine one").await.expect(200);

    change(PASSWORD, "a third fine one").await.refused(403, "wrong_password");
    app.log_in(&ana.username, "another fine one").await;
}

#[tokio::test]
async fn an_access_token_says_who_where_and_until_when() {
    let app = TestApp::start().await;
    let ana = app.sign_up("ana").await;

    let claims = part(ana.token(), 1);

    assert_eq!(fields(&claims), ["_id", "aud", "exp", "iat", "iss", "role", "sid", "sub"]);
    assert_eq!((&claims["sub"], &claims["_id"], &claims["role"]), (&json!(ana.id), &json!(ana.id), &json!("user")));
    assert_eq!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), 15 * 60);
}

#[tokio::test]
async fn the_key_of_a_token_is_published() {
    let app = TestApp::start().await;
    let ana = app.sign_up("ana").await;
    let header = part(ana.token(), 0);

    let keys = app.anonymous().get("/api/auth/.well-known/jwks.json").await.expect(200).json();

    let keys = keys["keys"].as_array().unwrap();
    if header["alg"] == "EdDSA" {
        let key = keys.iter().find(|key| key["kid"] == header["kid"]).unwrap_or_else(|| panic!("{header} in {keys:?}"));
        assert_eq!((&key["kty"], &key["crv"], &key["use"]), (&json!("OKP"), &json!("Ed25519"), &json!("sig")));
        assert!(key.get("d").is_none(), "a private key is published");
    } else {
        assert!(keys.is_empty(), "keys of {header}: {keys:?}");
    }
}
