//! Profiles: shown and changed.

use std::time::Duration;

use reqwest::multipart::Form;
use serde_json::{Value, json};

use crate::{
    app::{PASSWORD, TestApp, eventually, fields, ids, text, together, unique},
    client::file,
    hostile::NOBODY,
    picture::png,
};

const NO_PICTURE: fn() -> Value = || json!({"secure_url": "", "public_id": ""});

#[tokio::test]
async fn the_own_profile_shows_everything() {
    let app = TestApp::start().await;
    let (ana, bob) = (app.sign_up("ana").await, app.sign_up("bob_").await);
    ana.follow(&bob).await;
    ana.publish("hello").await;

    let me = ana.get("/api/users/me").await.expect(200).data();

    let expected = "_id bio createdAt email followers followersCount following followingCount name postsCount \
                    profilePicture role updatedAt username";
    assert_eq!(fields(&me), expected.split_whitespace().collect::<Vec<_>>());
    assert_eq!((&me["_id"], &me["username"], &me["email"]), (&json!(ana.id), &json!(ana.username), &json!(ana.email)));
    assert_eq!((&me["name"], &me["bio"], &me["role"]), (&json!("ana"), &json!(""), &json!("user")));
    assert_eq!(fields(&me["profilePicture"]), ["public_id", "secure_url"]);
    assert_eq!((&me["followers"], &me["following"]), (&json!([]), &json!([bob.id])));
    assert_eq!((&me["followersCount"], &me["followingCount"], &me["postsCount"]), (&json!(0), &json!(1), &json!(1)));
}

#[tokio::test]
async fn anothers_profile_hides_the_address_and_tells_how_we_stand() {
    let app = TestApp::start().await;
    let (ana, bob) = (app.sign_up("ana").await, app.sign_up("bob_").await);
    bob.follow(&ana).await;
    let posts = [ana.publish("one").await, ana.publish("two").await];

    let profile = bob.get(&ana.path()).await.expect(200).data();

    let expected = "_id bio createdAt followers followersCount following followingCount followsYou isFollowing name \
                    nextPostsCursor posts postsCount profilePicture updatedAt username";
    let found: Vec<_> = fields(&profile).into_iter().filter(|field| field != "role").collect();
    assert_eq!(found, expected.split_whitespace().collect::<Vec<_>>());
    assert_eq!(fields(&profile["followers"][0]), ["_id", "name", "profilePicture", "username"]);
    assert_eq!(profile["followers"][0]["_id"], bob.id);
    assert_eq!((&profile["isFollowing"], &profile["followsYou"]), (&json!(true), &json!(false)));
    assert_eq!(ids(&profile["posts"]), [posts[1].id.as_str(), &posts[0].id]);
    assert_eq!(profile["nextPostsCursor"], Value::Null);
    let the_other_way = ana.get(&bob.path()).await.expect(200).data();
    assert_eq!((&the_other_way["isFollowing"], &the_other_way["followsYou"]), (&json!(false), &json!(true)));
    bob.get(&format!("/api/users/{NOBODY}")).await.refused(404, "user_not_found");
}

#[tokio::test]
async fn a_profile_shows_the_newest_twenty_posts_and_where_they_go_on() {
    let app = TestApp::start().await;
    let ana = app.sign_up("ana").await;
    let mut posts = Vec::new();
    for i in 0..23 {
        posts.insert(0, ana.publish(&format!("post {i}")).await.id);
    }

    let profile = ana.get(&ana.path()).await.expect(200).data();
    let cursor = text(&profile["nextPostsCursor"]);
    let rest = ana.get(&format!("{}/posts?cursor={cursor}", ana.path())).await.expect(200).data();

    assert_eq!((ids(&profile["posts"]), ids(&rest["items"])), (posts[..20].to_vec(), posts[20..].to_vec()));
    assert_eq!((&profile["postsCount"], &rest["nextCursor"]), (&json!(23), &Value::Null));
}

#[tokio::test]
async fn a_profile_is_changed_as_json() {
    let app = TestApp::start().await;
    let ana = app.sign_up("ana").await;
    let (username, email) = (unique("Anna"), format!("{}@example.com", unique("anna")));
    let change =
        json!({"name": "Anna 😀", "bio": " I write.\nA lot. ", "username": username, "email": email.to_uppercase()});

    let reply = ana.patch("/api/users/profile").json(change).await.expect(200);

    let me = reply.data();
    assert_eq!(reply.message(), "Profile updated successfully");
    assert_eq!((&me["name"], &me["bio"]), (&json!("Anna 😀"), &json!("I write.\nA lot.")));
    assert_eq!((&me["username"], &me["email"]), (&json!(username), &json!(email)));
    assert_eq!(ana.get("/api/users/me").await.expect(200).data(), me);
    app.log_in(&username.to_lowercase(), PASSWORD).await;
    let old = json!({"username": ana.username, "password": PASSWORD});
    app.anonymous().post("/api/auth/login").json(old).await.expect(401);
}

