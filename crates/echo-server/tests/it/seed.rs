//! `echod seed`: a demo world that is there, whole, and the same each time.

use std::{path::Path, process::Output};

use serde_json::{Value, json};

use crate::{
    app::{Person, TestApp, text},
    echod::{OwnServer, echod, own_folder, run},
};

/// Of every demo person, as the command prints it.
const PASSWORD: &str = "echo-demo-password";
/// A small world with everything in it: posts with and without pictures, and people who are known by many.
const SMALL: [&str; 5] = ["seed", "--users", "60", "--posts", "40"];

fn seed(data: &Path, more: &[&str]) -> Output {
    run(echod(data).args(SMALL).args(more), "")
}

/// What it printed, having succeeded.
#[track_caller]
fn said(output: &Output) -> String {
    assert!(output.status.success(), "{output:?}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// The best known person, who is named in what the command printed.
async fn best_known(app: &TestApp, printed: &str) -> Person {
    let username = printed.rsplit("the best known is ").next().unwrap().split(['.', '\n']).next().unwrap();
    app.log_in(username, PASSWORD).await
}

/// Everything that anybody can see of the world: posts as everyone gets them, people as they are found, whom they follow.
async fn seen_by(viewer: &Person) -> Value {
    let posts = viewer.app.anonymous().get("/api/posts?limit=100").await.expect(200).data();
    let people = viewer.get("/api/users/search?query=_&limit=100").await.expect(200).data();
    let mut follows = Vec::new();
    for person in people["users"].as_array().unwrap() {
        follows.push(viewer.walk(&format!("/api/users/{}/following", text(&person["_id"])), 100, |_| false).await);
    }
    json!({"posts": posts["posts"], "total": posts["totalPosts"], "people": people["users"], "follows": follows})
}

#[tokio::test]
async fn a_seeded_echo_has_people_who_sign_in_posts_with_pictures_and_timelines() {
    let Some(server) = OwnServer::start().await else { return };

    let printed = said(&seed(&server.data(), &[]));

    assert!(printed.contains("60 people") && printed.contains("40 posts, 10 with a picture"), "{printed}");
    let somebody = best_known(&server, &printed).await;
    let found = somebody.get(&format!("/api/users/search?query={}", somebody.username)).await.expect(200).data();
    assert_eq!(found["users"][0]["_id"], somebody.id);
    let timeline = somebody.get("/api/feed?limit=10").await.expect(200).data();
    assert!(!timeline["items"].as_array().unwrap().is_empty(), "{timeline}");
    let feed = server.anonymous().get("/api/posts?limit=40").await.expect(200).data();
    let blocks = feed["posts"].as_array().unwrap().iter().flat_map(|post| post["content"].as_array().unwrap());
    let images: Vec<_> = blocks.filter(|block| block["type"] == "image").collect();
    assert_eq!((feed["totalPosts"].as_u64(), images.len()), (Some(40), 10));
    for image in images {
        server.anonymous().get(&text(&image["value"])).await.expect(200);
        assert!(!text(&image["alt"]).is_empty());
    }
}

#[tokio::test]
async fn counts_equal_what_is_there() {
    let Some(server) = OwnServer::start().await else { return };
    let somebody = best_known(&server, &said(&seed(&server.data(), &[]))).await;

    let world = seen_by(&somebody).await;

    for post in world["posts"].as_array().unwrap() {
        let (likes, comments) = (format!("{}/likes", path(post)), format!("{}/comments", path(post)));
        assert_eq!(post["likeCount"], somebody.walk(&likes, 7, |_| false).await.len());
        assert_eq!(post["commentCount"], somebody.walk(&comments, 7, |_| false).await.len());
    }
    for (person, follows) in world["people"].as_array().unwrap().iter().zip(world["follows"].as_array().unwrap()) {
        let followers = format!("/api/users/{}/followers", text(&person["_id"]));
        assert_eq!(person["followersCount"], somebody.walk(&followers, 100, |_| false).await.len());
        assert_eq!(person["followingCount"], follows.as_array().unwrap().len());
    }
    let likes = |post: &Value| post["likeCount"].as_u64().unwrap();
    assert!(world["posts"].as_array().unwrap().iter().any(|post| likes(post) > 1), "nobody likes anything");
}

#[tokio::test]
async fn the_same_seed_again_changes_nothing_and_elsewhere_makes_the_same() {
    let (Some(mut here), Some(there)) = (OwnServer::start().await, OwnServer::start().await) else { return };
    let printed = said(&seed(&here.data(), &[]));
    let before = seen_by(&best_known(&here, &printed).await).await;

    said(&seed(&here.data(), &[]));
    said(&seed(&there.data(), &[]));

    // A new process, so that nothing is remembered from before.
    here.restart();
    let again = seen_by(&best_known(&here, &printed).await).await;
    let elsewhere = seen_by(&best_known(&there, &printed).await).await;
    assert_eq!(at_one_address(&again, &here), at_one_address(&before, &here));
    assert_eq!(at_one_address(&elsewhere, &here), at_one_address(&before, &here));
}

#[tokio::test]
async fn another_seed_makes_another_world_and_asks_for_force_to_add_it() {
    let Some(server) = OwnServer::start().await else { return };
    said(&seed(&server.data(), &[]));

    let refused = seed(&server.data(), &["--seed", "2"]);
    let forced = seed(&server.data(), &["--seed", "2", "--force"]);

    let complaint = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(
        !refused.status.success() && complaint.contains("--force") && complaint.lines().count() == 1,
        "{complaint}"
    );
    let somebody = best_known(&server, &said(&forced)).await;
    assert!(somebody.username.ends_with("_s2"), "{}", somebody.username);
}

#[tokio::test]
async fn test_users_sign_in_with_the_password_of_the_load_scripts() {
    let Some(server) = OwnServer::start().await else { return };

    said(&seed(&server.data(), &["--k6", "3"]));

    for n in 1..=3 {
        let form = json!({"email": format!("testuser{n}@example.com"), "password": "password123"});
        server.anonymous().post("/api/auth/login").json(form).await.expect(200);
    }
    let form = json!({"email": "testuser4@example.com", "password": "password123"});
    server.anonymous().post("/api/auth/login").json(form).await.expect(401);
}

#[test]
fn a_day_that_is_none_is_refused() {
    let Some(folder) = own_folder() else { return };

    for day in ["yesterday", "2026-02-30", "1969-01-01"] {
        let refused = seed(&folder.path().join("data"), &["--until", day]);

        assert_eq!(refused.status.code(), Some(2), "{refused:?}");
    }
}

fn path(post: &Value) -> String {
    format!("/api/posts/{}", text(&post["_id"]))
}

/// With links to images as `app` gives them out: each server has a port of its own, and names for images that nobody can
/// foresee.
fn at_one_address(world: &Value, app: &TestApp) -> Value {
    let text = world.to_string();
    let port = app.address().rsplit(':').next().unwrap().to_owned();
    let mut parts = text.split("http://localhost:");
    let mut moved = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let path = part.trim_start_matches(|c: char| c.is_ascii_digit());
        let ending =
            path.strip_prefix("/media/").map_or(path, |name| name.trim_start_matches(|c: char| c.is_ascii_hexdigit()));
        moved += &format!("http://localhost:{port}{ending}");
    }
    serde_json::from_str(&moved).unwrap()
}
