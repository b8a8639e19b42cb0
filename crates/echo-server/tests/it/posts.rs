//! Posts: made, shown, deleted.

use reqwest::multipart::Form;
use serde_json::{Value, json};

use crate::{
    app::{Post, TestApp, fields, text},
    client::{Blocks, file},
    hostile::NOBODY,
    picture::png,
};

const POST: &str = "_id commentCount comments content createdAt isLiked likeCount likes updatedAt user";

fn values(post: &Value) -> Vec<String> {
    post["content"].as_array().unwrap().iter().map(|block| text(&block["value"])).collect()
}

#[tokio::test]
async fn a_new_post_is_answered_whole() {
    let app = TestApp::start().await;
    let ana = app.sign_up("ana").await;
    let body = json!({"content": [{"type": "text", "value": " Good 😀 morning\n"}, {"type": "text", "value": "bye"}]});

    let reply = ana.post("/api/posts").json(body).await.expect(201);

    let post = reply.data();
    assert_eq!(reply.message(), "Post created successfully");
    assert_eq!(fields(&post), POST.split_whitespace().collect::<Vec<_>>());
    assert_eq!(post["user"], ana.id);
    assert_eq!(values(&post), ["Good 😀 morning", "bye"]);
    assert_eq!(fields(&post["content"][0]), ["_id", "type", "value"]);
    assert_eq!((&post["likes"], &post["comments"]), (&json!([]), &json!([])));
    assert_eq!((&post["likeCount"], &post["commentCount"], &post["isLiked"]), (&json!(0), &json!(0), &json!(false)));
}

#[tokio::test]
async fn a_post_is_there_for_everyone() {
    let app = TestApp::start().await;
    let ana = app.sign_up("ana").await;
    let post = ana.publish("hello").await;

    let reply = app.anonymous().get(&post.path()).await.expect(200);

    let view = reply.data();
    assert_eq!(reply.message(), "Post retrieved successfully");
    assert_eq!(fields(&view), POST.split_whitespace().collect::<Vec<_>>());
    assert_eq!(fields(&view["user"]), ["_id", "profilePicture", "username"]);
    assert_eq!((&view["user"]["_id"], &view["user"]["username"]), (&json!(ana.id), &json!(ana.username)));
    app.anonymous().get(&format!("/api/posts/{NOBODY}")).await.refused(404, "post_not_found");
}

#[tokio::test]
async fn blocks_are_in_the_order_of_their_numbers_whatever_order_they_arrive_in() {
    let app = TestApp::start().await;
    let ana = app.sign_up("ana").await;
    let numbers = [10, 2, 9, 0, 11, 1];
    let shuffled =
        numbers.iter().fold(Form::new(), |form, i| form.text(format!("content[{i}][value]"), format!("{i}")));
    let form = numbers.iter().rev().fold(shuffled, |form, i| form.text(format!("content[{i}][type]"), "text"));

    let post = ana.post("/api/posts").form(form).await.expect(201).data();

    assert_eq!(values(&post), ["0", "1", "2", "9", "10", "11"]);
    assert_eq!(values(&ana.view(&Post::from(&post)).await), ["0", "1", "2", "9", "10", "11"]);
}

#[tokio::test]
async fn an_image_block_carries_what_is_needed_to_show_it() {
    let app = TestApp::start().await;
    let ana = app.sign_up("ana").await;
    let form = Form::new().text_block(0, "look").image_block(1, png(700, 350)).text("content[1][alt]", "a gradient");

    let post = ana.post("/api/posts").form(form).await.expect(201).data();

    let image = &post["content"][1];
    assert_eq!(fields(image), ["_id", "alt", "blurhash", "height", "public_id", "type", "value", "variants", "width"]);
    assert_eq!((&image["width"], &image["height"], &image["alt"]), (&json!(700), &json!(350), &json!("a gradient")));
    assert!(text(&image["blurhash"]).len() >= 6, "{image}");
    app.anonymous().get(&text(&image["value"])).await.expect(200);
    let variants = image["variants"].as_array().unwrap();
    assert!(!variants.is_empty(), "{image}");
    for variant in variants {
        assert!(variant["width"].as_u64().is_some_and(|width| width <= 700), "{variant}");
        app.anonymous().get(&text(&variant["url"])).await.expect(200);
    }
    assert_eq!(ana.view(&Post::from(&post)).await["content"], post["content"]);
}

#[tokio::test]
async fn a_json_post_shows_images_uploaded_before() {
    let app = TestApp::start().await;
    let (ana, eve) = (app.sign_up("ana").await, app.sign_up("eve_").await);
    let image = ana.upload(png(30, 20)).await;
    let body = json!({"content": [{"type": "image", "value": image["_id"]}, {"type": "text", "value": "mine"}]});

    eve.post("/api/posts").json(body.clone()).await.names(&["content[0].value"]);
    let post = ana.post("/api/posts").json(body.clone()).await.expect(201).data();

    assert_eq!(post["content"][0]["value"], image["url"]);
    assert_eq!((&post["content"][0]["width"], &post["content"][0]["height"]), (&json!(30), &json!(20)));
    ana.post("/api/posts").json(body).await.names(&["content[0].value"]);
}