#[tokio::test]
async fn what_is_left_out_of_a_change_stays() {
    let app = TestApp::start().await;
    let ana = app.sign_up("ana").await;
    ana.patch("/api/users/profile").json(json!({"bio": "here to stay"})).await.expect(200);

    ana.patch("/api/users/profile").json(json!({"name": "Anna"})).await.expect(200);
    ana.patch("/api/users/profile").json(json!({})).await.expect(200);

    let me = ana.get("/api/users/me").await.expect(200).data();
    assert_eq!(
        (&me["name"], &me["bio"], &me["username"]),
        (&json!("Anna"), &json!("here to stay"), &json!(ana.username))
    );
}

#[tokio::test]
async fn a_new_name_shows_on_old_posts_within_a_second() {
    let app = TestApp::start().await;
    let ana = app.sign_up("ana").await;
    let post = ana.publish("hello").await;
    let username = unique("anna");

    ana.patch("/api/users/profile").json(json!({"username": username})).await.expect(200);

    let renamed = async || app.anonymous().view(&post).await["user"]["username"] == username;
    eventually("the post shows the new name", Duration::from_secs(1), renamed).await;
}

#[tokio::test]
async fn of_many_new_names_at_once_one_is_shown_everywhere() {
    let app = TestApp::start().await;
    let ana = app.sign_up("ana").await;
    let rename = async |i: usize| {
        // With a picture it takes longer from the account to the profile.
        let form = Form::new().text("username", unique("anna"));
        let form = if i.is_multiple_of(2) { form.part("profilePicture", file(png(8, 8))) } else { form };
        ana.patch("/api/users/profile").form(form).await.expect(200)
    };

    for _ in 0..5 {
        together(20, rename).await;

        let agreed = async || {
            let name = text(&ana.get("/api/users/me").await.expect(200).data()["username"]);
            let found = ana.get(&format!("/api/users/search?query={name}")).await.expect(200).data();
            let login = app.anonymous().post("/api/auth/login").json(json!({"username": name, "password": PASSWORD}));
            ana.get(&ana.path()).await.expect(200).data()["username"] == name
                && ids(&found["users"]) == [ana.id.as_str()]
                && login.await.status == 200
        };
        eventually("the account, the profile and the search agree", Duration::from_secs(5), agreed).await;
    }
}

#[tokio::test]
async fn a_new_picture_replaces_the_old_one() {
    let app = TestApp::start().await;
    let ana = app.sign_up("ana").await;
    let post = ana.publish("hello").await;
    let form = |picture| Form::new().text("bio", "with a face").part("profilePicture", file(picture));

    let first = ana.patch("/api/users/profile").form(form(png(40, 40))).await.expect(200).data();
    let first = text(&first["profilePicture"]["secure_url"]);
    app.anonymous().get(&first).await.expect(200);
    let me = ana.patch("/api/users/profile").form(form(png(900, 500))).await.expect(200).data();

    assert_eq!(me["bio"], "with a face");
    let second = text(&me["profilePicture"]["secure_url"]);
    assert_ne!(first, second);
    assert_ne!(me["profilePicture"]["public_id"], "");
    let shown = app.anonymous().get(&second).await.expect(200).body;
    let shown = image::load_from_memory(&shown).unwrap();
    assert_eq!((shown.width(), shown.height()), (400, 400));
    let gone = async || app.anonymous().get(&first).await.status == 404;
    eventually("the old picture is deleted", Duration::from_secs(60), gone).await;
    let shown = async || app.anonymous().view(&post).await["user"]["profilePicture"] == me["profilePicture"];
    eventually("the post shows the new picture", Duration::from_secs(1), shown).await;
}

#[tokio::test]
async fn a_refused_change_changes_nothing() {
    let app = TestApp::start().await;
    let (ana, bob) = (app.sign_up("ana").await, app.sign_up("bob_").await);
    let before = ana.get("/api/users/me").await.expect(200).data();
    let form = Form::new().text("bio", "new").text("username", bob.username.to_uppercase());

    ana.patch("/api/users/profile")
        .form(form.part("profilePicture", file(png(8, 8))))
        .await
        .refused(409, "username_taken");
    ana.patch("/api/users/profile").json(json!({"bio": "new", "email": bob.email})).await.refused(409, "email_taken");
    let bad = json!({"name": "", "bio": "x".repeat(301), "username": "a b", "email": "nowhere"});
    ana.patch("/api/users/profile").json(bad).await.names(&["bio", "email", "name", "username"]);
    let no_image = Form::new().text("bio", "new").part("profilePicture", file(b"no image".to_vec()));
    ana.patch("/api/users/profile").form(no_image).await.expect(415);

    assert_eq!(ana.get("/api/users/me").await.expect(200).data(), before);
    assert_eq!(before["profilePicture"], NO_PICTURE());
}
