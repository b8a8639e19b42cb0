//! A backup has what was there when it began, whatever went on meanwhile.

use std::{
    ffi::OsStr,
    os::unix::{ffi::OsStrExt, fs::PermissionsExt},
    path::Path,
    process::Stdio,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use futures_util::future::join_all;
use reqwest::multipart::Form;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;

use crate::{
    app::{PASSWORD, Person, Post, eventually, ids, text},
    cli::{complaint, said},
    client::Blocks,
    echod::{OwnServer, echod, run, with_little_room},
    picture::png,
};

/// A post with a picture, and where that is.
#[derive(Clone, Debug)]
struct Shown {
    post: Post,
    picture: String,
}

async fn show(person: &Person) -> Shown {
    let form = Form::new().text_block(0, "look").image_block(1, png(64, 48));
    let data = person.post("/api/posts").form(form).await.expect(201).data();
    Shown { post: Post::from(&data), picture: text(&data["content"][1]["value"]) }
}

fn files_beside(file: &Path) -> Vec<String> {
    let names = std::fs::read_dir(file.parent().unwrap()).unwrap().map(|it| it.unwrap().file_name());
    let mut names: Vec<_> = names.map(|name| name.into_string().unwrap()).collect();
    names.sort();
    names
}

/// Posts, likes and deletes until told to stop.
async fn write(person: Person, shared: Post, stop: Arc<AtomicBool>) {
    while !stop.load(Ordering::Relaxed) {
        let kept = show(&person).await;
        person.like(&kept.post).await;
        person.put(&shared.at("like")).await.expect(200);
        let gone = show(&person).await;
        person.delete(&gone.post.path()).await.expect(200);
        person.delete(&shared.at("like")).await.expect(200);
    }
}

/// `echod backup`, with the stories going on.
async fn back_up(server: &OwnServer, file: &Path) -> std::process::Output {
    let mut command = echod(&server.data());
    command.arg("backup").arg(file);
    tokio::task::spawn_blocking(move || run(&mut command, "")).await.unwrap()
}

#[tokio::test]
async fn nothing_is_torn_or_missing_that_was_taken_under_load() {
    let Some(server) = OwnServer::start().await else { return };
    let Some(mut other) = OwnServer::start().await else { return };
    let mut people = Vec::new();
    for _ in 0..4 {
        people.push(server.sign_up("writer").await);
    }
    let shared = people[0].publish("everyone's").await;
    let stop = Arc::new(AtomicBool::new(false));
    let writers: Vec<_> =
        people.iter().map(|person| tokio::spawn(write(person.clone(), shared.clone(), stop.clone()))).collect();

    for round in 0..3 {
        // Acknowledged before it starts; deleted while it is being made, or after.
        let mut before = Vec::new();
        for person in &people {
            before.push(show(person).await);
            person.like(&before[before.len() - 1].post).await;
        }
        let file = server.data().with_file_name(format!("backup{round}.tar"));
        let delete = async {
            for (person, shown) in people.iter().zip(&before).take(2) {
                person.delete(&shown.post.path()).await.expect(200);
            }
        };

        let (made, ()) = tokio::join!(back_up(&server, &file), delete);

        said(&made);
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        let around = files_beside(&file);
        assert!(!around.iter().any(|name| name.contains("partial")), "{around:?}");
        other.kill();
        said(&other.run(&["restore", file.to_str().unwrap(), "--replace", "--verify"], ""));
        other.restart();
        holds_together(&other, &people, &before[2..]).await;
    }
    stop.store(true, Ordering::Relaxed);
    join_all(writers).await.into_iter().for_each(|writer| writer.unwrap());
}

async fn holds_together(restored: &OwnServer, people: &[Person], before: &[Shown]) {
    let nobody = restored.anonymous();
    for shown in before {
        assert_eq!(nobody.view(&shown.post).await["likeCount"], 1);
        nobody.get(&shown.picture).await.expect(200);
    }
    for person in people {
        // The token of the other server, for the keys are the same; and the password.
        restored.bearing(Some(person.token())).get("/api/users/me").await.expect(200);
        restored.log_in(&person.username, PASSWORD).await;
        for post in nobody.walk(&format!("{}/posts", person.path()), 100, |_| false).await {
            for block in post["content"].as_array().unwrap().iter().filter(|block| block["type"] == "image") {
                nobody.get(&text(&block["value"])).await.expect(200);
            }
            let post = Post::from(&post);
            let likes = ids(&nobody.walk(&post.at("likes"), 100, |_| false).await.into()).len();
            assert_eq!(nobody.view(&post).await["likeCount"], likes);
        }
    }
    let doctor = restored.run(&["doctor"], "");
    assert!(doctor.status.success(), "{}", String::from_utf8_lossy(&doctor.stdout));
}

#[tokio::test]
async fn sessions_go_on_where_a_backup_is_restored_and_nobody_serves_it() {
    let Some(mut server) = OwnServer::start().await else { return };
    let Some(mut other) = OwnServer::start().await else { return };
    let ana = server.sign_up("ana").await;
    server.kill();
    other.kill();
    let file = server.data().with_file_name("backup.tar");

    said(&server.run(&["backup", file.to_str().unwrap()], ""));
    said(&other.run(&["restore", file.to_str().unwrap(), "--replace"], ""));
    other.restart();

    let form = json!({"refreshToken": ana.refresh_token});
    other.anonymous().post("/api/auth/refresh").json(form).await.expect(200);
    other.bearing(Some(ana.token())).get("/api/users/me").await.expect(200);
}

#[tokio::test]
async fn an_interrupted_backup_leaves_no_file_and_holds_nothing_up() {
    let Some(server) = OwnServer::start().await else { return };
    let ana = server.sign_up("ana").await;
    let mut shown = Vec::new();
    for _ in 0..24 {
        shown.push(show(&ana).await);
    }
    let file = server.data().with_file_name("backup.tar");
    let mut interrupted = 0;
    for (n, (shown, pause)) in shown.iter().zip((1..).map(|n| 4 * n)).enumerate() {
        let signal = [Signal::KILL, Signal::INT, Signal::HUP][n % 3];
        let mut command = echod(&server.data());
        let mut child = command.arg("backup").arg(&file).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(pause));
        ana.delete(&shown.post.path()).await.expect(200);
        kill_process(Pid::from_child(&child), signal).unwrap();

        let done = child.wait().unwrap().success();

        interrupted += usize::from(!done);
        server.anonymous().get(&shown.post.path()).await.expect(404);
        for left in files_beside(&file) {
            assert!(signal == Signal::KILL || !left.contains("partial"), "{left} stays");
        }
        if file.exists() {
            said(&server.run(&["restore", file.to_str().unwrap(), "--verify-only"], ""));
        }
        for left in files_beside(&file).iter().filter(|left| left.starts_with("backup.tar")) {
            let left = file.with_file_name(left);
            if left.is_dir() { std::fs::remove_dir_all(left) } else { std::fs::remove_file(left) }.unwrap();
        }
    }

    assert!(interrupted > 0, "not one was interrupted");
    said(&server.run(&["backup", file.to_str().unwrap()], ""));
    assert!(!server.data().join("media/removed").exists());
    let tidy = async || server.run(&["doctor"], "").status.success();
    eventually("all is tidy", Duration::from_secs(10), tidy).await;
}

