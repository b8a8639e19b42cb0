//! Whatever is sent, the answer is an enveloped 4xx that names what is wrong, and the server goes on.
//! (That no reply is ever a 500 is checked for every call of every story.)

use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    app::{PASSWORD, TestApp, text, unique},
    contract::Contract,
};

/// An id like any other that nothing has.
pub const NOBODY: &str = "0123456789abcdef01234567";

/// Every route that takes JSON, with a body that it would take.
pub fn json_routes() -> Vec<(Method, String, Value)> {
    let route = |method, path: &str, body| (method, path.to_owned(), body);
    vec![
        route(
            Method::POST,
            "/api/auth/signup",
            json!({"name": "a", "username": unique("u"), "email": "a@b.example", "password": PASSWORD}),
        ),
        route(Method::POST, "/api/auth/login", json!({"username": "nobody", "password": PASSWORD})),
        route(Method::POST, "/api/auth/password", json!({"currentPassword": "x", "newPassword": PASSWORD})),
        route(
            Method::PATCH,
            "/api/users/profile",
            json!({"name": "a", "username": unique("u"), "email": "a@b.example", "bio": "b"}),
        ),
        route(Method::DELETE, "/api/users/me", json!({"password": "not it"})),
        route(Method::POST, "/api/posts", json!({"content": [{"type": "text", "value": "x"}]})),
        route(Method::PATCH, &format!("/api/posts/{NOBODY}/comment"), json!({"content": "x"})),
    ]
}

#[tokio::test]
async fn what_is_no_json_object_is_refused() {
    let app = TestApp::start().await;
    let ana = app.sign_up("ana").await;
    let deep = "[".repeat(100_000);
    let deep_object = "{\"a\":".repeat(100_000);
    let bodies: [&[u8]; 14] = [
        b"",
        b"{",
        b"nonsense",
        b"\"text\"",
        b"7",
        b"null",
        b"[]",
        b"[\"a\",\"b\",\"c\",\"d\"]",
        b"{\"name\":\"\xff\"}",
        b"{\"name\":\"\\ud800\"}",
        b"\x00",
        b"{} {}",
        deep.as_bytes(),
        deep_object.as_bytes(),
    ];

    for (method, path, _) in json_routes() {
        for body in bodies {
            let call = ana.call(method.clone(), &path).header("content-type", "application/json").body(body.to_vec());
            let reply = call.await.expect(400);
            let field = text(&reply.json()["errors"][0]["field"]);
            assert!(!field.is_empty() && !field.contains('?'), "{reply}");
        }
    }
    assert_eq!(ana.get("/api/users/me").await.expect(200).data()["postsCount"], 0);
}

#[tokio::test]
async fn a_value_of_the_wrong_type_is_refused_by_name() {
    let app = TestApp::start().await;
    let ana = app.sign_up("ana").await;

    for (method, path, body) in json_routes() {
        for field in body.as_object().unwrap().keys() {
            for wrong in [json!({"$ne": ""}), json!([["x"]]), json!(12), json!(true), json!(1e300)] {
                let mut body = body.clone();
                body[field] = wrong.clone();

                let reply = ana.call(method.clone(), &path).json(body).await.expect(400);

                let named = text(&reply.json()["errors"][0]["field"]);
                assert!(named.starts_with(field.as_str()), "{field} was {wrong}, and {named} is named: {reply}");
            }
        }
    }
}

#[tokio::test]
async fn a_nul_character_is_refused_and_every_other_is_kept() {
    let app = TestApp::start().await;
    let ana = app.sign_up("ana").await;
    let post = ana.publish("hello").await;
    let odd = "😀𠜎 \u{202e}rtl\u{7} \u{feff}é\u{301} </script> '; DROP TABLE posts; -- %s ${x}";

    ana.patch("/api/users/profile").json(json!({"name": "a\0b", "bio": "\0b"})).await.names(&["bio", "name"]);
    let kept = ana.patch("/api/users/profile").json(json!({"name": odd.get(..30).unwrap_or("😀"), "bio": odd})).await;
    let published = ana.publish(odd).await;
    ana.comment(&post, odd).await;

    assert_eq!(kept.expect(200).data()["bio"], odd);
    assert_eq!(ana.view(&published).await["content"][0]["value"], odd);
    assert_eq!(ana.view(&post).await["comments"][0]["content"], odd);
    for query in ["%00", "a%00b", "%F0%9F%98%80", "%ff", "%", "a&a&query=b", "[]", "%27%20OR%201=1"] {
        let reply = ana.get(&format!("/api/users/search?query={query}")).await;
        assert!([200, 400].contains(&reply.status), "{reply}");
    }
}