#[tokio::test]
async fn what_is_wrong_with_a_form_is_told_by_block() {
    let app = TestApp::start().await;
    let ana = app.sign_up("ana").await;
    let publish = async |form: Form| ana.post("/api/posts").form(form).await;
    let good = || Form::new().text_block(0, "good");

    publish(Form::new().text("something", "else")).await.names(&["content"]);
    publish(good().text("content[3][type]", "video").text("content[3][value]", "x")).await.names(&["content[3].type"]);
    publish(good().text("content[3][value]", "x")).await.names(&["content[3].type"]);
    publish(good().text_block(3, " \n ")).await.names(&["content[3].value"]);
    publish(good().text("content[3][type]", "text")).await.names(&["content[3].value"]);
    publish(good().text_block(3, &"é".repeat(5001))).await.names(&["content[3].value"]);
    publish(good().text_block(3, "a\0b")).await.names(&["content[3].value"]);
    publish(good().text("content[3][type]", "image")).await.names(&["content[3].value"]);
    publish(good().image_block(3, Vec::new())).await.names(&["content[3].value"]);
    publish(good().image_block(3, png(8, 8)).text("content[3][alt]", "x".repeat(1001)))
        .await
        .names(&["content[3].alt"]);
    publish((0..21).fold(Form::new(), |form, i| form.text_block(i, "x"))).await.names(&["content"]);
    publish((0..20).fold(Form::new(), |form, i| form.text_block(i, &"é".repeat(5000)))).await.expect(201);
}

#[tokio::test]
async fn what_is_wrong_with_a_json_post_is_told_by_block() {
    let app = TestApp::start().await;
    let ana = app.sign_up("ana").await;
    let publish = async |content: Value| ana.post("/api/posts").json(json!({"content": content})).await;
    let good = json!({"type": "text", "value": "good"});

    ana.post("/api/posts").json(json!({})).await.names(&["content"]);
    publish(json!([])).await.names(&["content"]);
    publish(json!("text")).await.names(&["content"]);
    publish(json!([good, {"type": "video", "value": "x"}])).await.names(&["content[1].type"]);
    publish(json!([good, {"type": "text", "value": " "}])).await.names(&["content[1].value"]);
    publish(json!([good, {"type": "text", "value": {"a": 1}}])).await.names(&["content[1].value"]);
    publish(json!([good, {"type": "text"}])).await.names(&["content[1].value"]);
    publish(json!([good, {"type": "image", "value": "nonsense"}])).await.names(&["content[1].value"]);
    publish(json!([good, {"type": "image", "value": NOBODY}])).await.names(&["content[1].value"]);
    publish(json!(vec![good; 21])).await.names(&["content"]);
}

#[tokio::test]
async fn a_failed_upload_leaves_neither_post_nor_image() {
    let app = TestApp::start().await;
    let ana = app.sign_up("ana").await;
    let uploaded = ana.upload(png(16, 16)).await;
    let form = Form::new()
        .text("content[0][type]", "image")
        .text("content[0][value]", text(&uploaded["_id"]))
        .image_block(1, png(24, 24))
        .image_block(2, b"no image at all".to_vec());

    ana.post("/api/posts").form(form).await.refused(415, "unsupported_file");

    assert_eq!(ana.get("/api/users/me").await.expect(200).data()["postsCount"], 0);
    assert_eq!(app.anonymous().walk(&format!("{}/posts", ana.path()), 10, |_| false).await, Vec::<Value>::new());
    // What was uploaded before is free again.
    let body = json!({"content": [{"type": "image", "value": uploaded["_id"]}]});
    ana.post("/api/posts").json(body).await.expect(201);
}

#[tokio::test]
async fn a_post_is_deleted_by_its_author_only_and_is_gone_for_everyone() {
    let app = TestApp::start().await;
    let (ana, eve) = (app.sign_up("ana").await, app.sign_up("eve_").await);
    let post = ana.publish("hello").await;
    eve.comment(&post, "nice").await;
    eve.like(&post).await;

    eve.delete(&post.path()).await.refused(403, "not_yours");
    app.anonymous().delete(&post.path()).await.expect(401);
    let reply = ana.delete(&post.path()).await.expect(200);

    assert_eq!(reply.data(), Value::Null);
    for path in [post.path(), post.at("comments"), post.at("likes")] {
        app.anonymous().get(&path).await.refused(404, "post_not_found");
    }
    eve.put(&post.at("like")).await.refused(404, "post_not_found");
    ana.delete(&post.path()).await.refused(404, "post_not_found");
    assert_eq!(ana.get("/api/users/me").await.expect(200).data()["postsCount"], 0);
}

#[tokio::test]
async fn a_file_where_a_text_belongs_is_read_as_text() {
    let app = TestApp::start().await;
    let ana = app.sign_up("ana").await;
    let form = Form::new().text("content[0][type]", "text").part("content[0][value]", file(vec![0xff, 0xfe]));

    ana.post("/api/posts").form(form).await.names(&["content[0].value"]);
}
