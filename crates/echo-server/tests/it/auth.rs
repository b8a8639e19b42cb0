//! Signing up and in.

use serde_json::{Value, json};

use crate::app::{PASSWORD, TestApp, fields, text, together, unique};

fn form(username: &str) -> Value {
    json!({"name": "Ana Lima", "username": username, "email": format!("{username}@example.com"), "password": PASSWORD})
}

#[tokio::test]
async fn signing_up_tells_the_new_account() {
    let app = TestApp::start().await;
    let username = unique("Ana");
    let mut form = form(&username);
    form["name"] = json!("  Ana Lima 😀 ");
    form["email"] = json!(format!("  {username}@Example.COM "));

    let reply = app.anonymous().post("/api/auth/signup").json(form).await.expect(201);

    let data = reply.data();
    assert_eq!(reply.message(), "User created");
    assert_eq!(fields(&data), ["_id", "email", "name", "username"]);
    assert!(is_id(&text(&data["_id"])), "{data}");
    assert_eq!(data["name"], "Ana Lima 😀");
    assert_eq!(data["username"], username);
    assert_eq!(data["email"], format!("{}@example.com", username.to_lowercase()));
}

#[tokio::test]
async fn every_bad_field_of_a_signup_is_named() {
    let app = TestApp::start().await;
    let sign_up = async |form: Value| app.anonymous().post("/api/auth/signup").json(form).await;

    sign_up(json!({})).await.names(&["email", "name", "password", "username"]);
    sign_up(json!({"name": " ", "username": "ana", "email": "ana", "password": "short"}))
        .await
        .names(&["email", "name", "password", "username"]);
    let too_long = |length| "x".repeat(length);
    let refused = [
        ("name", json!("")),
        ("name", json!(too_long(51))),
        ("name", json!("Ana\0Lima")),
        ("username", json!(too_long(33))),
        ("username", json!("ana-lima")),
        ("username", json!("ana lima")),
        ("username", json!("añalima")),
        ("username", json!({"$ne": null})),
        ("email", json!("ana@example")),
        ("email", json!("ana@@example.com")),
        ("email", json!(format!("{}@example.com", too_long(65)))),
        ("email", json!(["ana@example.com"])),
        ("password", json!("1234567")),
        ("password", json!(too_long(129))),
        ("password", json!("password123")),
        ("password", json!("Password123")),
        ("password", json!(12_345_678)),
        ("password", Value::Null),
    ];
    for (field, value) in refused {
        let mut form = form(&unique("ana"));
        form[field] = value;
        sign_up(form).await.names(&[field]);
    }
}

#[tokio::test]
async fn a_field_left_out_of_a_signup_is_named() {
    let app = TestApp::start().await;

    for field in ["name", "username", "email", "password"] {
        let mut form = form(&unique("ana"));
        form.as_object_mut().unwrap().remove(field);

        app.anonymous().post("/api/auth/signup").json(form).await.names(&[field]);
    }
}

#[tokio::test]
async fn names_of_the_longest_and_shortest_kind_are_taken() {
    let app = TestApp::start().await;
    let long = format!("{:0<32}", unique("ana"));
    let mut form = form(&long);
    form["name"] = json!("😀".repeat(50));

    let data = app.anonymous().post("/api/auth/signup").json(form).await.expect(201).data();

    assert_eq!(data["username"], long);
    assert_eq!(data["name"], "😀".repeat(50));
}

#[tokio::test]
async fn a_username_and_an_email_are_taken_in_any_case() {
    let app = TestApp::start().await;
    let ana = app.sign_up("Ana").await;
    let sign_up = async |form: Value| app.anonymous().post("/api/auth/signup").json(form).await;

    let mut same_name = form(&ana.username.to_uppercase());
    same_name["email"] = json!(format!("{}@example.com", unique("else")));
    sign_up(same_name).await.refused(409, "username_taken");

    let mut same_email = form(&unique("else"));
    same_email["email"] = json!(format!(" {} ", ana.email.to_uppercase()));
    sign_up(same_email).await.refused(409, "email_taken");
}

