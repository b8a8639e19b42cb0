//! `echod doctor` finds nothing where nothing is wrong, and what is wrong where something is.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Output,
    time::SystemTime,
};

use reqwest::multipart::Form;
use rusqlite::Connection;
use rustix::process::Signal;
use serde_json::Value;

use crate::{
    app::{Person, Post, eventually},
    cli::{complaint, said},
    client::Blocks,
    echod::{OwnServer, echod, own_folder, run},
    picture::png,
};

/// What it reports, and whether it exits with 0.
fn examine(server: &OwnServer, arguments: &[&str]) -> (Value, bool) {
    reported(&server.run(&[&["doctor", "--json"], arguments].concat(), ""))
}

pub fn reported(output: &Output) -> (Value, bool) {
    let report = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"));
    (report, output.status.success())
}

pub fn wrong(report: &Value) -> Vec<(&str, u64)> {
    let checks = report["checks"].as_array().unwrap().iter().filter(|check| check["ok"] == false);
    checks.map(|check| (check["check"].as_str().unwrap(), check["wrong"].as_u64().unwrap())).collect()
}

pub async fn show(person: &Person) -> Post {
    let form = Form::new().text_block(0, "look").image_block(1, png(64, 48));
    Post::from(&person.post("/api/posts").form(form).await.expect(201).data())
}

/// Leaves an old image that no record names.
fn leave_stray(data: &Path) -> PathBuf {
    let shard = data.join("media/77");
    fs::create_dir_all(&shard).unwrap();
    let stray = shard.join("000000000000000000000077.webp");
    fs::write(&stray, "of nobody").unwrap();
    fs::File::options().write(true).open(&stray).unwrap().set_modified(SystemTime::UNIX_EPOCH).unwrap();
    stray
}

/// People who do a bit of everything, and some of whom go.
pub async fn live(server: &OwnServer) -> Person {
    let (ana, ben, cleo) = (server.sign_up("ana").await, server.sign_up("ben_").await, server.sign_up("cleo").await);
    for person in [&ana, &ben, &cleo] {
        let picture = Form::new().part("profilePicture", crate::client::file(png(30, 30)));
        person.patch("/api/users/profile").form(picture).await.expect(200);
        for _ in 0..3 {
            let post = show(person).await;
            for other in [&ana, &ben, &cleo] {
                other.like(&post).await;
                other.comment(&post, "hello").await;
            }
        }
        person.delete(&show(person).await.path()).await.expect(200);
        person.upload(png(20, 20)).await;
    }
    ana.follow(&ben).await;
    ben.follow(&ana).await;
    ben.follow(&cleo).await;
    cleo.delete("/api/users/me").json(serde_json::json!({"password": crate::app::PASSWORD})).await.expect(200);
    ana
}

