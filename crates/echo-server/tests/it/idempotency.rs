//! A request that may be sent again.

use reqwest::multipart::Form;
use serde_json::{Value, json};

use crate::{
    app::{PASSWORD, Person, TestApp, text, together, unique},
    client::{Blocks, Call, Reply},
    echod::OwnServer,
    picture::png,
};

fn hello() -> Value {
    json!({"content": [{"type": "text", "value": "hello"}]})
}

fn publish(person: &Person, key: &str) -> Call {
    person.post("/api/posts").json(hello()).idempotency_key(key)
}

fn assert_replayed(first: &Reply, again: &Reply) {
    assert_eq!((again.status, &again.body), (first.status, &first.body), "{again}");
    assert_eq!(again.header("idempotency-replayed"), "true", "{again}");
    assert_eq!(again.header("content-type"), first.header("content-type"));
    assert_eq!(first.header("idempotency-replayed"), "", "{first}");
}

async fn posts_of(person: &Person) -> Value {
    person.get("/api/users/me").await.expect(200).data()["postsCount"].clone()
}

#[tokio::test]
async fn the_same_request_again_gets_the_first_reply_and_happens_once() {
    let app = TestApp::start().await;
    let ana = app.sign_up("ana").await;
    let key = unique("key");

    let first = publish(&ana, &key).await.expect(201);
    for _ in 0..3 {
        assert_replayed(&first, &publish(&ana, &key).await);
    }

    assert_eq!(posts_of(&ana).await, 1);
    publish(&ana, &unique("key")).await.expect(201);
    assert_eq!(posts_of(&ana).await, 2);
}

#[tokio::test]
async fn a_key_is_good_for_one_request_only() {
    let app = TestApp::start().await;
    let ana = app.sign_up("ana").await;
    let key = unique("key");
    publish(&ana, &key).await.expect(201);

    let other_body = json!({"content": [{"type": "text", "value": "other"}]});
    ana.post("/api/posts").json(other_body).idempotency_key(&key).await.refused(422, "idempotency_key_reused");
    let other_route = json!({"currentPassword": PASSWORD, "newPassword": "another fine one"});
    ana.post("/api/auth/password").json(other_route).idempotency_key(&key).await.refused(422, "idempotency_key_reused");

    assert_eq!(posts_of(&ana).await, 1);
}

#[tokio::test]
async fn a_key_belongs_to_its_account() {
    let app = TestApp::start().await;
    let (ana, bob) = (app.sign_up("ana").await, app.sign_up("bob_").await);
    let key = unique("key");

    let anas = publish(&ana, &key).await.expect(201).data();
    let bobs = publish(&bob, &key).await.expect(201).data();

    assert_ne!(anas["_id"], bobs["_id"]);
    assert_eq!((&anas["user"], &bobs["user"]), (&json!(ana.id), &json!(bob.id)));
}

#[tokio::test]
async fn of_twelve_requests_with_one_key_exactly_one_happens() {
    let app = TestApp::start().await;
    let ana = app.sign_up("ana").await;
    let key = unique("key");

    let replies = together(12, async |_| publish(&ana, &key).await).await;

    let made: Vec<_> = replies.iter().filter(|reply| reply.status == 201).collect();
    assert_eq!(made.iter().filter(|reply| reply.header("idempotency-replayed").is_empty()).count(), 1, "{replies:?}");
    assert!(made.iter().all(|reply| reply.body == made[0].body), "{replies:?}");
    for waiting in replies.iter().filter(|reply| reply.status != 201) {
        let waiting = waiting.clone().refused(409, "idempotency_in_progress");
        assert!(waiting.header("retry-after").parse::<u32>().is_ok_and(|seconds| seconds >= 1), "{waiting}");
    }
    assert_eq!(posts_of(&ana).await, 1);
}

#[tokio::test]
async fn a_form_sent_again_with_another_boundary_is_the_same_request() {
    let app = TestApp::start().await;
    let ana = app.sign_up("ana").await;
    let key = unique("key");
    let picture = png(20, 20);
    let form = || Form::new().text_block(0, "look").image_block(1, picture.clone());
    assert_ne!(form().boundary(), form().boundary());

    let first = ana.post("/api/posts").form(form()).idempotency_key(&key).await.expect(201);
    let again = ana.post("/api/posts").form(form()).idempotency_key(&key).await;

    assert_replayed(&first, &again);
    let other = Form::new().text_block(0, "look").image_block(1, png(21, 21));
    ana.post("/api/posts").form(other).idempotency_key(&key).await.refused(422, "idempotency_key_reused");
    assert_eq!(posts_of(&ana).await, 1);
}

