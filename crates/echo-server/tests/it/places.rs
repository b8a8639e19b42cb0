//! Images on S3 and at Cloudinary: kept, served and removed there, and moved between places.

use std::{fs, process::Stdio, time::Duration};

use echo_media::S3Options;
use reqwest::multipart::Form;

use crate::{
    app::{Person, TestApp, eventually, text},
    cli::{complaint, said},
    client::{Blocks, file},
    cloudinary::{self, Double, Mood},
    echod::{OwnServer, echod, own_folder, run},
    picture::png,
    s3::{KEY, Way, bucket, look, way_to_server},
    s3_role::{Giver, Lasting},
};

const PATIENCE: Duration = Duration::from_secs(90);

/// What `echod` is told about a bucket, at this address of its server.
fn in_bucket<'a>(bucket: &'a S3Options, endpoint: &'a str) -> [(&'a str, &'a str); 4] {
    [
        ("S3_BUCKET", &bucket.bucket),
        ("S3_ENDPOINT", endpoint),
        ("AWS_ACCESS_KEY_ID", KEY.0),
        ("AWS_SECRET_ACCESS_KEY", KEY.1),
    ]
}

fn at_cloudinary(double: &Double) -> [(&str, &str); 4] {
    [
        ("CLOUDINARY_CLOUD_NAME", cloudinary::CLOUD),
        ("CLOUDINARY_API_KEY", cloudinary::KEY),
        ("CLOUDINARY_API_SECRET", cloudinary::SECRET),
        ("CLOUDINARY_ENDPOINT", &double.address),
    ]
}

/// The names of what is in the bucket, but for Echo's mark.
async fn objects(bucket: &S3Options) -> Vec<String> {
    let list = format!("{}/{}?list-type=2", bucket.endpoint.as_ref().unwrap(), bucket.bucket);
    let page = look(list).await.text().await.unwrap();
    let keys = page.split("<Key>").skip(1).filter_map(|rest| rest.split("</Key>").next());
    keys.filter(|key| *key != "echo.check").map(str::to_owned).collect()
}

fn picture_form() -> Form {
    Form::new().image_block(0, png(900, 600))
}

/// Publishes a post of one picture, and takes a profile picture; the addresses of these and of the post.
async fn show_pictures(ana: &Person) -> (Vec<String>, String) {
    let post = ana.post("/api/posts").form(picture_form()).await.expect(201).data();
    let image = &post["content"][0];
    let form = Form::new().part("profilePicture", file(png(300, 300)));
    let profile = ana.patch("/api/users/profile").form(form).await.expect(200).data();
    let urls =
        vec![text(&image["value"]), text(&image["variants"][0]["url"]), text(&profile["profilePicture"]["secure_url"])];
    (urls, format!("/api/posts/{}", text(&post["_id"])))
}

/// Changes the profile picture to another one.
async fn change_profile_picture(ana: &Person) {
    let form = Form::new().part("profilePicture", file(png(310, 310)));
    ana.patch("/api/users/profile").form(form).await.expect(200);
}

/// Whatever needs no image goes on, and what needs one says that it is not to be had just now.
async fn only_images_fail(app: &TestApp, ana: &Person) {
    ana.post("/api/posts").form(picture_form()).await.refused(503, "unavailable");
    let form = Form::new().part("file", file(png(64, 64)));
    ana.post("/api/media").form(form).await.refused(503, "unavailable");
    ana.publish("without a picture").await;
    let ready = app.anonymous().get("/readyz").await.expect(200).json();
    assert_eq!(ready["dependencies"]["media"], "unavailable");
}