#[tokio::test]
async fn a_lively_server_is_healthy_at_every_moment() {
    let Some(mut server) = OwnServer::start().await else { return };
    let living = live(&server);
    let examined = async {
        for _ in 0..4 {
            let (report, healthy) = examine(&server, &[]);
            assert!(healthy, "{report:#}");
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
    };
    tokio::join!(living, examined);

    let done = async || {
        let (report, _) = examine(&server, &[]);
        report["events"].as_array().unwrap().iter().all(|lag| lag["waiting"] == 0)
    };
    eventually("events are handled", std::time::Duration::from_secs(10), done).await;
    let (report, healthy) = examine(&server, &["--repair"]);
    assert!(healthy && report["mended"].as_array().unwrap().is_empty(), "{report:#}");
    server.kill();
    assert!(said(&server.run(&["doctor"], "")).contains("Everything fits together."));
}

#[tokio::test]
async fn the_handbook_tells_of_every_check() {
    let Some(server) = OwnServer::start().await else { return };
    let handbook = include_str!("../../../../docs/operations.md");

    let (report, _) = examine(&server, &[]);

    for check in report["checks"].as_array().unwrap() {
        let name = format!("`{}`", check["check"].as_str().unwrap());
        assert!(handbook.contains(&name), "docs/operations.md does not tell of {name}");
    }
}

#[tokio::test]
async fn what_is_wrong_is_told_and_mended_while_it_is_served() {
    let Some(server) = OwnServer::start().await else { return };
    let ana = live(&server).await;
    let post = show(&ana).await;
    let done = async || examine(&server, &[]).0["events"].as_array().unwrap().iter().all(|lag| lag["waiting"] == 0);
    eventually("events are handled", std::time::Duration::from_secs(10), done).await;
    let stray = leave_stray(&server.data());
    let young = stray.with_file_name("000000000000000000000177.webp");
    fs::write(&young, "its record may come").unwrap();
    let connection = Connection::open(server.data().join("echo.db")).unwrap();
    let broken = "UPDATE posts SET like_count = like_count + 5; DELETE FROM name_parts; UPDATE post_total SET posts = 0;
        INSERT INTO likes VALUES (x'00000000000000000000beef', x'00000000000000000000beef', x'00000000000000000000beef')";
    connection.execute_batch(broken).unwrap();
    let expected = [
        ("like-counts", 7),
        ("post-total", 1),
        ("search", 2),
        ("reactions-to-nothing", 1),
        ("reactions-of-nobody", 1),
        ("files-without-record", 1),
    ];

    let (report, healthy) = examine(&server, &[]);
    assert!(!healthy && wrong(&report) == expected, "{report:#}");
    let text = server.run(&["doctor"], "");
    assert_eq!(text.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&text.stdout).contains("WRONG   like-counts: 7 posts"), "{text:?}");

    let (report, healthy) = examine(&server, &["--repair"]);

    assert!(healthy && wrong(&report).is_empty(), "{report:#}");
    let mended = report["mended"].as_array().unwrap();
    assert!(mended.iter().any(|it| it["check"] == "like-counts" && it["mended"] == 7), "{report:#}");
    assert!(!stray.exists() && young.exists());
    let aside = server.data().join("media/strays");
    assert_eq!(fs::read_to_string(aside.join("77/000000000000000000000077.webp")).unwrap(), "of nobody");
    let moved = mended.iter().find(|it| it["check"] == "files-without-record").unwrap();
    let told = moved["told"][0].as_str().unwrap();
    assert!(told.starts_with("moved to ") && told.ends_with("/media/strays"), "{told}");
    ana.like(&post).await;
}

#[tokio::test]
async fn what_cannot_be_mended_is_told_all_the_same() {
    let Some(server) = OwnServer::start().await else { return };
    let ana = live(&server).await;
    let done = async || examine(&server, &[]).0["events"].as_array().unwrap().iter().all(|lag| lag["waiting"] == 0);
    eventually("events are handled", std::time::Duration::from_secs(10), done).await;
    let data = show(&ana).await;
    let shown = ana.view(&data).await["content"][1]["value"].as_str().unwrap().to_owned();
    let name = shown.rsplit('/').next().unwrap().to_owned();
    let kept = async || {
        let sql = "SELECT count(*) FROM media WHERE expires IS NULL AND image LIKE '%' || ?1 || '%'";
        let connection = Connection::open(server.data().join("echo.db")).unwrap();
        connection.query_row(sql, [&name], |row| row.get::<_, i64>(0)).unwrap() == 1
    };
    eventually("the image is kept", std::time::Duration::from_secs(10), kept).await;
    let file = server.data().join("media").join(&name[22..24]).join(&name);
    let empty = || fs::write(&file, "");
    let gone = || fs::remove_file(&file);

    for lose in [&empty as &dyn Fn() -> _, &gone] {
        lose().unwrap();
        let (report, healthy) = examine(&server, &["--repair"]);
        assert!(!healthy && wrong(&report) == [("images-without-file", 1)], "{report:#}");
    }
}

