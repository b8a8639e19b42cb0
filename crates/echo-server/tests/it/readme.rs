//! What the texts say is true: README's examples run and reply as printed, its settings are those that there are, and
//! docs/api.md has every route, every error code and every limit.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use reqwest::StatusCode;
use serde_json::Value;

use crate::{
    app::TestApp,
    contract::Contract,
    echod::{OwnServer, echod, own_folder, run},
};

/// Where README says that Echo is.
const README_ADDRESS: &str = "http://localhost:8000";
/// Between the outputs of two examples: ASCII's record separator.
const SEPARATOR: char = '\u{1e}';

#[tokio::test]
async fn the_examples_of_the_readme_run_and_reply_as_printed() {
    let Some(server) = OwnServer::start_with(&[("RATE_LIMITS", "on")]).await else { return };
    let Some(folder) = own_folder() else { return };
    let examples = examples(&text("README.md"));
    assert!(examples.len() > 10, "only {} examples in README.md", examples.len());
    fs::create_dir(folder.path().join("docs")).unwrap();
    fs::copy(path("docs/example.png"), folder.path().join("docs/example.png")).unwrap();
    let script: String = examples.iter().map(|it| format!("{}printf '\\036'\n", it.script)).collect();
    fs::write(folder.path().join("script"), script.replace(README_ADDRESS, &server.address())).unwrap();

    let output = run(Command::new("sh").args(["-eu", "script"]).current_dir(folder.path()), "");

    let port = server.address().rsplit(':').next().unwrap().to_owned();
    let printed = String::from_utf8_lossy(&output.stdout).replace(&format!("http://localhost:{port}"), README_ADDRESS);
    let errors = String::from_utf8_lossy(&output.stderr);
    let mut replies = printed.split(SEPARATOR);
    for Example { line, reply, .. } in &examples {
        let got = replies.next().unwrap_or_default();
        assert!(output.status.success() || !got.is_empty() || reply.is_none(), "README.md:{line} failed: {errors}");
        match reply {
            Some(Expected::Json(expected)) => assert_eq!(json(got), json(expected), "README.md:{line}: {errors}"),
            Some(Expected::Text(expected)) => assert_eq!(lines(got), lines(expected), "README.md:{line}: {errors}"),
            None => {}
        }
    }
    assert!(output.status.success(), "README's examples failed:\n{printed}\n{errors}");
}

#[test]
fn the_readme_lists_the_settings_there_are_with_their_defaults() {
    let Some(folder) = own_folder() else { return };
    let mut config = echod(folder.path());
    for name in ["PORT", "INTERNAL_ADDR", "RATE_LIMITS", "DATA_DIR"] {
        config.env_remove(name);
    }

    let shown = run(config.arg("config"), "");

    let shown = String::from_utf8(shown.stdout).unwrap();
    let told: Vec<_> =
        shown.lines().map(|line| line.split_whitespace().take(2).collect::<Vec<_>>().join(" ")).collect();
    let readme = text("README.md");
    let rows = rows(section(&readme, "## Settings")).map(|cells| format!("{} {}", cells[0], cells[1]));
    assert_eq!(rows.collect::<Vec<_>>(), told);
}

#[tokio::test]
async fn the_api_s_page_lists_every_route() {
    let app = TestApp::start().await;
    let contract = Contract::of(&app).await.unwrap();

    let page = text("docs/api.md");

    let listed: BTreeSet<_> = rows(&page).map(|cells| cells[0].clone()).filter(|cell| cell.contains(" /")).collect();
    let there: BTreeSet<_> = contract.operations.iter().map(|it| format!("{} {}", it.method, it.path)).collect();
    assert_eq!(listed, there);
}

#[test]
fn the_api_s_page_lists_every_error_code_with_its_status() {
    let page = text("docs/api.md");
    let mut codes = BTreeSet::new();
    for file in sources(&["echo-domain", "echo-http", "echo-sqlite"]) {
        codes.extend(refusals(&file));
    }
    codes.extend(http_codes(&text("crates/echo-http/src/error.rs")));

    let listed: BTreeSet<_> =
        rows(section(&page, "## Errors")).map(|cells| (cells[0].parse().unwrap(), cells[1].clone())).collect();

    assert!(codes.len() > 30, "only {codes:?} found in the sources");
    assert_eq!(listed, codes);
}

#[test]
fn the_api_s_page_lists_every_limit() {
    let (page, source) = (text("docs/api.md"), text("crates/echo-http/src/limits.rs"));
    let policy = |start: &str| {
        let (name, rest) = start.split_once("\", quota: ").unwrap();
        let (quota, rest) = rest.split_once(", window: ").unwrap();
        let (window, _) = rest.split_once(' ').unwrap();
        (name.to_owned(), format!("{quota} per {}", window.to_lowercase()))
    };

    let there: Vec<_> = source.split("Policy { name: \"").skip(1).map(policy).collect();

    let listed: Vec<_> = rows(section(&page, "## Limits")).map(|cells| (cells[0].clone(), cells[1].clone())).collect();
    assert!(there.len() > 5, "only {there:?} found in the source");
    assert_eq!(listed, there);
}

/// A block of commands, and what it prints if the page says so.
struct Example {
    line: usize,
    script: String,
    reply: Option<Expected>,
}