#[tokio::test]
async fn a_file_that_is_there_is_replaced_when_asked_and_a_folder_that_is_not_is_refused() {
    let Some(server) = OwnServer::start().await else { return };
    let file = server.data().with_file_name("backup.tar");
    std::fs::write(&file, "mine").unwrap();

    let there = complaint(&server.run(&["backup", file.to_str().unwrap()], ""));
    let nowhere = complaint(&run(echod(&server.data().join("no")).args(["backup", "x.tar"]), ""));

    assert!(there.contains("is there already"), "{there}");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "mine");
    assert!(nowhere.contains("there is no Echo"), "{nowhere}");
    said(&server.run(&["backup", file.to_str().unwrap(), "--replace"], ""));
    said(&server.run(&["restore", file.to_str().unwrap(), "--verify-only"], ""));
}

#[tokio::test]
async fn missing_images_are_told_and_do_not_replace_a_backup_that_has_them() {
    let Some(mut server) = OwnServer::start().await else { return };
    let ana = server.sign_up("ana").await;
    for _ in 0..25 {
        show(&ana).await;
    }
    server.kill();
    let file = server.data().with_file_name("backup.tar");
    let file = file.to_str().unwrap();
    said(&server.run(&["backup", file], ""));
    let whole = std::fs::read(file).unwrap();
    // As when the volume with the images is not mounted.
    std::fs::rename(server.data().join("media"), server.data().with_file_name("volume")).unwrap();

    let refused = complaint(&server.run(&["backup", file, "--replace"], ""));

    assert!(refused.contains("--allow-missing") && refused.contains("lacks"), "{refused}");
    assert_eq!(std::fs::read(file).unwrap(), whole);
    let allowed = server.run(&["backup", file, "--replace", "--allow-missing"], "");
    said(&allowed);
    let told = String::from_utf8_lossy(&allowed.stderr).into_owned();
    assert!(told.contains("lacks 25 files"), "{told}");
    // However many: the manifest is to stay short.
    let manifest = std::fs::read(file).unwrap().split_off(512);
    let manifest: serde_json::Value =
        serde_json::Deserializer::from_slice(&manifest).into_iter().next().unwrap().unwrap();
    assert_eq!((&manifest["nMissing"], manifest["missing"].as_array().unwrap().len()), (&json!(25), 20));
    let verified = said(&server.run(&["restore", file, "--verify-only"], ""));
    assert!(verified.contains("is good") && verified.contains("lacks"), "{verified}");
    assert!(said(&server.run(&["restore", file, "--replace"], "")).contains("lacks"));
}

