//! `echod bench`: how many people this box carries, found out in a folder that is gone afterwards.

use std::{
    fs,
    net::{SocketAddr, TcpStream},
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::{
    app::eventually,
    cli::{complaint, said},
    echod::{echod, own_folder, run, run_within},
};

/// For measurements of a second each, about twenty, of a program that is not optimised, beside other tests.
const PATIENCE: Duration = Duration::from_secs(600);

/// One with measurements of so many seconds. The data folder is not there yet: what is made lies where that would be.
fn bench(folder: &Path, seconds: u32) -> Command {
    let mut command = echod(&folder.join("data"));
    command.args(["bench", "--people", "10", "--seconds", &seconds.to_string()]);
    command
}

fn is_empty(folder: &Path) -> bool {
    fs::read_dir(folder).unwrap().next().is_none()
}

#[track_caller]
fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("{value} is no number"))
}

#[test]
fn a_program_is_told_figures_that_fit_together() {
    let Some(folder) = own_folder() else { return };

    let told = said(&run_within(bench(folder.path(), 1).arg("--json"), "", PATIENCE));

    let told: Value = serde_json::from_str(&told).unwrap();
    let alone = told["alone"].as_array().unwrap();
    assert_eq!(alone.len(), 7, "{told}");
    for one in alone {
        assert!(number(&one["perSecond"]) > 0.0 && number(&one["serverCpuMillis"]) > 0.0, "{one}");
        assert!(number(&one["p50Millis"]) > 0.0 && number(&one["p50Millis"]) <= number(&one["p99Millis"]), "{one}");
    }
    let (people, refused) = (number(&told["people"]), number(&told["peopleRefused"]));
    assert!(people < refused, "{told}");
    assert!(!told["tooMuch"]["signs"].as_array().unwrap().is_empty(), "{told}");
    let limits = ["client", "processor", "disk", "memory", "passwords", "pictures", "unknown"];
    assert!(limits.iter().any(|limit| told["limit"] == *limit), "{told}");
    let carried = &told["carried"];
    assert_eq!(carried.is_null(), people == 0.0, "{told}");
    if !carried.is_null() {
        assert!(number(&carried["quickP99Millis"]) <= 250.0, "{told}");
        // Of so few requests, none may have been a heavy one.
        assert!(carried["heavyP99Millis"].as_f64().is_none_or(|took| took <= 1000.0), "{told}");
        assert!(carried["failed"] == 0 && carried["turnedAway"] == 0 && number(&carried["answered"]) > 0.0, "{told}");
        // 150.8 requests a day, a tenth of them in one hour.
        assert!((people - number(&carried["perSecond"]) / 150.8 * 36_000.0).abs() <= 1.0, "{told}");
    }
    assert!(is_empty(folder.path()), "something is left");
}

#[test]
fn somebody_is_told_how_many_people_who_only_read_are_carried_and_what_gives_out_first() {
    let Some(folder) = own_folder() else { return };
    let others = ["opens", "images", "likes", "posts", "uploads", "logins"].map(|kind| format!("--{kind}=0"));

    let output = run_within(bench(folder.path(), 1).args(["--feeds=100", "--peak=36"]).args(others), "", PATIENCE);

    // Not at a terminal: nothing of how far it is.
    let told = said(&output);
    assert!(output.stderr.is_empty(), "{output:?}");
    assert!(told.contains("feed reads") && told.contains("First to give out: "), "{told}");
    let figure = |after: &str| -> f64 {
        let rest = told.split_once(after).unwrap_or_else(|| panic!("no {after} in {told}")).1;
        rest.split_whitespace().next().unwrap().replace(',', "").parse().unwrap()
    };
    // Each of them one request in a hundred seconds of that hour.
    let (people, rate) = (figure("This box carries about "), figure("busiest hour:\n"));
    assert!(people > 0.0 && (people / 100.0 / rate - 1.0).abs() < 0.15, "{told}");
    assert!(is_empty(folder.path()), "something is left");
}

/// Starts one, and waits until its server listens. Where that is.
async fn started(folder: &Path) -> (std::process::Child, SocketAddr) {
    let child = bench(folder, 60).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let listening = || {
        let made = fs::read_dir(folder).unwrap().next()?.unwrap().path();
        let said = fs::read_to_string(made.join("echod.log")).ok()?;
        let port = said.split_once("is ready at http://localhost:")?.1.split_once('\n')?.0.parse().unwrap();
        Some(SocketAddr::from(([127, 0, 0, 1], port)))
    };
    eventually("its server listens", Duration::from_secs(60), async || listening().is_some()).await;
    (child, listening().unwrap())
}

#[tokio::test]
async fn interrupted_it_leaves_neither_folder_nor_server() {
    let Some(folder) = own_folder() else { return };
    for signal in [Signal::INT, Signal::TERM] {
        let (child, server) = started(folder.path()).await;

        kill_process(Pid::from_child(&child), signal).unwrap();

        assert_eq!(complaint(&child.wait_with_output().unwrap()), "echod: interrupted");
        assert!(is_empty(folder.path()), "something is left after {signal:?}");
        assert!(TcpStream::connect(server).is_err(), "the server goes on after {signal:?}");
    }
}

#[tokio::test]
async fn killed_it_leaves_no_server() {
    let Some(folder) = own_folder() else { return };
    let (mut child, server) = started(folder.path()).await;

    child.kill().unwrap();
    child.wait().unwrap();

    eventually("the server is gone", Duration::from_secs(30), async || TcpStream::connect(server).is_err()).await;
}

#[test]
fn a_disk_that_takes_nothing_is_told() {
    let Some(folder) = own_folder() else { return };
    let nowhere = folder.path().join("nowhere");
    for dir in [nowhere.to_str().unwrap(), "/proc"] {
        let told = complaint(&run(bench(folder.path(), 1).args(["--dir", dir]), ""));

        assert!(told.contains(dir) && told.contains("--dir"), "{told}");
    }
    assert!(is_empty(folder.path()), "something is left");
}

#[test]
fn records_elsewhere_and_people_who_do_nothing_are_refused() {
    let Some(folder) = own_folder() else { return };

    let elsewhere = run(bench(folder.path(), 1).env("MONGODB_URI", "mongodb://localhost/echo"), "");
    assert!(complaint(&elsewhere).contains("MONGODB_URI"), "{elsewhere:?}");
    let all = ["feeds", "opens", "images", "likes", "posts", "uploads", "logins"].map(|kind| format!("--{kind}=0"));
    assert!(complaint(&run(bench(folder.path(), 1).args(all), "")).contains("--feeds"));
}