#[tokio::test]
async fn a_refusal_is_replayed_too() {
    let app = TestApp::start().await;
    let ana = app.sign_up("ana").await;
    let (key, bad) = (unique("key"), json!({"content": []}));

    let first = ana.post("/api/posts").json(bad.clone()).idempotency_key(&key).await.names(&["content"]);

    assert_replayed(&first, &ana.post("/api/posts").json(bad).idempotency_key(&key).await);
}

#[tokio::test]
async fn a_cookie_that_is_not_ours_does_not_make_it_another_request() {
    let app = TestApp::start().await;
    let ana = app.sign_up("ana").await;
    let key = unique("key");

    let first = publish(&ana, &key).header("cookie", "_ga=1").await.expect(201);
    let again = publish(&ana, &key).header("cookie", "_ga=2").await;

    assert_replayed(&first, &again);
    assert_eq!(posts_of(&ana).await, 1);
}

#[tokio::test]
async fn what_leads_nowhere_is_not_remembered() {
    let app = TestApp::start().await;
    let ana = app.sign_up("ana").await;
    let key = unique("key");

    for _ in 0..2 {
        let reply = ana.post("/api/nothing").json(hello()).idempotency_key(&key).await.refused(404, "route_not_found");
        assert_eq!(reply.header("idempotency-replayed"), "");
    }

    publish(&ana, &key).await.expect(201);
}

#[tokio::test]
async fn a_refusal_for_want_of_a_sign_in_is_not_remembered() {
    let app = TestApp::start().await;
    let ana = app.sign_up("ana").await;
    let key = unique("key");
    // Not even read: it would be too much.
    let large = json!({"content": "x".repeat(3 << 20)});

    for body in [hello(), hello(), large] {
        let reply = app.anonymous().post("/api/posts").json(body).idempotency_key(&key).await.expect(401);
        assert_eq!(reply.header("idempotency-replayed"), "");
    }

    let first = publish(&ana, &key).await.expect(201);
    assert_replayed(&first, &publish(&ana, &key).await);
}

#[tokio::test]
async fn a_signup_sent_again_opens_one_account() {
    let app = TestApp::start().await;
    let (key, username) = (unique("key"), unique("ana"));
    let form =
        json!({"name": "Ana", "username": username, "email": format!("{username}@example.com"), "password": PASSWORD});
    let sign_up = || app.anonymous().post("/api/auth/signup").json(form.clone()).idempotency_key(&key);

    let first = sign_up().await.expect(201);

    assert_replayed(&first, &sign_up().await);
    app.anonymous().post("/api/auth/signup").json(form.clone()).await.expect(409);
}

#[tokio::test]
async fn a_key_is_1_to_255_visible_characters() {
    let app = TestApp::start().await;
    let ana = app.sign_up("ana").await;

    for key in ["", "a b", "a\tb", &"x".repeat(256)] {
        publish(&ana, key).await.names(&["Idempotency-Key"]);
    }
    ana.post("/api/posts")
        .json(hello())
        .idempotency_key("one")
        .idempotency_key("two")
        .await
        .names(&["Idempotency-Key"]);

    assert_eq!(posts_of(&ana).await, 0);
    publish(&ana, &"~".repeat(255)).await.expect(201);
}

#[tokio::test]
async fn a_key_holds_over_a_crash() {
    let Some(mut server) = OwnServer::start().await else { return };
    let ana = server.sign_up("ana").await;
    let done = publish(&ana, "done").await.expect(201);

    for round in 0..5 {
        let key = format!("cut-short-{round}");
        // Killed while it works on it, at a later moment each time: it may be done or not.
        let cut = publish(&ana, &key);
        let cut = tokio::spawn(cut.try_send());
        tokio::time::sleep(std::time::Duration::from_millis(round * 2)).await;
        server.kill();
        let before = cut.await.unwrap();
        server.restart();

        let after = publish(&ana, &key).await.expect(201);

        if let Some(before) = before {
            assert_replayed(&before.expect(201), &after);
        }
        assert_eq!(publish(&ana, &key).await.expect(201).body, after.body);
        assert_eq!(posts_of(&ana).await, 2 + round);
        assert_eq!(text(&after.data()["user"]), ana.id);
    }
    assert_replayed(&done, &publish(&ana, "done").await);
}
