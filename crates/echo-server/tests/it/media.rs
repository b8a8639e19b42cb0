//! Images: taken in, shown, gone.

use std::{fs, time::Duration};

use image::ImageFormat;
use reqwest::{Method, multipart::Form};
use serde_json::{Value, json};

use crate::{
    app::{Person, TestApp, eventually, fields, given_address, text},
    client::{Blocks, Reply, file},
    echod::OwnServer,
    picture::{bomb, encoded, png, sideways_jpeg_with_place},
};

async fn upload(person: &Person, bytes: Vec<u8>) -> Reply {
    person.post("/api/media").form(Form::new().part("file", file(bytes))).await
}

#[tokio::test]
async fn an_upload_is_answered_with_what_is_needed_to_show_it() {
    let app = TestApp::start().await;
    let ana = app.sign_up("ana").await;
    let form = Form::new().part("file", file(png(400, 300))).text("alt", " a gradient ");

    let image = ana.post("/api/media").form(form).await.expect(201).data();

    let shown: Vec<_> = fields(&image).into_iter().filter(|it| !["alt", "public_id"].contains(&it.as_str())).collect();
    assert_eq!(shown, ["_id", "blurhash", "height", "url", "variants", "width"]);
    assert_eq!((&image["width"], &image["height"]), (&json!(400), &json!(300)));
}

#[tokio::test]
async fn every_kind_of_image_is_taken_by_its_bytes_whatever_it_is_called() {
    let app = TestApp::start().await;
    let ana = app.sign_up("ana").await;

    for (format, kind) in [
        (ImageFormat::Png, "image/png"),
        (ImageFormat::Jpeg, "image/jpeg"),
        (ImageFormat::WebP, "image/webp"),
        (ImageFormat::Gif, "image/gif"),
    ] {
        // Called picture.png, all of them.
        let image = upload(&ana, encoded(60, 40, format)).await.expect(201).data();

        let served = app.anonymous().get(&text(&image["url"])).await.expect(200);
        assert_eq!((&image["width"], &image["height"]), (&json!(60), &json!(40)), "{format:?}");
        assert_eq!(served.header("content-type"), kind);
        assert_eq!(image::guess_format(&served.body).unwrap(), format);
    }
}

#[tokio::test]
async fn what_is_no_image_or_too_large_is_refused() {
    let app = TestApp::start().await;
    let ana = app.sign_up("ana").await;
    let mut truncated = png(200, 200);
    truncated.truncate(truncated.len() / 2);
    let mut padded = png(8, 8);
    padded.resize(10 * 1024 * 1024 + 1, 0);

    for nonsense in [
        b"no image".to_vec(),
        b"<svg xmlns='http://www.w3.org/2000/svg'/>".to_vec(),
        truncated,
        png(8, 8)[..20].to_vec(),
    ] {
        upload(&ana, nonsense).await.refused(415, "unsupported_file");
    }
    upload(&ana, padded).await.refused(413, "file_too_large");
    upload(&ana, bomb()).await.refused(413, "file_too_large");
    upload(&ana, Vec::new()).await.names(&["file"]);
    ana.post("/api/media").form(Form::new().text("alt", "nothing")).await.names(&["file"]);
    ana.post("/api/media").form(Form::new().part("file", file(png(8, 8))).text("alt", "a\0b")).await.names(&["alt"]);
    ana.post("/api/media").json(json!({"file": "x"})).await.expect(415);
}

#[tokio::test]
async fn an_image_is_turned_upright_and_tells_nothing_of_where_it_was_taken() {
    let app = TestApp::start().await;
    let ana = app.sign_up("ana").await;
    let photograph = sideways_jpeg_with_place(120, 80);
    let holds = |bytes: &[u8], what: &[u8]| bytes.windows(what.len()).any(|window| window == what);
    assert!(holds(&photograph, b"GPS 48.85N"));

    let image = upload(&ana, photograph).await.expect(201).data();

    assert_eq!((&image["width"], &image["height"]), (&json!(80), &json!(120)));
    let served = app.anonymous().get(&text(&image["url"])).await.expect(200).body;
    assert!(!holds(&served, b"Exif") && !holds(&served, b"48.85N"));
    let decoded = image::load_from_memory(&served).unwrap();
    assert_eq!((decoded.width(), decoded.height()), (80, 120));
}

#[tokio::test]
async fn an_image_is_served_for_ever_and_harmlessly() {
    let app = TestApp::start().await;
    let ana = app.sign_up("ana").await;
    let url = text(&ana.upload(png(50, 50)).await["url"]);
    if !url.contains("/media/") || given_address().is_some() {
        eprintln!("left out: images may be served by others here");
        return;
    }

    let served = app.anonymous().get(&url).await.expect(200);

    assert_eq!(served.header("cache-control"), "public, max-age=31536000, immutable");
    assert_eq!(served.header("x-content-type-options"), "nosniff");
    assert!(served.header("content-security-policy").contains("default-src 'none'"), "{:?}", served.headers);
    assert!(served.header("etag").starts_with('"'), "{:?}", served.headers);
    assert_eq!(served.header("accept-ranges"), "bytes");
    assert_eq!(served.header("content-length"), served.body.len().to_string());
    let head = app.anonymous().call(Method::HEAD, &url).await.expect(200);
    assert_eq!(head.header("etag"), served.header("etag"));
    assert_eq!(head.header("content-length"), served.header("content-length"));
    let known = app.anonymous().get(&url).header("if-none-match", served.header("etag")).await.expect(304);
    assert_eq!((known.body.len(), known.header("etag")), (0, served.header("etag")));
}