#[tokio::test]
async fn a_malformed_id_is_400_and_an_unknown_one_404_on_every_route() {
    let app = TestApp::start().await;
    let ana = app.sign_up("ana").await;

    for operation in &Contract::of(&app).await.unwrap().operations {
        if !operation.path.contains('{') || !operation.path.starts_with("/api/") {
            continue;
        }
        let call = |path: &str| {
            let call = ana.call(operation.method.clone(), path);
            if operation.definition["requestBody"].is_object() { call.json(json!({"content": "x"})) } else { call }
        };
        for bad in [
            "nonsense",
            "0",
            "-1",
            &NOBODY[1..],
            "0123456789abcdef012345678",
            "g123456789abcdef01234567",
            "%00",
            "%ff",
            "%F0%9F%98%80",
            "..%2f..",
            "%20",
        ] {
            let reply = call(&operation.sample_path().replace(NOBODY, bad)).await.expect(400);
            assert!(reply.is_a_proxys() || reply.json()["errors"][0]["field"].is_string(), "{reply}");
        }
        let unknown = call(&operation.sample_path()).await.expect(404);
        assert!(text(&unknown.json()["code"]).ends_with("_not_found"), "{unknown}");
    }
}

#[tokio::test]
async fn a_cursor_that_was_not_given_out_is_refused_on_every_list() {
    let app = TestApp::start().await;
    let ana = app.sign_up("ana").await;
    for i in 0..3 {
        ana.publish(&format!("{i}")).await;
    }
    let page = ana.get("/api/feed?limit=1").await.expect(200).data();
    let given_out = text(&page["nextCursor"]);
    let (head, last) = given_out.split_at(given_out.len() / 2);
    let forged = format!("{head}{}", last.chars().rev().collect::<String>());
    let post = text(&page["items"][0]["_id"]);

    let mut lists = 0;
    for operation in &Contract::of(&app).await.unwrap().operations {
        let parameters = operation.definition["parameters"].as_array().cloned().unwrap_or_default();
        for name in ["cursor", "lastPostId", "lastId"] {
            if !parameters.iter().any(|it| it["name"] == name) {
                continue;
            }
            lists += 1;
            let id = if operation.path.starts_with("/api/posts") { &post } else { &ana.id };
            let path = operation.sample_path().replace(NOBODY, id);
            for bad in ["", "nonsense", "0", &forged, "%00", "ffffffffffffffffffffffff", &"A".repeat(5000)] {
                ana.get(&format!("{path}?query=a&{name}={bad}")).await.names(&[name]);
            }
            if operation.path != "/api/feed" {
                ana.get(&format!("{path}?query=a&{name}={given_out}")).await.names(&[name]);
            }
        }
    }
    assert!(lists >= 8, "only {lists} lists take a cursor");
}

#[tokio::test]
async fn a_bad_token_is_refused_even_where_none_is_needed() {
    let app = TestApp::start().await;
    let ana = app.sign_up("ana").await;
    let parts: Vec<_> = ana.token().split('.').collect();
    let (header, claims, signature) = (parts[0], parts[1], parts[2]);
    // {"alg":"none"}
    let unsigned = format!("eyJhbGciOiJub25lIn0.{claims}.");
    let mut turned: Vec<_> = signature.bytes().collect();
    turned[5] = if turned[5] == b'A' { b'B' } else { b'A' };
    let turned = format!("{header}.{claims}.{}", String::from_utf8(turned).unwrap());
    let cut = format!("{header}.{claims}");
    let bob = app.sign_up("bob_").await;
    let mixed = format!("{header}.{}.{signature}", bob.token().split('.').nth(1).unwrap());
    let bad = ["", "nonsense", "a.b.c", "..", &unsigned, &turned, &cut, &mixed, &ana.refresh_token, &"x".repeat(4000)];

    for token in bad {
        let client = app.bearing(Some(token));
        let post = ana.publish("hello").await;
        for path in ["/api/users/me", "/api/feed", "/api/posts", &post.path(), &format!("{}/posts", ana.path())] {
            let reply = client.get(path).await.refused(401, "token_invalid");
            assert!(reply.header("www-authenticate").starts_with("Bearer"), "{:?}", reply.headers);
        }
    }
    for scheme in ["Basic YTpi", "Bearer", "Token x", "bearer"] {
        app.anonymous().get("/api/posts").header("authorization", scheme).await.expect(401);
    }
    app.anonymous().get("/api/users/me").header("authorization", &format!("bearer {}", ana.token())).await.expect(200);
}
