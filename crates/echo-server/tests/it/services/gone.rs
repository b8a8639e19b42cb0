//! A service is gone: what others do goes on.

use std::time::Duration;

use reqwest::multipart::Form;
use serde_json::json;

use crate::{
    app::{PASSWORD, Person, eventually, ids, unique},
    client::Blocks,
    picture::png,
};

use super::Services;

/// When a service is used again after its restart: breakers try again by then.
const BACK: Duration = Duration::from_secs(20);

/// Two people, of whom the first follows the other, and has looked at their only post.
async fn two(services: &Services) -> (Person, Person) {
    let (ana, bob) = (services.front.sign_up("ana").await, services.front.sign_up("bob").await);
    ana.follow(&bob).await;
    bob.publish("known").await;
    eventually("the post is in the feed", BACK, async || !feed(&ana).await.is_empty()).await;
    (ana, bob)
}

async fn feed(person: &Person) -> Vec<String> {
    ids(&person.get("/api/feed").await.expect(200).data()["items"])
}

#[tokio::test]
async fn without_users_the_feed_goes_on_with_the_authors_that_are_known() {
    let Some(mut services) = Services::start().await else { return };
    let (ana, bob) = two(&services).await;
    let before = ana.get("/api/feed").await.expect(200).data();

    services.of("users").kill();

    assert_eq!(ana.get("/api/feed").await.expect(200).data(), before);
    assert_eq!(before["items"][0]["user"]["username"], bob.username.as_str());
    assert!(
        !services.front.anonymous().get("/api/posts").await.expect(200).data()["posts"].as_array().unwrap().is_empty()
    );
    let bob = services.front.log_in(&bob.username, PASSWORD).await;
    bob.publish("without users").await;
    let refused = ana.get("/api/users/me").await.expect(503);
    assert!(refused.header("retry-after").parse::<u64>().is_ok(), "{refused}");
    services.of("users").restart();
    let works = async || ana.get("/api/users/me").await.status == 200;
    eventually("they are asked again", BACK, works).await;
    eventually("what was published meanwhile is pushed", BACK, async || feed(&ana).await.len() == 2).await;
}

#[tokio::test]
async fn without_media_texts_are_published_and_pictures_leave_nothing() {
    let Some(mut services) = Services::start().await else { return };
    let ana = services.front.sign_up("ana").await;
    services.of("media").kill();

    let text = ana.publish("only text").await;
    let form = Form::new().text_block(0, "look").image_block(1, png(64, 48));
    let refused = ana.post("/api/posts").form(form).await.expect(503);

    assert!(refused.header("retry-after").parse::<u64>().is_ok(), "{refused}");
    assert_eq!(ids(&ana.get(&format!("{}/posts", ana.path())).await.data()["items"]), [&*text.id]);
    services.of("media").restart();
    let form = || Form::new().text_block(0, "look").image_block(1, png(64, 48));
    let works = async || ana.post("/api/posts").form(form()).await.status == 201;
    eventually("pictures are taken again", BACK, works).await;
    let posts = ana.get(&format!("{}/posts", ana.path())).await.data();
    assert_eq!(posts["items"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn without_auth_who_is_signed_in_goes_on() {
    let Some(mut services) = Services::start().await else { return };
    let (ana, bob) = two(&services).await;
    ana.get("/api/users/me").await.expect(200);
    services.of("auth").kill();

    let post = ana.publish("still here").await;
    bob.like(&post).await;
    bob.comment(&post, "me, too").await;
    assert_eq!(feed(&ana).await.len(), 2);
    ana.patch("/api/users/profile").json(json!({"bio": "still here"})).await.expect(200);
    assert_eq!(ana.get("/api/users/me").await.expect(200).data()["email"], ana.email.as_str());
    bob.get(&ana.path()).await.expect(200);
    let login = json!({"username": ana.username, "password": PASSWORD});
    let refused = services.front.anonymous().post("/api/auth/login").json(login.clone()).await.expect(503);
    assert!(refused.header("retry-after").parse::<u64>().is_ok(), "{refused}");
    services.of("auth").restart();
    let works = async || services.front.anonymous().post("/api/auth/login").json(login.clone()).await.status == 200;
    eventually("people sign in again", BACK, works).await;
}

#[tokio::test]
async fn without_posts_only_what_is_about_posts_fails() {
    let Some(mut services) = Services::start().await else { return };
    let (ana, bob) = two(&services).await;
    services.of("posts").kill();

    ana.get("/api/posts").await.expect(503);
    ana.get("/api/feed").await.expect(503);
    ana.get("/api/users/me").await.expect(200);
    ana.get(&bob.path()).await.expect(200);
    ana.get(&format!("/api/users/search?query={}", bob.username)).await.expect(200);
    ana.get(&format!("{}/followers", bob.path())).await.expect(200);
    ana.patch(&format!("{}/unfollow", bob.path())).await.expect(200);
    ana.patch("/api/users/profile").json(json!({"bio": "no posts"})).await.expect(200);
    ana.upload(png(64, 48)).await;
    let name = unique("carl");
    let form = json!({"name": "Carl", "username": name, "email": format!("{name}@example.com"), "password": PASSWORD});
    services.front.anonymous().post("/api/auth/signup").json(form).await.expect(201);
    services.of("posts").restart();
    let works = async || ana.get("/api/feed").await.status == 200;
    eventually("posts are read again", BACK, works).await;
}

#[tokio::test]
async fn without_workers_feeds_wait_and_lose_nothing() {
    let Some(mut services) = Services::start().await else { return };
    let (ana, bob) = two(&services).await;
    services.of("worker").kill();

    let missed = bob.publish("later").await;
    services.of("worker").restart();

    eventually("the post is pushed", BACK, async || feed(&ana).await.contains(&missed.id)).await;
}
