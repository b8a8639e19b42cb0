//! What `echod` does for whoever looks after it, with the records in MongoDB.

use std::{process::Command, time::Duration};

use mongodb::bson::doc;
use reqwest::multipart::Form;
use rustix::process::Signal;
use serde_json::{Value, json};

use crate::{
    app::{PASSWORD, Person, eventually, ids, text},
    cli::said,
    client::file,
    doctor::{live, reported, show, wrong},
    echod::{OwnServer, echod, own_folder, run},
    import_legacy::hostile,
    legacy::id,
    mongo::OwnDatabase,
    picture::png,
};

/// The same whatever port it listens at.
const PUBLIC_URL: (&str, &str) = ("PUBLIC_URL", "http://localhost:8000");

/// A server with its records in a database of its own.
async fn start() -> Option<(OwnServer, OwnDatabase)> {
    let mongo = OwnDatabase::new().await;
    let server = OwnServer::start_with(&[PUBLIC_URL, ("MONGODB_URI", &mongo.address)]).await?;
    Some((server, mongo))
}

/// `echod` on the same data as the server.
fn command(server: &OwnServer, mongo: &OwnDatabase, arguments: &[&str]) -> Command {
    let mut command = echod(&server.data());
    command.args(arguments).env("MONGODB_URI", &mongo.address);
    command
}

/// What the doctor reports, and whether it exits with 0.
async fn examine(server: &OwnServer, mongo: &OwnDatabase, arguments: &[&str]) -> (Value, bool) {
    let mut doctor = command(server, mongo, &[&["doctor", "--json"], arguments].concat());
    let examined = tokio::task::spawn_blocking(move || run(&mut doctor, ""));
    reported(&examined.await.unwrap())
}

async fn await_events(mongo: &OwnDatabase) {
    let done = async || mongo.count("events").await == 0;
    eventually("events are handled", Duration::from_secs(30), done).await;
}

#[tokio::test]
async fn a_lively_server_is_healthy_at_every_moment() {
    let Some((server, mongo)) = start().await else { return };
    let examined = async {
        for _ in 0..2 {
            let (report, healthy) = examine(&server, &mongo, &[]).await;
            assert!(healthy, "{report:#}");
        }
    };

    tokio::join!(live(&server), examined);

    await_events(&mongo).await;
    let (report, healthy) = examine(&server, &mongo, &["--repair"]).await;
    assert!(healthy && report["mended"].as_array().unwrap().is_empty(), "{report:#}");
    assert!(report["served"] == true && report["events"].as_array().unwrap().len() == 4, "{report:#}");
    let handbook = include_str!("../../../../docs/operations.md");
    for check in report["checks"].as_array().unwrap() {
        let name = format!("`{}`", check["check"].as_str().unwrap());
        assert!(handbook.contains(&name), "docs/operations.md does not tell of {name}");
    }
    mongo.drop().await;
}

#[tokio::test]
async fn what_is_wrong_is_told_and_mended_while_it_is_served() {
    let Some((server, mongo)) = start().await else { return };
    let ana = live(&server).await;
    await_events(&mongo).await;
    mongo.of("posts").set("posts", doc! { "like_count": 7_i64, "newest_comments": [] }).await;
    mongo.of("users").set("profiles", doc! { "parts": [] }).await;
    let expected = [("like-counts", 6), ("newest-comments", 6), ("search", 2)];

    let (report, healthy) = examine(&server, &mongo, &[]).await;
    assert!(!healthy && wrong(&report) == expected, "{report:#}");

    let (report, healthy) = examine(&server, &mongo, &["--repair"]).await;
    assert!(healthy && wrong(&report).is_empty(), "{report:#}");
    let mended = report["mended"].as_array().unwrap();
    assert!(mended.iter().any(|it| it["check"] == "like-counts" && it["mended"] == 6), "{report:#}");
    ana.publish("it goes on").await;
    mongo.drop().await;
}

#[tokio::test]
async fn the_first_echo_comes_in_and_people_sign_in_as_before() {
    let (legacy, mongo) = (hostile().await, OwnDatabase::new().await);
    let Some(folder) = own_folder() else { return };
    let import = || {
        let mut command = echod(folder.path());
        command.args(["import-legacy", &legacy.address, "--json"]).env("MONGODB_URI", &mongo.address);
        said(&run(&mut command, ""))
    };

    let (first, again) = (import(), import());

    assert_eq!(first, again);
    let Some(server) = OwnServer::start_with(&[("MONGODB_URI", &mongo.address)]).await else { return };
    let ana = server.log_in("ana_lima", PASSWORD).await;
    assert_eq!(ana.id, id(1, 1).to_hex());
    let me = ana.get("/api/users/me").await.expect(200).data();
    assert_eq!((&me["followersCount"], &me["followingCount"], &me["postsCount"]), (&json!(2), &json!(1), &json!(1)));
    let feed = ana.get("/api/posts").await.expect(200).data();
    assert_eq!(ids(&feed["posts"]), [id(10, 3).to_hex(), id(10, 1).to_hex()]);
    assert_eq!((&feed["posts"][1]["likeCount"], &feed["posts"][1]["commentCount"]), (&json!(2), &json!(3)));
    let (report, healthy) = examine(&server, &mongo, &[]).await;
    assert!(healthy, "{report:#}");
    for database in [legacy, mongo] {
        database.drop().await;
    }
}

/// What anybody sees of all posts, and of the pictures in them.
async fn seen(server: &OwnServer, ana: &Person) -> (Value, Vec<u8>) {
    let posts = server.anonymous().get("/api/posts?limit=100").await.expect(200).data()["posts"].clone();
    let picture = posts[0]["content"].as_array().unwrap().iter().find(|block| block["type"] == "image").unwrap();
    let shown = server.anonymous().get(&text(&picture["value"])).await.expect(200).body.to_vec();
    let profile = ana.get(&ana.path()).await.expect(200).data();
    server.anonymous().get(&text(&profile["profilePicture"]["secure_url"])).await.expect(200);
    (posts, shown)
}

#[tokio::test]
async fn read_only_changes_are_refused_while_all_of_it_moves_with_its_images() {
    let Some((mut server, mongo)) = start().await else { return };
    let (ana, ben) = (server.sign_up("ana").await, server.sign_up("ben_").await);
    let picture = Form::new().part("profilePicture", file(png(30, 30)));
    ana.patch("/api/users/profile").form(picture).await.expect(200);
    let post = show(&ana).await;
    ben.like(&post).await;
    ben.comment(&post, "first!").await;
    await_events(&mongo).await;
    let before = seen(&server, &ana).await;
    server.stop(Signal::TERM);

    server.restart_with(&[PUBLIC_URL, ("MONGODB_URI", &mongo.address), ("READ_ONLY", "on")]);
    ana.put(&post.at("like")).await.refused(503, "read_only");
    ben.delete("/api/users/me").json(json!({"password": PASSWORD})).await.refused(503, "read_only");
    let moved = said(&run(&mut command(&server, &mongo, &["migrate", "--to", "sqlite"]), ""));
    assert!(moved.contains("the same on both sides"), "{moved}");
    assert!(seen(&server, &ana).await == before);
    server.stop(Signal::TERM);

    mongo.drop().await;
    server.restart_with(&[PUBLIC_URL]);
    assert!(seen(&server, &ana).await == before);
    let comments = ana.view(&post).await["comments"].clone();
    assert_eq!((ids(&comments).len(), &comments[0]["content"]), (1, &json!("first!")));
    assert!(said(&server.run(&["doctor"], "")).contains("Everything fits together."));
}