#[tokio::test]
async fn one_record_that_cannot_be_read_is_named_and_all_else_is_backed_up() {
    let Some(mut server) = OwnServer::start().await else { return };
    let ana = server.sign_up("ana").await;
    show(&ana).await;
    show(&ana).await;
    server.kill();
    let connection = rusqlite::Connection::open(server.data().join("echo.db")).unwrap();
    let damage =
        "UPDATE blobs SET shape = 'x' WHERE digest = (SELECT min(digest) FROM blobs) RETURNING lower(hex(stem))";
    let id: String = connection.query_row(damage, [], |row| row.get(0)).unwrap();
    drop(connection);
    let file = server.data().with_file_name("backup.tar");
    let file = file.to_str().unwrap();

    let refused = complaint(&server.run(&["backup", file], ""));
    said(&server.run(&["backup", file, "--allow-missing"], ""));

    assert!(refused.contains(&id), "{refused}");
    assert!(said(&server.run(&["restore", file, "--verify-only"], "")).contains(&id));
}

#[tokio::test]
async fn where_it_cannot_go_is_told_at_once_and_any_name_will_do() {
    let Some(server) = OwnServer::start().await else { return };
    let folder = server.data().with_file_name("folder");
    std::fs::create_dir(&folder).unwrap();
    let back_up = |file: &Path| run(echod(&server.data()).arg("backup").arg(file), "");

    let is_folder = complaint(&back_up(&folder));
    let nowhere = complaint(&back_up(&folder.join("no/echo.tar")));
    let odd = folder.join(OsStr::from_bytes(b"\xff.tar"));
    said(&back_up(&odd));

    assert!(is_folder.contains("is a folder"), "{is_folder}");
    assert!(nowhere.contains("there is no folder") && nowhere.contains("folder/no"), "{nowhere}");
    said(&run(echod(&server.data()).arg("restore").arg(&odd).arg("--verify-only"), ""));
    assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 1);
}

#[test]
fn an_empty_database_is_no_echo() {
    let Some(folder) = crate::echod::own_folder() else { return };
    let data = folder.path().join("data");
    std::fs::create_dir(&data).unwrap();
    std::fs::write(data.join("echo.db"), "").unwrap();
    let file = folder.path().join("backup.tar");

    let refused = complaint(&run(echod(&data).arg("backup").arg(&file), ""));

    assert!(refused.contains("is empty") && refused.contains("data/echo.db"), "{refused}");
    assert!(!file.exists());
}

#[tokio::test]
async fn one_that_does_not_fit_leaves_what_was_there() {
    let Some(server) = OwnServer::start().await else { return };
    let file = server.data().with_file_name("backup.tar");
    std::fs::write(&file, "mine").unwrap();
    let before = files_beside(&file);

    let refused = complaint(&run(&mut with_little_room(&server.data(), &["backup", "../backup.tar", "--replace"]), ""));

    assert!(refused.contains("backup.tar is not written"), "{refused}");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "mine");
    assert_eq!(files_beside(&file), before);
}
