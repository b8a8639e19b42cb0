//! What cannot work is said in one line, at once.

use std::{fs, net::TcpListener, path::Path, process::Output};

use rustix::process::Signal;

use crate::echod::{OwnServer, echod, own_folder, run};

/// Expects an end with a failure, and one line on stderr that has these words.
#[track_caller]
fn assert_one_line(output: &Output, words: &[&str]) {
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success(), "it succeeded: {output:?}");
    assert_eq!(error.trim().lines().count(), 1, "not one line:\n{error}");
    for word in words {
        assert!(error.contains(word), "no {word:?} in: {error}");
    }
}

fn serve(data: &Path, settings: &[(&str, &str)]) -> Output {
    run(echod(data).envs(settings.iter().copied()), "")
}

#[test]
fn a_taken_port_is_told() {
    let Some(folder) = own_folder() else { return };
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();

    let output = serve(&folder.path().join("data"), &[("PORT", &port)]);

    assert_one_line(&output, &[&port, "PORT"]);
}

#[test]
fn a_taken_internal_address_is_told() {
    let Some(folder) = own_folder() else { return };
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();

    let output = serve(&folder.path().join("data"), &[("INTERNAL_ADDR", &address)]);

    assert_one_line(&output, &[&address, "INTERNAL_ADDR"]);
}

#[test]
fn a_data_folder_that_cannot_be_written_is_told() {
    let Some(folder) = own_folder() else { return };
    let file = folder.path().join("file");
    fs::write(&file, "no folder").unwrap();

    // Root may write nearly everywhere: not below a file, and not into /proc.
    for data in [file.join("data"), file, Path::new("/proc/echo").to_owned()] {
        let output = serve(&data, &[]);

        assert_one_line(&output, &[data.to_str().unwrap()]);
    }
}

#[test]
fn a_setting_that_makes_no_sense_is_told() {
    let Some(folder) = own_folder() else { return };

    for (setting, value) in [
        ("PORT", "none"),
        ("PORT", "70000"),
        ("JWT_SECRET", "too short"),
        ("INTERNAL_ADDR", "nowhere"),
        ("RATE_LIMITS", "maybe"),
        ("PUBLIC_URL", "no address"),
        ("TRUSTED_PROXIES", "everyone"),
    ] {
        let output = serve(&folder.path().join("data"), &[(setting, value)]);

        let error = String::from_utf8_lossy(&output.stderr).to_uppercase().replace('-', "_");
        assert!(!output.status.success() && error.contains(setting), "{setting}={value}: {output:?}");
        assert!(setting != "JWT_SECRET" || !error.contains("TOO SHORT\""), "a secret is shown: {error}");
    }
}

#[tokio::test]
async fn a_data_folder_that_is_served_already_is_told() {
    let Some(server) = OwnServer::start().await else { return };

    let output = serve(&server.data(), &[]);

    assert_one_line(&output, &[server.data().to_str().unwrap()]);
    server.anonymous().get("/readyz").await.expect(200);
}

#[tokio::test]
async fn a_database_of_a_newer_version_is_told_and_left_alone() {
    let Some(mut server) = OwnServer::start().await else { return };
    assert!(server.stop(Signal::TERM).success());
    let databases = fs::read_dir(server.data()).unwrap().map(|entry| entry.unwrap().path());
    let database = databases.into_iter().find(|path| is_sqlite(path)).expect("no database in the data folder");
    let mut bytes = fs::read(&database).unwrap();
    // `user_version`, big endian at offset 60 (SQLite, "Database File Format" §1.3).
    bytes[60..64].copy_from_slice(&9999_u32.to_be_bytes());
    fs::write(&database, &bytes).unwrap();

    let output = serve(&server.data(), &[]);

    assert_one_line(&output, &["9999"]);
    assert_eq!(fs::read(&database).unwrap(), bytes);
}

#[tokio::test]
async fn a_database_that_is_none_is_told() {
    let Some(mut server) = OwnServer::start().await else { return };
    assert!(server.stop(Signal::TERM).success());
    for entry in fs::read_dir(server.data()).unwrap() {
        let path = entry.unwrap().path();
        if is_sqlite(&path) {
            fs::write(path, "this is no database, however long one looks at it".repeat(100)).unwrap();
        }
    }

    let output = serve(&server.data(), &[]);

    assert_one_line(&output, &[server.data().to_str().unwrap()]);
}

fn is_sqlite(path: &Path) -> bool {
    path.is_file() && fs::read(path).is_ok_and(|bytes| bytes.starts_with(b"SQLite format 3\0"))
}
