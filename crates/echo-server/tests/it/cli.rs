//! `echod` at the command line, also while the server runs.

use std::{
    io::{BufRead, BufReader, Write},
    net::TcpListener,
    process::Output,
    thread,
    time::Duration,
};

use serde_json::json;

use crate::{
    app::{PASSWORD, eventually, ids, unique},
    echod::{OwnServer, echod, own_folder, run},
};

/// What it printed, having succeeded.
#[track_caller]
pub fn said(output: &Output) -> String {
    assert!(output.status.success(), "{output:?}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// The one line with which it failed.
#[track_caller]
pub fn complaint(output: &Output) -> String {
    let error = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    assert!(!output.status.success() && error.lines().count() == 1, "{output:?}");
    error
}

#[test]
fn help_teaches_the_commands_and_the_settings() {
    let Some(folder) = own_folder() else { return };

    let help = said(&run(echod(folder.path()).arg("--help"), ""));

    for word in [
        "serve",
        "user",
        "backup",
        "restore",
        "doctor",
        "migrate",
        "mongo",
        "bench",
        "config",
        "health",
        "--data-dir",
        "DATA_DIR",
        "PORT",
        "JWT_SECRET",
        "RATE_LIMITS",
        "Examples",
    ] {
        assert!(help.contains(word), "no {word} in:\n{help}");
    }
    let help = said(&run(echod(folder.path()).args(["user", "--help"]), ""));
    for word in ["create", "list", "role", "suspend", "password"] {
        assert!(help.contains(word), "no {word} in:\n{help}");
    }
}

#[test]
fn the_settings_are_shown_without_secrets() {
    let Some(folder) = own_folder() else { return };
    let secret = "do not show this to anybody, please";
    let mut command = echod(folder.path());

    let shown =
        said(&run(command.env("JWT_SECRET", secret).env("PORT", "8123").args(["config", "--log-format", "json"]), ""));

    let line = |name: &str| {
        shown.lines().find(|line| line.starts_with(name)).unwrap_or_else(|| panic!("no {name} in:\n{shown}"))
    };
    assert!(!shown.contains(secret) && line("JWT_SECRET").contains("***"), "{shown}");
    assert!(line("PORT").contains("8123") && line("PORT").contains("environment"), "{shown}");
    assert!(line("LOG_FORMAT").contains("json") && line("LOG_FORMAT").contains("flag"), "{shown}");
    assert!(line("HOST").contains("127.0.0.1") && line("HOST").contains("default"), "{shown}");
}

#[test]
fn settings_are_read_from_a_file_and_the_environment_goes_first() {
    let Some(folder) = own_folder() else { return };
    std::fs::write(folder.path().join(".env"), "HOST=127.0.0.9\nCORS_ORIGINS=https://app.example.com\n").unwrap();

    let shown = said(&run(echod(folder.path()).env("HOST", "127.0.0.8").arg("config"), ""));

    assert!(
        shown.contains("https://app.example.com") && shown.contains("127.0.0.8") && !shown.contains("127.0.0.9"),
        "{shown}"
    );
}

#[test]
fn a_setting_that_is_empty_is_unset() {
    let Some(folder) = own_folder() else { return };
    let config = || {
        let mut command = echod(folder.path());
        command.env_clear().arg("config");
        command
    };
    let unset = said(&run(&mut config(), ""));
    let names: Vec<_> = unset.lines().filter_map(|line| line.split_ascii_whitespace().next()).collect();
    assert!(names.len() > 20 && names.contains(&"PORT") && names.contains(&"JWT_SECRET"), "{names:?}");

    let empty = run(config().envs(names.iter().map(|name| (name, ""))), "");

    assert_eq!(said(&empty), unset);
}

#[tokio::test]
async fn health_tells_whether_the_server_lives_and_whether_it_is_ready() {
    let Some(mut server) = OwnServer::start().await else { return };
    let address = server.address();
    let port = address.rsplit(':').next().unwrap();

    let alive = server.run(&["health", "--port", port], "");
    assert!(said(&alive).contains("is alive"), "{alive:?}");
    let ready = server.run(&["health", "--ready", "--port", port], "");
    assert!(said(&ready).contains("is ready"), "{ready:?}");

    server.kill();
    for asked in [&["health", "--port", port][..], &["health", "--ready", "--port", port]] {
        assert!(complaint(&server.run(asked, "")).contains(port));
    }
}

#[test]
fn health_asks_for_life_and_readiness_apart() {
    let Some(folder) = own_folder() else { return };
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut request = String::new();
            BufReader::new(&stream).read_line(&mut request).unwrap();
            let status = if request.starts_with("GET /healthz ") { "200 OK" } else { "503 Service Unavailable" };
            stream.write_all(format!("HTTP/1.1 {status}\r\nConnection: close\r\n\r\n").as_bytes()).unwrap();
        }
    });

    let alive = run(echod(folder.path()).args(["health", "--port", &port]), "");
    let ready = run(echod(folder.path()).args(["health", "--ready", "--port", &port]), "");

    assert!(said(&alive).contains("is alive"), "{alive:?}");
    assert!(complaint(&ready).contains("is not ready: 503"), "{ready:?}");
}