#[tokio::test]
async fn images_are_kept_in_a_bucket_and_go_from_it() {
    let bucket = bucket().await;
    let (way, endpoint) = way_to_server(&bucket);
    let Some(server) = OwnServer::start_with(&in_bucket(&bucket, &endpoint)).await else { return };
    let ana = server.sign_up("ana").await;

    let (urls, post) = show_pictures(&ana).await;
    for url in &urls {
        let served = server.anonymous().get(url).await.expect(200);
        assert_eq!(served.header("cache-control"), "public, max-age=31536000, immutable");
        let part = server.anonymous().get(url).header("range", "bytes=2-9").await.expect(206);
        assert_eq!(part.body, served.body[2..10]);
    }
    assert_eq!(fs::read_dir(server.data().join("media")).map_or(0, Iterator::count), 0, "nothing is in the folder");
    let kept = objects(&bucket).await;
    way.set(Way::Closed);
    only_images_fail(&server, &ana).await;
    ana.delete(&post).await.expect(200);
    way.set(Way::Open);
    change_profile_picture(&ana).await;

    let gone = async || {
        let there = objects(&bucket).await;
        there.len() == 1 && !kept.contains(&there[0])
    };
    eventually("only the new profile picture is left", PATIENCE, gone).await;
    for url in &urls {
        server.anonymous().get(url).await.expect(404);
    }
    let ready = server.anonymous().get("/readyz").await.expect(200).json();
    assert_eq!(ready["dependencies"]["media"], "ok");
}

#[tokio::test]
async fn a_bucket_lets_in_who_has_a_role_and_no_key() {
    let bucket = bucket().await;
    let (way, endpoint) = way_to_server(&bucket);
    let giver = Giver::start(Lasting::Long);
    let [name, address, ..] = in_bucket(&bucket, &endpoint);
    let environment = giver.environment();
    let role = environment.each_ref().map(|(name, value)| (*name, value.as_str()));
    let Some(server) = OwnServer::start_with(&[[name, address], role].concat()).await else { return };
    let ana = server.sign_up("ana").await;

    let (urls, _) = show_pictures(&ana).await;

    for url in &urls {
        server.anonymous().get(url).await.expect(200);
    }
    assert!(way.last_header("authorization").unwrap().contains("Credential=role-1/"));
}

#[tokio::test]
async fn pictures_are_kept_at_cloudinary_and_go_from_it() {
    let double = Double::start();
    let Some(server) = OwnServer::start_with(&at_cloudinary(&double)).await else { return };
    let ana = server.sign_up("ana").await;

    let (urls, post) = show_pictures(&ana).await;
    for url in &urls {
        assert!(url.starts_with(&format!("{}/demo/image/upload/", double.address)), "{url}");
        assert_eq!(reqwest::get(url).await.unwrap().status(), 200);
    }
    assert!(urls[1].contains("/c_limit,w_320/"), "{urls:?}");
    let name = urls[0].rsplit('/').next().unwrap();
    server.anonymous().get(&format!("/media/{name}")).await.expect(200);
    let kept = double.pictures();
    assert_eq!(kept.len(), 2);
    double.is(Mood::Broken);
    only_images_fail(&server, &ana).await;
    ana.delete(&post).await.expect(200);
    double.is(Mood::Well);
    change_profile_picture(&ana).await;

    let gone = async || {
        let there = double.pictures();
        there.len() == 1 && there.is_disjoint(&kept)
    };
    eventually("only the new profile picture is left", PATIENCE, gone).await;
}

#[tokio::test]
async fn images_move_to_a_bucket_and_back_although_a_move_is_killed() {
    let Some(mut server) = OwnServer::start_with(&[]).await else { return };
    let bucket = bucket().await;
    let endpoint = bucket.endpoint.clone().unwrap();
    let in_bucket = in_bucket(&bucket, &endpoint);
    let ana = server.sign_up("ana").await;
    let mut shown = Vec::new();
    for _ in 0..12 {
        let post = ana.post("/api/posts").form(picture_form()).await.expect(201).data();
        let url = text(&post["content"][0]["value"]);
        shown.push((server.anonymous().get(&url).await.expect(200).body, url));
    }
    let moving = |to: &str| {
        let mut command = echod(&server.data());
        command.args(["media", "move", "--to", to]).envs(in_bucket);
        command
    };

    let mut killed = moving("s3").stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let begun = async || !objects(&bucket).await.is_empty();
    eventually("the first images are there", PATIENCE, begun).await;
    killed.kill().unwrap();
    killed.wait().unwrap();
    let there = said(&run(&mut moving("s3"), ""));
    let again = said(&run(&mut moving("s3"), ""));

    assert!(there.contains("Restart Echo"), "{there}");
    assert!(again.contains(" 0 files copied"), "{again}");
    let media = server.data().join("media");
    let aside = server.data().join("aside");
    fs::rename(&media, &aside).unwrap();
    server.restart_with(&in_bucket);
    for (bytes, url) in &shown {
        assert!(server.anonymous().get(url).await.expect(200).body == *bytes, "{url}");
    }
    let back = said(&run(echod(&server.data()).args(["media", "move", "--to", "files"]).envs(in_bucket), ""));
    assert!(back.contains("Restart Echo without S3_BUCKET"), "{back}");
    server.restart_with(&[]);
    for (bytes, url) in &shown {
        assert!(server.anonymous().get(url).await.expect(200).body == *bytes, "{url}");
    }
}