#[tokio::test]
async fn a_part_of_an_image_can_be_asked_for() {
    let app = TestApp::start().await;
    let ana = app.sign_up("ana").await;
    let url = text(&ana.upload(png(50, 50)).await["url"]);
    let whole = app.anonymous().get(&url).await.expect(200);
    let length = whole.body.len();
    let part = async |range: &str| app.anonymous().get(&url).header("range", range).await;

    for (range, expected) in [
        ("bytes=0-9", 0..10),
        ("bytes=10-", 10..length),
        ("bytes=-7", length - 7..length),
        ("bytes=5-999999999", 5..length),
    ] {
        let reply = part(range).await.expect(206);
        let told = format!("bytes {}-{}/{length}", expected.start, expected.end - 1);
        assert_eq!(reply.header("content-range"), told, "{range}");
        assert_eq!(reply.body, whole.body[expected], "{range}");
    }
    let beyond = part(&format!("bytes={length}-")).await.expect(416);
    assert_eq!(beyond.header("content-range"), format!("bytes */{length}"));
    assert_eq!(part("lines=1-2").await.expect(200).body, whole.body);
    let changed = app.anonymous().get(&url).header("range", "bytes=0-9").header("if-range", "\"another\"").await;
    assert_eq!(changed.expect(200).body, whole.body);
    // Only a GET has parts (RFC 9110 §14.2).
    let head = app.anonymous().call(Method::HEAD, &url).header("range", "bytes=0-9").await.expect(200);
    assert_eq!((head.header("content-range"), head.header("content-length")), ("", whole.header("content-length")));
}

#[tokio::test]
async fn who_accepts_webp_gets_it_where_it_stands_beside_the_picture() {
    let Some(server) = OwnServer::start().await else { return };
    let ana = server.sign_up("ana").await;
    let url = text(&ana.upload(png(50, 50)).await["url"]);
    let name = url.rsplit('/').next().unwrap().to_owned();
    let get = async |accept: &str| server.anonymous().get(&url).header("accept", accept).await.expect(200);
    let beside = server.data().join("media").join(&name[22..24]).join(name.replace(".png", ".webp"));
    fs::remove_file(&beside).unwrap_or_default();

    let alone = get("image/avif,image/webp,*/*;q=0.8").await;
    fs::write(&beside, encoded(50, 50, ImageFormat::WebP)).unwrap();
    let accepted = "image/avif,image/webp,*/*;q=0.8";
    let found = async || get(accepted).await.header("content-type") == "image/webp";
    eventually("it is not remembered any more that there was none", Duration::from_secs(60), found).await;
    let lighter = get(accepted).await;
    let plain = get("image/webp;q=0, */*").await;

    for picture in [&alone, &plain] {
        assert_eq!(picture.header("content-type"), "image/png");
        assert_eq!(picture.header("etag"), format!("\"{name}\""));
    }
    assert_eq!(lighter.header("content-type"), "image/webp");
    for reply in [&alone, &lighter, &plain] {
        assert!(reply.headers.get_all("vary").iter().any(|varies| varies == "Accept"), "{:?}", reply.headers);
    }
    assert_eq!(image::guess_format(&lighter.body).unwrap(), ImageFormat::WebP);
    let request = server.anonymous().get(&url).header("accept", "image/webp");
    request.header("if-none-match", lighter.header("etag")).await.expect(304);
}

#[tokio::test]
async fn an_image_goes_with_its_post() {
    let app = TestApp::start().await;
    let ana = app.sign_up("ana").await;
    let form = Form::new().image_block(0, png(400, 400));
    let post = ana.post("/api/posts").form(form).await.expect(201).data();
    let image = &post["content"][0];
    let mut urls = vec![text(&image["value"])];
    urls.extend(image["variants"].as_array().unwrap().iter().map(|variant: &Value| text(&variant["url"])));
    for url in &urls {
        app.anonymous().get(url).await.expect(200);
    }

    ana.delete(&format!("/api/posts/{}", text(&post["_id"]))).await.expect(200);

    for url in &urls {
        let gone = async || app.anonymous().get(url).await.status == 404;
        eventually("the image goes with its post", Duration::from_secs(60), gone).await;
    }
}

#[tokio::test]
async fn a_name_that_was_never_given_out_is_not_found() {
    let app = TestApp::start().await;

    for name in ["nothing.png", "..%2f..%2fecho.db", "..%2fkeys", "%00", "...", "a%5cb", &"x".repeat(300)] {
        let reply = app.anonymous().get(&format!("/media/{name}")).await;
        assert!([400, 404].contains(&reply.status), "{reply}");
    }
    app.anonymous().get("/media/%ff").await.names(&["name"]);
}