enum Expected {
    Json(String),
    Text(String),
}

/// Each `sh` block, with the block of `json` or `text` that follows it at once.
fn examples(page: &str) -> Vec<Example> {
    let mut examples: Vec<Example> = Vec::new();
    let mut lines = page.lines().enumerate();
    // Whether the last thing on the page was a block of commands.
    let mut open = false;
    while let Some((number, line)) = lines.next() {
        let Some(language) = line.strip_prefix("```") else {
            open &= line.is_empty();
            continue;
        };
        let block = lines.by_ref().map(|(_, line)| line).take_while(|line| *line != "```");
        let block: String = block.map(|line| format!("{line}\n")).collect();
        match (language, examples.last_mut().filter(|_| open)) {
            ("json", Some(example)) => example.reply = Some(Expected::Json(block)),
            ("text", Some(example)) => example.reply = Some(Expected::Text(block)),
            ("sh", _) => examples.push(Example { line: number + 1, script: block, reply: None }),
            _ => {}
        }
        open = language == "sh";
    }
    examples
}

/// What is JSON on both sides, with ids and times out of the way.
#[track_caller]
fn json(text: &str) -> Value {
    serde_json::from_str(&masked(text)).unwrap_or_else(|error| panic!("{error} in {text}"))
}

fn lines(text: &str) -> Vec<String> {
    masked(text).lines().map(|line| line.trim().to_owned()).collect()
}

/// The text with `…` for each id and each time, which happen to be equally long.
fn masked(text: &str) -> String {
    const LENGTH: usize = 24;
    let is_id = |word: &str| word.bytes().all(|c| matches!(c, b'0'..=b'9' | b'a'..=b'f'));
    let is_time = |word: &str| word.replace(|c: char| c.is_ascii_digit(), "0") == "0000-00-00T00:00:00.000Z";
    let (mut masked, mut rest) = (String::new(), text);
    while let Some(first) = rest.chars().next() {
        let special = rest.get(..LENGTH).is_some_and(|word| is_id(word) || is_time(word));
        masked.push(if special { '…' } else { first });
        rest = &rest[if special { LENGTH } else { first.len_utf8() }..];
    }
    masked
}

/// A page from this heading to the next of its kind.
#[track_caller]
fn section<'a>(page: &'a str, heading: &str) -> &'a str {
    let (_, rest) = page.split_once(&format!("\n{heading}\n")).unwrap_or_else(|| panic!("no {heading}"));
    rest.split("\n## ").next().unwrap_or_default()
}

/// The cells of each row of the tables there, without their backticks; headings are not rows.
fn rows(page: &str) -> impl Iterator<Item = Vec<String>> {
    let is_row = |line: &&str| line.starts_with('|') && line.contains('`');
    let cells = |line: &str| line.split('|').skip(1).map(|cell| cell.trim().replace('`', "")).collect();
    page.lines().filter(is_row).map(cells)
}

/// The codes that use cases and stores refuse with: `Error::not_found("post_not_found", …)`.
fn refusals(source: &str) -> BTreeSet<(u16, String)> {
    let mut codes = BTreeSet::new();
    let makers =
        [("unauthenticated", 401), ("forbidden", 403), ("not_found", 404), ("conflict", 409), ("over_quota", 507)];
    for (maker, status) in makers {
        for call in source.split(&format!("Error::{maker}(")).skip(1) {
            let code = call.trim_start().strip_prefix('"').and_then(|rest| rest.split_once('"'));
            let (code, _) = code.unwrap_or_else(|| panic!("Error::{maker} with a code that is not there to be read"));
            codes.insert((status, code.to_owned()));
        }
    }
    codes
}

/// The codes that only HTTP knows: `(StatusCode::NOT_FOUND, "route_not_found")`.
fn http_codes(source: &str) -> BTreeSet<(u16, String)> {
    let pair = |call: &str| {
        let (name, rest) = call.split_once(", \"")?;
        let (code, _) = rest.split_once('"')?;
        Some((status(name)?, code.to_owned()))
    };
    source.split("(StatusCode::").skip(1).filter_map(pair).collect()
}

/// The number of a status that the source calls `NOT_FOUND`.
fn status(name: &str) -> Option<u16> {
    let called = |status: StatusCode| status.canonical_reason().map(|reason| reason.to_uppercase().replace(' ', "_"));
    (400..600).find(|number| StatusCode::from_u16(*number).ok().and_then(called).as_deref() == Some(name))
}

/// The crates' sources without their tests, file by file.
fn sources(crates: &[&str]) -> Vec<String> {
    let mut files = Vec::new();
    let mut folders: Vec<_> = crates.iter().map(|name| path("crates").join(name).join("src")).collect();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            let name = entry.file_name().unwrap().to_str().unwrap().to_owned();
            if entry.is_dir() {
                folders.push(entry);
            } else if name.ends_with(".rs") && !name.ends_with("contract.rs") {
                let source = fs::read_to_string(entry).unwrap();
                files.push(source.split("#[cfg(test)]\nmod tests {").next().unwrap().to_owned());
            }
        }
    }
    files
}

fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(name)
}

fn text(name: &str) -> String {
    fs::read_to_string(path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}