#[tokio::test]
async fn of_twelve_signups_with_one_name_exactly_one_succeeds() {
    let app = TestApp::start().await;
    let username = unique("race");

    let replies = together(12, async |i| {
        let mut form = form(&username);
        form["email"] = json!(format!("{username}{i}@example.com"));
        app.anonymous().post("/api/auth/signup").json(form).await
    })
    .await;

    assert_eq!(replies.iter().filter(|reply| reply.status == 201).count(), 1, "{replies:?}");
    assert_eq!(replies.iter().filter(|reply| reply.status == 409).count(), 11, "{replies:?}");
}

#[tokio::test]
async fn one_signs_in_with_email_or_username_in_any_case() {
    let app = TestApp::start().await;
    let ana = app.sign_up("Ana").await;

    for login in [
        json!({"username": ana.username}),
        json!({"username": format!(" {} ", ana.username.to_uppercase())}),
        json!({"email": ana.email}),
        json!({"email": format!(" {} ", ana.email.to_uppercase())}),
    ] {
        let mut form = login;
        form["password"] = json!(PASSWORD);
        let reply = app.anonymous().post("/api/auth/login").json(form).await.expect(200);

        let data = reply.data();
        assert_eq!(reply.message(), "Login successful");
        assert_eq!(fields(&data), ["_id", "accessToken", "email", "name", "username"]);
        assert_eq!(data["_id"], ana.id);
        let me = app.bearing(data["accessToken"].as_str()).get("/api/users/me").await.expect(200).data();
        assert_eq!(me["_id"], ana.id);
    }
}

#[tokio::test]
async fn an_unknown_user_and_a_wrong_password_are_answered_alike() {
    let app = TestApp::start().await;
    let ana = app.sign_up("ana").await;
    let log_in = async |form: Value| {
        let mut reply =
            app.anonymous().post("/api/auth/login").json(form).await.refused(401, "invalid_credentials").json();
        reply["requestId"] = Value::Null;
        reply
    };

    let wrong = log_in(json!({"username": ana.username, "password": "not my password"})).await;

    for unknown in [
        json!({"username": unique("nobody"), "password": PASSWORD}),
        json!({"email": format!("{}@example.com", unique("nobody")), "password": PASSWORD}),
        json!({"email": "no address at all @", "password": PASSWORD}),
        json!({"username": "!", "password": "x"}),
        json!({"username": ana.username, "password": ""}),
        json!({"username": ana.username, "password": "x".repeat(5000)}),
    ] {
        assert_eq!(log_in(unknown).await, wrong);
    }
}

#[tokio::test]
async fn a_login_says_what_it_lacks() {
    let app = TestApp::start().await;
    let log_in = async |form: Value| app.anonymous().post("/api/auth/login").json(form).await;

    log_in(json!({"username": "somebody"})).await.names(&["password"]);
    log_in(json!({"username": "somebody", "password": {"$gt": ""}})).await.names(&["password"]);
    log_in(json!({"username": {"$gt": ""}, "password": PASSWORD})).await.names(&["username"]);
    log_in(json!({"password": PASSWORD})).await.expect(400);
}

#[tokio::test]
async fn every_character_of_a_long_password_counts() {
    let app = TestApp::start().await;
    let username = unique("ana");
    let password = "é".repeat(127);
    let mut form = form(&username);
    form["password"] = json!(format!("{password}x"));
    app.anonymous().post("/api/auth/signup").json(form).await.expect(201);

    let log_in = |last: &str| {
        let form = json!({"username": username, "password": format!("{password}{last}")});
        app.anonymous().post("/api/auth/login").json(form)
    };

    log_in("x").await.expect(200);
    log_in("y").await.expect(401);
    log_in("").await.expect(401);
}

fn is_id(text: &str) -> bool {
    text.len() == 24 && text.bytes().all(|c| c.is_ascii_digit() || (b'a'..=b'f').contains(&c))
}
