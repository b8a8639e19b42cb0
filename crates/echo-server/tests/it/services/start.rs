//! Services that cannot work do not start, and say what to set.

use crate::echod::{echod, own_folder, run};

use super::SECRET;

/// What a process with the role `posts` needs, in the order in which it is missed.
const NEEDED: [(&str, &str); 8] = [
    ("MONGODB_URI", "mongodb://127.0.0.1:1/echo?serverSelectionTimeoutMS=500"),
    ("REDIS_URL", "redis://127.0.0.1:1"),
    ("JWT_SECRET", SECRET),
    ("SERVICE_TOKEN", SECRET),
    ("INTERNAL_ADDR", "127.0.0.1:0"),
    ("PEER_AUTH_URL", "http://127.0.0.1:1"),
    ("PEER_USERS_URL", "http://127.0.0.1:1"),
    ("PEER_MEDIA_URL", "http://127.0.0.1:1"),
];

/// The one line that it ends with.
fn refusal(settings: &[(&str, &str)]) -> Option<String> {
    let folder = own_folder()?;
    let output = run(echod(&folder.path().join("data")).env("INTERNAL_ADDR", "off").envs(settings.iter().copied()), "");
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success(), "it started with {settings:?}");
    assert_eq!(error.trim().lines().count(), 1, "not one line:\n{error}");
    Some(error)
}

#[test]
fn a_role_without_what_it_needs_is_refused_by_the_name_of_the_setting() {
    for (missing, (setting, _)) in NEEDED.iter().enumerate() {
        let settings = [&[("ROLES", "posts")], &NEEDED[..missing]].concat();
        // Redis alone is refused for what it is.
        let Some(error) = refusal(&settings) else { return };

        assert!(error.contains("ROLES is posts") && error.contains(setting), "{setting}: {error}");
    }
    // With everything set, it goes as far as to MongoDB.
    let Some(error) = refusal(&[&[("ROLES", "posts")], &NEEDED[..]].concat()) else { return };
    assert!(!error.contains("ROLES"), "{error}");
}

#[test]
fn what_is_no_role_is_refused() {
    for (roles, words) in [("chat", "not there yet"), ("auth,editor", "auth,users,posts,media,worker")] {
        let Some(folder) = own_folder() else { return };
        let output = run(echod(&folder.path().join("data")).env("ROLES", roles), "");

        let error = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && error.contains(words) && error.contains("ROLES"), "{error}");
    }
}

#[test]
fn a_service_token_that_can_be_guessed_is_refused() {
    let Some(error) = refusal(&[("SERVICE_TOKEN", "swordfish")]) else { return };

    assert!(error.contains("SERVICE_TOKEN") && !error.contains("swordfish"), "{error}");
}
