//! A backup has what was there when it began, whatever went on meanwhile.

use std::{
    os::unix::fs::PermissionsExt,
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
        let signal = [Signal::KILL, Signal::INT][n % 2];
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