#[tokio::test]
async fn accounts_are_created_and_listed_while_the_server_runs() {
    let Some(server) = OwnServer::start().await else { return };
    let username = unique("ops");
    let email = format!("{username}@example.com");
    let create = |username: &str, email: &str, password: &str| {
        server.run(
            &["user", "create", "--username", username, "--email", email, "--name", "Op", "--role", "admin"],
            password,
        )
    };

    said(&create(&username, &email, &format!("{PASSWORD}\n")));

    let op = server.log_in(&username, PASSWORD).await;
    let me = op.get("/api/users/me").await.expect(200).data();
    assert_eq!((&me["role"], &me["name"], &me["email"]), (&json!("admin"), &json!("Op"), &json!(email)));
    let list = said(&server.run(&["user", "list"], ""));
    assert!(list.contains(&username) && list.contains("admin") && !list.contains("argon2"), "{list}");
    assert!(!complaint(&create(&username.to_uppercase(), "else@example.com", PASSWORD)).is_empty());
    assert!(complaint(&create("bad name", "else@example.com", PASSWORD)).contains("username"));
    assert!(complaint(&create(&unique("op"), "else@example.com", "short")).contains("password"));
}

#[tokio::test]
async fn a_moderator_may_delete_what_others_made() {
    let Some(server) = OwnServer::start().await else { return };
    let (ana, bob) = (server.sign_up("ana").await, server.sign_up("bob_").await);
    let (post, other) = (ana.publish("hello").await, ana.publish("other").await);
    ana.comment(&other, "a comment").await;
    bob.delete(&post.path()).await.refused(403, "not_yours");

    said(&server.run(&["user", "role", &bob.username, "moderator"], ""));

    // His sessions end, since their tokens tell the old role.
    let ended = async || bob.get("/api/users/me").await.status == 401;
    eventually("bob is signed out", Duration::from_secs(5), ended).await;
    let bob = server.log_in(&bob.username, PASSWORD).await;
    bob.delete(&post.path()).await.expect(200);
    let comment = ids(&bob.view(&other).await["comments"])[0].clone();
    bob.delete(&other.at(&format!("comment/{comment}"))).await.expect(200);
    server.anonymous().get(&post.path()).await.expect(404);
}

#[tokio::test]
async fn a_suspended_account_stops_working_until_it_is_let_in_again() {
    let Some(server) = OwnServer::start().await else { return };
    let ana = server.sign_up("ana").await;
    let post = ana.publish("stays").await;
    let form = json!({"email": ana.email, "password": PASSWORD});
    let log_in = || server.anonymous().post("/api/auth/login").json(form.clone());

    said(&server.run(&["user", "suspend", &ana.email], ""));

    let ended = async || ana.get("/api/users/me").await.status == 401;
    eventually("ana is signed out", Duration::from_secs(5), ended).await;
    log_in().await.refused(403, "account_suspended");
    let refresh = json!({"refreshToken": ana.refresh_token});
    server.anonymous().post("/api/auth/refresh").json(refresh).await.expect(403);
    server.anonymous().get(&post.path()).await.expect(200);

    said(&server.run(&["user", "suspend", "--undo", &ana.username], ""));
    log_in().await.expect(200);
}

#[tokio::test]
async fn a_forgotten_password_is_set_anew() {
    let Some(server) = OwnServer::start().await else { return };
    let ana = server.sign_up("ana").await;

    said(&server.run(&["user", "password", &ana.username], "another fine one\n"));

    let ended = async || ana.get("/api/users/me").await.status == 401;
    eventually("ana is signed out", Duration::from_secs(5), ended).await;
    server.log_in(&ana.username, "another fine one").await;
    let old = json!({"username": ana.username, "password": PASSWORD});
    server.anonymous().post("/api/auth/login").json(old).await.expect(401);
    assert!(complaint(&server.run(&["user", "password", "nobody_here"], "another fine one")).contains("nobody_here"));
}

#[test]
fn a_folder_without_an_echo_is_told() {
    let Some(folder) = own_folder() else { return };
    let nowhere = folder.path().join("nowhere");

    let told = complaint(&run(echod(&nowhere).args(["user", "list"]), ""));

    assert!(told.contains(nowhere.to_str().unwrap()) && told.contains("DATA_DIR"), "{told}");
    assert!(!nowhere.exists());
}

#[test]
fn a_folder_that_cannot_be_looked_into_is_told_from_one_without_an_echo() {
    let Some(folder) = own_folder() else { return };
    let around = folder.path().join("around");
    std::os::unix::fs::symlink("around", &around).unwrap();

    let told = complaint(&run(echod(&around).args(["backup", "x.tar"]).current_dir(&folder), ""));

    assert!(told.contains("cannot use the data folder") && !told.contains("no Echo"), "{told}");
}
