//! Taking everything along, and leaving for good.

use std::{
    collections::BTreeMap,
    io::{Cursor, Read},
    time::Duration,
};

use reqwest::multipart::Form;
use serde_json::{Value, json};

use crate::{
    app::{PASSWORD, Person, TestApp, eventually, ids, text},
    client::{Blocks, Reply, file},
    echod::OwnServer,
    picture::png,
    wire,
};

/// Within which what an account made is gone from every read, and within which its images are.
const GONE_WITHIN: Duration = Duration::from_secs(5);
const IMAGES_GONE_WITHIN: Duration = Duration::from_secs(60);

async fn leave(person: &Person, password: &str) -> Reply {
    person.delete("/api/users/me").json(json!({"password": password})).await
}

/// Every file of a ZIP by its name; checksums are checked as they are read.
fn unzip(bytes: Vec<u8>) -> BTreeMap<String, Vec<u8>> {
    let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).unwrap();
    (0..archive.len())
        .map(|i| {
            let mut file = archive.by_index(i).unwrap();
            let mut bytes = Vec::new();
            file.read_to_end(&mut bytes).unwrap();
            (file.name().unwrap().into_owned(), bytes)
        })
        .collect()
}

#[tokio::test]
async fn an_export_has_everything_that_one_made() {
    let app = TestApp::start().await;
    let (ana, bob) = (app.sign_up("ana").await, app.sign_up("bob_").await);
    let bobs = bob.publish("bob's").await;
    ana.follow(&bob).await;
    bob.follow(&ana).await;
    ana.like(&bobs).await;
    ana.comment(&bobs, "nice, bob 😀").await;
    let mut posts = Vec::new();
    for i in 0..120 {
        posts.insert(0, ana.publish(&format!("post {i}")).await.id);
    }
    let form = Form::new().image_block(0, png(40, 30));
    let with_image = ana.post("/api/posts").form(form).await.expect(201).data();
    posts.insert(0, text(&with_image["_id"]));
    let picture = Form::new().part("profilePicture", file(png(20, 20)));
    ana.patch("/api/users/profile").form(picture).await.expect(200);

    let reply = ana.get("/api/users/me/export").await.expect(200);

    assert_eq!(reply.header("content-type"), "application/zip");
    assert!(reply.header("content-disposition").starts_with("attachment"));
    let files = unzip(reply.body);
    let read = |name: &str| -> Value { serde_json::from_slice(&files[name]).unwrap() };
    assert_eq!((&read("profile.json")["email"], &read("profile.json")["_id"]), (&json!(ana.email), &json!(ana.id)));
    assert_eq!(ids(&read("posts.json")), posts);
    assert_eq!(
        (&read("comments.json")[0]["content"], &read("comments.json")[0]["post"]),
        (&json!("nice, bob 😀"), &json!(bobs.id))
    );
    assert_eq!(read("likes.json")[0]["post"], bobs.id);
    assert_eq!(ids(&read("followers.json")), [bob.id.as_str()]);
    assert_eq!(ids(&read("following.json")), [bob.id.as_str()]);
    let url = text(&with_image["content"][0]["value"]);
    let image = app.anonymous().get(&url).await.expect(200).body;
    let media: Vec<_> = files.iter().filter(|(name, _)| name.starts_with("media/")).collect();
    assert!(media.iter().any(|(_, bytes)| **bytes == image), "{:?}", files.keys());
    assert_eq!(media.len(), 2, "{:?}", files.keys());
    let secret = |bytes: &[u8]| String::from_utf8_lossy(bytes).contains("$argon2");
    assert!(!files.values().any(|bytes| secret(bytes)), "a password's hash is exported");
}

#[tokio::test]
async fn an_export_of_nothing_is_an_archive_too() {
    let app = TestApp::start().await;
    let ana = app.sign_up("ana").await;

    let files = unzip(ana.get("/api/users/me/export").await.expect(200).body);

    for name in ["posts.json", "comments.json", "likes.json", "followers.json", "following.json"] {
        assert_eq!(serde_json::from_slice::<Value>(&files[name]).unwrap(), json!([]), "{name}");
    }
}

#[tokio::test]
async fn leaving_takes_the_password() {
    let app = TestApp::start().await;
    let ana = app.sign_up("ana").await;

    leave(&ana, "not my password").await.refused(403, "wrong_password");
    ana.delete("/api/users/me").json(json!({})).await.names(&["password"]);

    ana.get("/api/users/me").await.expect(200);
}

