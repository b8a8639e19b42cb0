//! A cluster that cannot work does not start, and says what to set.

use std::process::Output;

use crate::echod::{OwnServer, echod, own_folder, run};

use super::servers::Server;

fn serve(settings: &[(&str, &str)]) -> Option<Output> {
    let folder = own_folder()?;
    Some(run(echod(&folder.path().join("data")).envs(settings.iter().copied()), ""))
}

/// Expects a failure, in one line on stderr with these words and not with that one.
#[track_caller]
fn assert_one_line(output: &Output, words: &[&str], not: &str) {
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success(), "it succeeded: {output:?}");
    assert_eq!(error.trim().lines().count(), 1, "not one line:\n{error}");
    assert!(words.iter().all(|word| error.contains(word)), "not {words:?}: {error}");
    assert!(!error.contains(not), "{not:?} in: {error}");
}

#[test]
fn redis_without_mongodb_is_refused() {
    let Some(output) = serve(&[("REDIS_URL", "redis://127.0.0.1:6379")]) else { return };

    assert_one_line(&output, &["REDIS_URL", "MONGODB_URI"], "panicked");
}

#[test]
fn a_mongodb_that_is_not_there_is_told() {
    let uri = "mongodb://ana:hunter2@127.0.0.1:1/echo?serverSelectionTimeoutMS=500";
    let Some(output) = serve(&[("MONGODB_URI", uri)]) else { return };

    assert_one_line(&output, &["MONGODB_URI"], "hunter2");
}

#[test]
fn a_uri_that_is_none_is_told() {
    let Some(output) = serve(&[("MONGODB_URI", "postgres://ana:hunter2@localhost/echo")]) else { return };

    assert_one_line(&output, &["MONGODB_URI"], "hunter2");
}

#[test]
fn a_redis_that_is_not_there_is_told() {
    if own_folder().is_none() {
        return;
    }
    let mongo = Server::mongo();
    let uri = mongo.mongodb_uri();
    let settings = [("MONGODB_URI", uri.as_str()), ("REDIS_URL", "redis://:hunter2@127.0.0.1:1")];
    let Some(output) = serve(&settings) else { return };

    assert_one_line(&output, &["REDIS_URL"], "hunter2");
}

#[tokio::test]
async fn a_second_process_without_redis_is_refused() {
    let mongo = Server::mongo();
    let uri = mongo.mongodb_uri();
    let Some(mut first) = OwnServer::start_with(&[("MONGODB_URI", &uri)]).await else { return };
    let ana = first.sign_up("ana").await;

    let second = tokio::task::spawn_blocking(move || serve(&[("MONGODB_URI", &uri)])).await.unwrap();

    assert_one_line(&second.unwrap(), &["REDIS_URL"], "panicked");
    // After a kill, it waits until the one before is known to be gone.
    first.restart();
    first.bearing(Some(ana.token())).get("/api/users/me").await.expect(200);
}