#[tokio::test]
async fn what_fails_to_be_mended_is_told() {
    let Some(server) = OwnServer::start().await else { return };
    let connection = Connection::open(server.data().join("echo.db")).unwrap();
    connection
        .execute_batch("INSERT INTO likes VALUES (x'00', x'00', x'00'); UPDATE post_total SET posts = 9")
        .unwrap();

    let repaired = server.run(&["doctor", "--repair"], "");

    let text = String::from_utf8_lossy(&repaired.stdout);
    assert_eq!(repaired.status.code(), Some(1), "{text}");
    assert!(
        text.contains("mended  post-total: 1\nmended  reactions-to-nothing: 0, but not 1\n          00: "),
        "{text}"
    );
    assert!(text.contains("WRONG   reactions-to-nothing: 1 posts"), "{text}");
}

#[tokio::test]
async fn a_damaged_database_is_told_and_left_alone() {
    let Some(mut server) = OwnServer::start().await else { return };
    live(&server).await;
    server.stop(Signal::TERM);
    let database = server.data().join("echo.db");
    let sound = fs::read(&database).unwrap();
    let root = "SELECT rootpage FROM sqlite_schema WHERE name = 'posts'";
    let page: i64 = Connection::open(&database).unwrap().query_row(root, [], |row| row.get(0)).unwrap();
    let page = 4096 * (usize::try_from(page).unwrap() - 1);
    // A page of it, and so much that SQLite does not open it.
    for pages in [page..page + 4096, 4096..sound.len()] {
        let mut damaged = sound.clone();
        damaged[pages].fill(0xa5);
        fs::write(&database, &damaged).unwrap();
        let stray = leave_stray(&server.data());

        for arguments in [&[][..], &["--repair"]] {
            let (report, healthy) = examine(&server, arguments);
            assert!(!healthy, "{report:#}");
            assert_eq!(wrong(&report).into_iter().map(|(name, _)| name).collect::<Vec<_>>(), ["database"]);
            assert_eq!(report["mended"], serde_json::json!([]));
        }
        let text = server.run(&["doctor"], "");
        let text = String::from_utf8_lossy(&text.stdout);
        assert!(text.contains("restore a backup") && !text.contains("--repair"), "{text}");
        assert!(stray.exists() && fs::read(&database).unwrap() == damaged);
    }
}

#[test]
fn an_empty_database_is_no_echo() {
    let Some(folder) = own_folder() else { return };
    let database = folder.path().join("echo.db");
    fs::write(&database, "").unwrap();
    let stray = leave_stray(folder.path());

    for command in [&["doctor"][..], &["doctor", "--repair"], &["backup", "x.tar"], &["user", "list"]] {
        let refused = complaint(&run(echod(folder.path()).args(command), ""));
        assert!(refused.contains("is empty: restore a backup"), "{refused}");
    }

    assert_eq!(fs::metadata(&database).unwrap().len(), 0);
    assert!(stray.exists());
}

#[tokio::test]
async fn looking_makes_and_removes_nothing() {
    let Some(mut server) = OwnServer::start().await else { return };
    server.stop(Signal::TERM);
    let media = server.data().join("media");
    let half = media.join("unfinished/half");
    fs::write(&half, "").unwrap();
    fs::File::options().write(true).open(&half).unwrap().set_modified(SystemTime::UNIX_EPOCH).unwrap();
    fs::create_dir(media.join("removed")).unwrap();
    let before = everything_in(&server.data());

    assert!(said(&server.run(&["doctor"], "")).contains("Everything fits together."));

    assert_eq!(everything_in(&server.data()), before);
    fs::remove_dir_all(&media).unwrap();
    assert!(said(&server.run(&["doctor"], "")).contains("Everything fits together."));
    assert!(!media.exists());
}

fn everything_in(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(everything_in(&path));
        }
        found.push(path);
    }
    found.sort();
    found
}