#[tokio::test]
async fn whoever_left_is_gone_from_every_read() {
    let app = TestApp::start().await;
    let (ana, bob) = (app.sign_up("ana").await, app.sign_up("bob_").await);
    let bobs = bob.publish("bob's").await;
    ana.follow(&bob).await;
    bob.follow(&ana).await;
    ana.like(&bobs).await;
    bob.like(&bobs).await;
    ana.comment(&bobs, "nice").await;
    bob.comment(&bobs, "indeed").await;
    let form = Form::new().image_block(0, png(400, 300));
    let post = ana.post("/api/posts").form(form).await.expect(201).data();
    let face = ana.patch("/api/users/profile").form(Form::new().part("profilePicture", file(png(20, 20)))).await;
    let images = [text(&post["content"][0]["value"]), text(&face.expect(200).data()["profilePicture"]["secure_url"])];
    let post = crate::app::Post::from(&post);

    leave(&ana, PASSWORD).await.expect(200);

    let nobody = app.anonymous();
    let gone = async || {
        let view = nobody.view(&bobs).await;
        let me = bob.get("/api/users/me").await.expect(200).data();
        let feed = nobody.get("/api/posts?limit=100").await.expect(200).data();
        let found = bob.get(&format!("/api/users/search?query={}", ana.username)).await.expect(200).data();
        ana.get("/api/users/me").await.status == 401
            && bob.get(&ana.path()).await.status == 404
            && nobody.get(&format!("{}/posts", ana.path())).await.status == 404
            && nobody.get(&post.path()).await.status == 404
            && !ids(&feed["posts"]).contains(&post.id)
            && !ids(&bob.get("/api/feed").await.expect(200).data()["items"]).contains(&post.id)
            && found["users"] == json!([])
            && (&view["likeCount"], &view["likes"]) == (&json!(1), &json!([bob.id]))
            && (&view["commentCount"], view["comments"].as_array().map(Vec::len)) == (&json!(1), Some(1))
            && nobody.walk(&bobs.at("likes"), 100, |_| false).await.len() == 1
            && nobody.walk(&bobs.at("comments"), 100, |_| false).await.len() == 1
            && (&me["followersCount"], &me["followers"]) == (&json!(0), &json!([]))
            && (&me["followingCount"], &me["following"]) == (&json!(0), &json!([]))
            && nobody.walk(&format!("{}/followers", bob.path()), 100, |_| false).await.is_empty()
    };
    eventually("all that ana made is gone", GONE_WITHIN, gone).await;
    for login in
        [json!({"username": ana.username, "password": PASSWORD}), json!({"email": ana.email, "password": PASSWORD})]
    {
        nobody.post("/api/auth/login").json(login).await.refused(401, "invalid_credentials");
    }
    nobody.post("/api/auth/refresh").json(json!({"refreshToken": ana.refresh_token})).await.expect(403);
    for image in images {
        let gone = async || nobody.get(&image).await.status == 404;
        eventually("her images are gone", IMAGES_GONE_WITHIN, gone).await;
    }
    let form = json!({"name": "Ana II", "username": ana.username, "email": ana.email, "password": PASSWORD});
    let again = nobody.post("/api/auth/signup").json(form).await.expect(201).data();
    assert_ne!(again["_id"], ana.id);
}

#[tokio::test]
async fn whoever_left_before_a_crash_is_gone_after_it() {
    let Some(mut server) = OwnServer::start().await else { return };
    let (ana, bob) = (server.sign_up("ana").await, server.sign_up("bob_").await);
    let bobs = bob.publish("bob's").await;
    ana.like(&bobs).await;
    ana.comment(&bobs, "nice").await;
    let form = Form::new().image_block(0, png(40, 30));
    let post = ana.post("/api/posts").form(form).await.expect(201).data();
    let image = text(&post["content"][0]["value"]);

    leave(&ana, PASSWORD).await.expect(200);
    server.restart();

    let gone = async || {
        let view = bob.view(&bobs).await;
        (&view["likeCount"], &view["commentCount"]) == (&json!(0), &json!(0))
            && bob.get(&ana.path()).await.status == 404
            && bob.get(&format!("/api/posts/{}", text(&post["_id"]))).await.status == 404
    };
    eventually("all that ana made is gone", GONE_WITHIN, gone).await;
    let gone = async || server.anonymous().get(&image).await.status == 404;
    eventually("her image is gone", IMAGES_GONE_WITHIN, gone).await;
}

#[tokio::test]
async fn what_is_still_on_its_way_from_whoever_left_is_refused() {
    let Some(server) = OwnServer::start().await else { return };
    let bobs = server.sign_up("bob_").await.publish("bob's").await;
    let body = json!({"content": [{"type": "text", "value": "too late"}]}).to_string();
    let part =
        |name: &str, value: &str| format!("--b\r\nContent-Disposition: form-data; name={name}\r\n\r\n{value}\r\n");
    let form = part("content[0][type]", "text") + &part("content[0][value]", "too late") + "--b--";

    for (fields, body) in [
        ("Content-Type: application/json", &body),
        ("Content-Type: application/json\r\nIdempotency-Key: late", &body),
        ("Content-Type: multipart/form-data; boundary=b", &form),
    ] {
        let ana = server.sign_up("ana").await;
        let head = format!("POST /api/posts HTTP/1.1\r\nAuthorization: Bearer {}\r\n{fields}", ana.token());
        let post = wire::begin(&server, &head, body.len()).await;

        leave(&ana, PASSWORD).await.expect(200);

        assert_eq!(wire::finish(post, body.as_bytes()).await, Some(401), "{fields}");
    }
    let feed = server.anonymous().get("/api/posts").await.expect(200).data();
    assert_eq!((ids(&feed["posts"]), &feed["totalPosts"]), (vec![bobs.id], &json!(1)));
}
