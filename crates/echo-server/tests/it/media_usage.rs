//! What images take: as much as an account may keep and as the disk has room for, and what `echod` says of it.

use reqwest::multipart::Form;
use serde_json::{Value, json};

use crate::{
    app::{Person, text},
    cli::said,
    client::{Blocks, Reply, file},
    echod::OwnServer,
    picture::{noise, png},
};

async fn upload(person: &Person, bytes: Vec<u8>) -> Reply {
    person.post("/api/media").form(Form::new().part("file", file(bytes))).await
}

fn used(server: &OwnServer) -> Value {
    serde_json::from_str(&said(&server.run(&["media", "usage", "--json"], ""))).unwrap()
}

#[tokio::test]
async fn an_account_has_a_quota_and_room_again_after_deleting() {
    let Some(mut server) = OwnServer::start().await else { return };
    let (ana, ben) = (server.sign_up("ana").await, server.sign_up("ben_").await);
    let form = |picture| Form::new().text_block(0, "look").image_block(1, picture);
    let picture = png(200, 200);
    let post = ana.post("/api/posts").form(form(picture.clone())).await.expect(201).data();
    let kept = used(&server)["bytes"].as_u64().unwrap();
    server.restart_with(&[("MEDIA_QUOTA", &(kept + kept / 2).to_string())]);

    // Also when no more bytes are kept for it.
    upload(&ana, picture.clone()).await.refused(507, "media_quota_exceeded");
    ana.post("/api/posts").form(form(picture.clone())).await.refused(507, "media_quota_exceeded");
    upload(&ben, picture.clone()).await.expect(201);

    ana.delete(&format!("/api/posts/{}", text(&post["_id"]))).await.expect(200);
    let again = async || upload(&ana, picture.clone()).await.status == 201;
    crate::app::eventually("there is room again", std::time::Duration::from_secs(30), again).await;
}

#[tokio::test]
async fn a_disk_that_is_too_full_takes_no_image_and_all_else() {
    let Some(mut server) = OwnServer::start().await else { return };
    let ana = server.sign_up("ana").await;
    let url = text(&ana.upload(png(20, 20)).await["url"]);
    server.restart_with(&[("MEDIA_MAX_DISK_PERCENT", "0")]);

    upload(&ana, png(20, 20)).await.refused(507, "storage_full");
    let form = Form::new().text_block(0, "look").image_block(1, png(20, 20));
    ana.post("/api/posts").form(form).await.refused(507, "storage_full");

    let post = ana.publish("hello").await;
    ana.like(&post).await;
    let path = url.split_once("/media/").unwrap().1;
    server.anonymous().get(&format!("/media/{path}")).await.expect(200);
    server.anonymous().get("/api/posts").await.expect(200);
}

#[tokio::test]
async fn a_disk_with_no_byte_left_takes_no_image_and_all_else() {
    let Some(server) = OwnServer::start_on_a_disk_of(512).await else { return };
    let ana = server.sign_up("ana").await;
    let picture = |seed| Form::new().image_block(0, noise(seed));
    let mut posts = Vec::new();
    let refused = loop {
        let reply = ana.post("/api/posts").form(picture(posts.len() as u64)).await;
        if reply.status != 201 {
            break reply;
        }
        posts.push(reply.data());
    };

    refused.refused(507, "storage_full");
    ana.publish("hello").await;
    let shown = text(&posts[0]["content"][0]["value"]);
    server.anonymous().get(&format!("/media/{}", shown.split_once("/media/").unwrap().1)).await.expect(200);

    for post in &posts {
        ana.delete(&format!("/api/posts/{}", text(&post["_id"]))).await.expect(200);
    }
    // What was not taken left nothing: there is room for as many as before.
    for n in 0..posts.len() as u64 {
        let again = async || ana.post("/api/posts").form(picture(100 + n)).await.status == 201;
        crate::app::eventually("there is room again", std::time::Duration::from_secs(30), again).await;
    }
}

#[tokio::test]
async fn what_the_room_goes_to_is_told_while_it_is_served() {
    let Some(server) = OwnServer::start().await else { return };
    let (ana, ben) = (server.sign_up("ana").await, server.sign_up("ben_").await);
    let picture = png(100, 100);
    let form = Form::new().image_block(0, picture.clone()).image_block(1, picture.clone());
    ana.post("/api/posts").form(form).await.expect(201);
    ben.post("/api/posts").form(Form::new().image_block(0, picture)).await.expect(201);
    ben.upload(png(60, 60)).await;
    let face = Form::new().part("profilePicture", file(png(30, 30)));
    ben.patch("/api/users/profile").form(face).await.expect(200);

    let used = used(&server);

    let images = |heap: &str| used["shownBy"][heap]["images"].as_u64().unwrap();
    assert_eq!((images("posts"), images("profile pictures"), images("nothing yet")), (3, 1, 1));
    assert_eq!(used["age"]["up to a day"]["images"], 5);
    assert_eq!((&used["sets"], &used["unmeasured"], &used["elsewhere"]), (&json!(3), &json!(0), &json!(0)));
    let bytes = |heap: &str| used["shownBy"][heap]["bytes"].as_u64().unwrap();
    let counted = bytes("posts") + bytes("profile pictures") + bytes("nothing yet");
    let (kept, saved) = (used["bytes"].as_u64().unwrap(), used["saved"].as_u64().unwrap());
    assert_eq!(counted, kept + saved);
    assert_eq!(saved, bytes("posts") / 3 * 2);
    let people = used["people"].as_array().unwrap();
    let theirs: u64 = people.iter().map(|it| it["bytes"].as_u64().unwrap()).sum();
    assert_eq!((people.len(), theirs), (2, counted));
    let told = said(&server.run(&["media", "usage", "--people", "1"], ""));
    assert!(told.contains("profile pictures") && told.contains("saved by keeping equal ones once"), "{told}");
    assert_eq!(told.matches(&ana.username).count() + told.matches(&ben.username).count(), 1, "{told}");
}