#[tokio::test]
async fn images_that_are_missing_where_they_come_from_are_told() {
    let Some(server) = OwnServer::start_with(&[]).await else { return };
    let double = Double::start();
    let ana = server.sign_up("ana").await;
    ana.post("/api/posts").form(picture_form()).await.expect(201);
    fs::rename(server.data().join("media"), server.data().join("aside")).unwrap();

    let mut command = echod(&server.data());
    let told = complaint(&run(command.args(["media", "move", "--to", "cloudinary"]).envs(at_cloudinary(&double)), ""));

    assert!(told.contains(" files that records name are not in"), "{told}");
}

#[tokio::test]
async fn settings_that_are_half_set_or_name_two_places_are_told() {
    let Some(folder) = own_folder() else { return };
    let bucket = [("S3_BUCKET", "b"), ("AWS_ACCESS_KEY_ID", "k"), ("AWS_SECRET_ACCESS_KEY", "hush")];
    let cloud = [("CLOUDINARY_CLOUD_NAME", "c"), ("CLOUDINARY_API_KEY", "k"), ("CLOUDINARY_API_SECRET", "hush")];
    let nobody = ("S3_ENDPOINT", "http://127.0.0.1:1");

    for (settings, word) in [
        (bucket[..2].to_vec(), "AWS_SECRET_ACCESS_KEY"),
        (vec![bucket[0], bucket[2]], "AWS_ACCESS_KEY_ID"),
        (cloud[..2].to_vec(), "CLOUDINARY_API_SECRET"),
        (cloud[1..].to_vec(), "CLOUDINARY_CLOUD_NAME"),
        (vec![nobody], "S3_BUCKET"),
        ([bucket, cloud].concat(), "one place"),
    ] {
        let told = complaint(&run(echod(&folder.path().join("data")).envs(settings.iter().copied()), ""));

        assert!(told.contains(word) && !told.contains("hush"), "{settings:?}: {told}");
    }
}

#[tokio::test]
async fn a_place_that_is_not_there_is_told_at_the_start() {
    let Some(server) = OwnServer::start().await else { return };
    let bucket = bucket().await;
    let nowhere = S3Options { bucket: "nowhere".to_owned(), ..bucket.clone() };
    let nobody = "http://127.0.0.1:1";
    let double = Double::start();
    let mut wrong = at_cloudinary(&double);
    wrong[2].1 = "not the secret";
    let mut no_key = in_bucket(&bucket, bucket.endpoint.as_deref().unwrap());
    (no_key[2], no_key[3]) = (("AWS_METADATA_ENDPOINT", nobody), ("AWS_ACCESS_KEY_ID", ""));

    for (settings, word) in [
        (in_bucket(&nowhere, bucket.endpoint.as_deref().unwrap()), "there is no bucket nowhere: S3_BUCKET"),
        (in_bucket(&bucket, nobody), "look at S3_ENDPOINT"),
        (no_key, "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or give this task, pod or machine a role"),
        (wrong, "CLOUDINARY_API_SECRET"),
    ] {
        let mut move_there = echod(&server.data());
        let to = if settings[0].0 == "S3_BUCKET" { "s3" } else { "cloudinary" };
        let told = complaint(&run(move_there.args(["media", "move", "--to", to]).envs(settings), ""));

        assert!(told.contains(word) && !told.contains("not the secret"), "{told}");
    }
}
