//! Everything that people do at an Echo, once.

use reqwest::multipart::Form;
use serde_json::json;

use crate::{
    app::{PASSWORD, Person, Post, TestApp},
    client::{Blocks, file},
    picture,
};

pub async fn everything(app: &TestApp) {
    let (ana, bob) = tokio::join!(app.sign_up("ana"), app.sign_up("bob"));
    // Who has read their home timeline is pushed to.
    bob.follow(&ana).await;
    bob.get("/api/feed").await.expect(200);
    let post = publish(&ana).await;
    read(&bob, &ana, &post).await;
    react(&bob, &post).await;
    go_wrong(app, &bob).await;
    come_and_go(app, &bob).await;
    ana.delete(&post.path()).await.expect(200);
    ana.delete("/api/users/me").json(json!({"password": PASSWORD})).await.expect(200);
}

async fn publish(ana: &Person) -> Post {
    ana.publish("Good morning").await;
    ana.upload(picture::png(40, 30)).await;
    let profile = Form::new().part("profilePicture", file(picture::png(64, 64)));
    ana.patch("/api/users/profile").form(profile).await.expect(200);
    let form = Form::new().text_block(0, "The sea, at six").image_block(1, picture::png(700, 500));
    Post::from(&ana.post("/api/posts").form(form).await.expect(201).data())
}

async fn read(bob: &Person, ana: &Person, post: &Post) {
    let image = bob.view(post).await["content"][1]["value"].as_str().unwrap().to_owned();
    let pages = ["/api/posts", "/api/feed", "/api/users/me", "/api/users/search?query=ana", "/api/auth/sessions"];
    for path in pages.map(str::to_owned).into_iter().chain([ana.path(), format!("{}/posts", ana.path()), image]) {
        bob.get(&path).await.expect(200);
    }
    bob.get(&format!("/api/feed/explain?post={}", post.id)).await.expect(200);
}

async fn react(bob: &Person, post: &Post) {
    bob.like(post).await;
    bob.comment(post, "Lovely").await;
    bob.get(&post.at("likes")).await.expect(200);
    bob.get(&post.at("comments")).await.expect(200);
}

/// What people do that is refused.
async fn go_wrong(app: &TestApp, bob: &Person) {
    let wrong = json!({"username": bob.username, "password": "not that one", "cookie": false});
    app.anonymous().post("/api/auth/login").json(wrong).await.expect(401);
    app.anonymous().get("/api/feed").await.expect(401);
    bob.get("/api/posts/0123456789abcdef01234567").await.expect(404);
    let no_image = Form::new().part("file", file(b"no image".to_vec()));
    bob.post("/api/media").form(no_image).await.expect(415);
}

/// A session of its own is refreshed, and ends.
async fn come_and_go(app: &TestApp, bob: &Person) {
    let phone = app.log_in(&bob.username, PASSWORD).await;
    phone.post("/api/auth/refresh").json(json!({"refreshToken": phone.refresh_token})).await.expect(200);
    phone.post("/api/auth/logout").await.expect(200);
    let change = json!({"currentPassword": PASSWORD, "newPassword": "nine grey herons"});
    bob.post("/api/auth/password").json(change).await.expect(200);
}
