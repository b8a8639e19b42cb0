//! `echod migrate --to`: everything goes from SQLite to MongoDB and back, while what is read goes on.

use std::{
    path::Path,
    process::{Output, Stdio},
    time::Duration,
};

use serde_json::{Value, json};

use crate::{
    app::{PASSWORD, TestApp, eventually, ids, text},
    cli::{complaint, said},
    echod::{OwnServer, echod, own_folder, run},
    import_legacy::rows,
    mongo::OwnDatabase,
};

fn move_to(data: &Path, to: &str) -> Output {
    run(echod(data).args(["migrate", "--to", to]), "")
}

fn move_back(data: &Path, from: &OwnDatabase) -> Output {
    run(echod(data).args(["migrate", "--to", "sqlite"]).env("MONGODB_URI", &from.address), "")
}

/// What anybody sees of all posts.
async fn feed(app: &TestApp) -> Value {
    app.anonymous().get("/api/posts?limit=100").await.expect(200).data()["posts"].clone()
}

#[tokio::test]
async fn everything_goes_to_mongodb_and_back_while_it_is_read() {
    let Some(mut server) = OwnServer::start_with(&[("READ_ONLY", "off")]).await else { return };
    let Some(back) = own_folder() else { return };
    let ana = server.sign_up("ana").await;
    let ben = server.sign_up("ben").await;
    let post = ana.publish("hello").await;
    ben.like(&post).await;
    ben.comment(&post, "first!").await;
    ben.follow(&ana).await;
    let before = feed(&server).await;
    let busy = complaint(&move_to(&server.data(), "mongodb://127.0.0.1:1/echo"));
    assert!(busy.contains("READ_ONLY=on"), "{busy}");

    server.restart_with(&[("READ_ONLY", "on")]);
    let mongo = OwnDatabase::new().await;
    let there = said(&move_to(&server.data(), &mongo.address));
    let again = said(&move_to(&server.data(), &mongo.address));
    assert_eq!(feed(&server).await, before);
    let returned = said(&move_back(back.path(), &mongo));

    assert!(there.contains("the same on both sides") && there.contains("MONGODB_URI"), "{there}");
    assert!(again.contains("was moved before") && again.contains("the same on both sides"), "{again}");
    assert!(returned.contains("the same on both sides"), "{returned}");
    let kept =
        ["accounts", "sessions", "profiles", "name_parts", "follows", "posts", "post_counts", "post_total", "likes"];
    let (ours, theirs) = (rows(&server.data()), rows(back.path()));
    for table in kept.into_iter().chain(["comments", "media", "posts_barred", "media_barred", "requests"]) {
        assert!(ours[table] == theirs[table], "{table}: {:?} and {:?}", ours[table], theirs[table]);
    }
    let examined = run(echod(back.path()).arg("doctor"), "");
    assert!(examined.status.success(), "{}", String::from_utf8_lossy(&examined.stdout));
    mongo.drop().await;
}

#[tokio::test]
async fn a_move_that_is_killed_goes_on() {
    let Some(folder) = own_folder() else { return };
    said(&run(echod(folder.path()).args(["seed", "--users", "300", "--posts", "8"]), ""));
    let mongo = OwnDatabase::new().await;
    let start = || {
        let mut command = echod(folder.path());
        command.args(["migrate", "--to", &mongo.address]).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.spawn().unwrap()
    };

    let mut killed = start();
    let half = async || mongo.of("users").count("follows").await >= 1000;
    eventually("half of the follows are there", Duration::from_secs(60), half).await;
    killed.kill().unwrap();
    killed.wait().unwrap();
    assert_eq!(mongo.of("posts").count("posts").await, 0);
    let mut second = start();
    // A transaction that was killed holds what it changed for a minute.
    let ended = async || second.try_wait().unwrap().is_some();
    eventually("the move ends", Duration::from_secs(180), ended).await;

    let moved = said(&second.wait_with_output().unwrap());
    assert!(moved.contains("the same on both sides"), "{moved}");
    mongo.drop().await;
}

#[tokio::test]
async fn what_was_changed_meanwhile_is_found() {
    let Some(folder) = own_folder() else { return };
    said(&run(echod(folder.path()).args(["seed", "--users", "20", "--posts", "10"]), ""));
    let mongo = OwnDatabase::new().await;
    said(&move_to(folder.path(), &mongo.address));

    let form = ["user", "create", "--username", "late_one", "--email", "late@example.com"];
    said(&run(echod(folder.path()).args(form), PASSWORD));
    let differing = move_to(folder.path(), &mongo.address);

    let told = String::from_utf8_lossy(&differing.stdout).into_owned();
    assert!(!differing.status.success() && told.contains("1 differ"), "{told}");
    assert!(complaint(&differing).contains("not the same"));
    mongo.drop().await;
}

#[tokio::test]
async fn a_target_with_something_else_in_it_is_refused() {
    let (Some(one), Some(other)) = (own_folder(), own_folder()) else { return };
    for (folder, seed) in [(&one, "1"), (&other, "2")] {
        said(&run(echod(folder.path()).args(["seed", "--users", "20", "--posts", "10", "--seed", seed]), ""));
    }
    let mongo = OwnDatabase::new().await;
    said(&move_to(one.path(), &mongo.address));

    let to_mongodb = complaint(&move_to(other.path(), &mongo.address));
    let to_sqlite = complaint(&move_back(other.path(), &mongo));

    assert!(to_mongodb.contains("something else") && to_mongodb.contains("another database"), "{to_mongodb}");
    assert!(to_sqlite.contains("something else") && to_sqlite.contains("echo.db"), "{to_sqlite}");
    mongo.drop().await;
}

#[tokio::test]
async fn read_only_every_change_is_refused_and_reads_go_on() {
    let Some(mut server) = OwnServer::start_with(&[("READ_ONLY", "off")]).await else { return };
    let ana = server.sign_up("ana").await;
    let post = ana.publish("hello").await;
    server.restart_with(&[("READ_ONLY", "on")]);

    let body = json!({"content": [{"type": "text", "value": "no"}]});
    let refused = ana.post("/api/posts").json(body).await.refused(503, "read_only");
    assert_eq!(refused.header("retry-after"), "60");
    ana.put(&post.at("like")).await.refused(503, "read_only");
    ana.patch("/api/users/profile").json(json!({"name": "no"})).await.refused(503, "read_only");
    ana.delete(&post.path()).await.refused(503, "read_only");
    let login = json!({"username": ana.username, "password": PASSWORD});
    server.anonymous().post("/api/auth/login").json(login).await.refused(503, "read_only");

    assert_eq!(ids(&feed(&server).await), std::slice::from_ref(&post.id));
    let me = ana.get("/api/users/me").await.expect(200).data();
    assert_eq!(text(&me["_id"]), ana.id);
    server.anonymous().get("/readyz").await.expect(200);
    let form = ["user", "create", "--username", "somebody", "--email", "somebody@example.com"];
    let written = complaint(&server.run(&form, PASSWORD));
    assert!(written.contains("served read-only"), "{written}");
    let second = complaint(&run(&mut echod(&server.data()), ""));
    assert!(second.contains("served read-only"), "{second}");
}
