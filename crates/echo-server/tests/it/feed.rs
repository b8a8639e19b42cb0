//! Everyone's posts, and the home timeline.

use std::{collections::HashSet, time::Duration};

use serde_json::{Value, json};

use crate::{
    app::{Person, Post, TestApp, eventually, fields, ids, text},
    client::Client,
    hostile::NOBODY,
};

/// Walks the feed, as clients of the first Echo do, until it is past `oldest`. Posts of others may be in between.
async fn walk_past(client: &Client, oldest: &Post, mut between: impl AsyncFnMut()) -> Vec<String> {
    let mut seen = Vec::new();
    let mut after = String::new();
    loop {
        let page = client.get(&format!("/api/posts?limit=3{after}")).await.expect(200).data();
        let found = ids(&page["posts"]);
        assert_eq!(page["hasNextPage"], !page["nextCursor"].is_null(), "{page}");
        seen.extend(found.iter().cloned());
        let Some(last) = found.last() else { return seen };
        if page["hasNextPage"] == false || *last < oldest.id {
            return seen;
        }
        assert_eq!((found.len(), &page["nextCursor"]), (3, &json!(last)));
        after = format!("&lastPostId={last}");
        between().await;
    }
}

async fn publish(author: &Person, count: usize) -> Vec<Post> {
    let mut posts = Vec::new();
    for i in 0..count {
        posts.push(author.publish(&format!("post {i}")).await);
    }
    posts
}

#[tokio::test]
async fn the_feed_has_the_newest_posts_of_everyone() {
    let app = TestApp::start().await;
    let ana = app.sign_up("ana").await;
    let before = app.anonymous().get("/api/posts?limit=1").await.expect(200).data();
    let post = ana.publish("hello").await;

    let page = app.anonymous().get("/api/posts?limit=100").await.expect(200).data();

    assert_eq!(fields(&page), ["hasNextPage", "nextCursor", "posts", "totalPosts"]);
    assert!(before["totalPosts"].is_u64() && page["totalPosts"].is_u64(), "{page}");
    let found = page["posts"].as_array().unwrap().iter().find(|it| it["_id"] == post.id);
    let view = app.anonymous().view(&post).await;
    assert_eq!(found, Some(&view));
    assert_eq!(
        app.anonymous().get("/api/posts").await.expect(200).data()["posts"].as_array().map_or(0, Vec::len).max(10),
        10
    );
}

#[tokio::test]
async fn a_walk_shows_no_duplicate_and_no_gap_while_others_write() {
    let app = TestApp::start().await;
    let (ana, bob) = (app.sign_up("ana").await, app.sign_up("bob_").await);
    let posts = publish(&ana, 10).await;
    let mut doomed = publish(&bob, 4).await;

    let seen = walk_past(&app.anonymous(), &posts[0], async || {
        bob.publish("in between").await;
        if let Some(post) = doomed.pop() {
            bob.delete(&post.path()).await.expect(200);
        }
    })
    .await;

    assert!(seen.is_sorted_by(|a, b| a > b), "not newest first, or twice: {seen:?}");
    let seen: HashSet<_> = seen.iter().collect();
    for post in &posts {
        assert!(seen.contains(&post.id), "{post:?} is missing");
    }
}

#[tokio::test]
async fn there_is_a_next_page_only_if_there_is_one() {
    let app = TestApp::start().await;
    let ana = app.sign_up("ana").await;
    let posts = publish(&ana, 4).await;
    let list = async |limit: usize| ana.get(&format!("{}/posts?limit={limit}", ana.path())).await.expect(200).data();

    assert!(list(3).await["nextCursor"].is_string());
    assert!(list(4).await["nextCursor"].is_null());
    assert!(list(5).await["nextCursor"].is_null());
    assert_eq!(ids(&list(4).await["items"]).len(), posts.len());
}

#[tokio::test]
async fn a_like_in_the_feed_is_the_viewers_own() {
    let app = TestApp::start().await;
    let (ana, bob) = (app.sign_up("ana").await, app.sign_up("bob_").await);
    let post = ana.publish("hello").await;
    bob.like(&post).await;
    let is_liked = async |client: &Client| {
        let page = client.get("/api/posts?limit=100").await.expect(200).data();
        page["posts"].as_array().unwrap().iter().find(|it| it["_id"] == post.id).map(|it| it["isLiked"].clone())
    };

    assert_eq!(is_liked(&bob).await, Some(Value::Bool(true)));
    assert_eq!(is_liked(&ana).await, Some(Value::Bool(false)));
    assert_eq!(is_liked(&app.anonymous()).await, Some(Value::Bool(false)));
}

#[tokio::test]
async fn the_home_timeline_has_the_posts_of_those_one_follows_and_ones_own() {
    let app = TestApp::start().await;
    let (ana, bob, eve) = (app.sign_up("ana").await, app.sign_up("bob_").await, app.sign_up("eve_").await);
    ana.follow(&bob).await;
    let mut expected = Vec::new();
    for i in 0..3 {
        expected.insert(0, bob.publish(&format!("bob's {i}")).await.id);
        eve.publish(&format!("eve's {i}")).await;
        expected.insert(0, ana.publish(&format!("ana's {i}")).await.id);
    }

    let home = ana.walk("/api/feed", 4, |_| false).await;

    assert_eq!(ids(&home.clone().into()), expected);
    assert_eq!(home[0], ana.view(&Post { id: expected[0].clone() }).await);
    ana.patch(&format!("{}/unfollow", bob.path())).await.expect(200);
    let home = ana.walk("/api/feed", 100, |_| false).await;
    assert!(home.iter().all(|post| post["user"]["_id"] == ana.id), "{home:?}");
    assert_eq!(home.len(), 3);
}

#[tokio::test]
async fn a_home_timeline_is_walked_without_duplicate_or_gap_while_others_write() {
    let app = TestApp::start().await;
    let (ana, bob) = (app.sign_up("ana").await, app.sign_up("bob_").await);
    ana.follow(&bob).await;
    let posts = publish(&bob, 9).await;

    let mut seen = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = ana.get(&format!("/api/feed?limit=2{cursor}")).await.expect(200).data();
        seen.extend(ids(&page["items"]));
        bob.publish("in between").await;
        if page["nextCursor"].is_null() {
            break;
        }
        cursor = format!("&cursor={}", text(&page["nextCursor"]));
    }

    let newest_first: Vec<_> = posts.iter().rev().map(|post| post.id.clone()).collect();
    assert_eq!(seen, newest_first);
}

#[tokio::test]
async fn a_post_comes_into_the_timelines_of_those_who_have_read_theirs() {
    let app = TestApp::start().await;
    let (ana, bob) = (app.sign_up("ana").await, app.sign_up("bob_").await);
    ana.follow(&bob).await;
    let home = async || ids(&ana.get("/api/feed").await.expect(200).data()["items"]);
    let first = bob.publish("first").await;
    assert_eq!(home().await, [first.id.as_str()]);

    let second = bob.publish("second").await;

    eventually("the post is there", Duration::from_secs(1), async || home().await.len() == 2).await;
    assert_eq!(home().await, [second.id.clone(), first.id.clone()]);
    bob.delete(&second.path()).await.expect(200);
    assert_eq!(home().await, [first.id]);
}

#[tokio::test]
async fn the_home_timeline_explains_itself() {
    let app = TestApp::start().await;
    let (ana, bob, eve) = (app.sign_up("ana").await, app.sign_up("bob_").await, app.sign_up("eve_").await);
    ana.follow(&bob).await;
    let explained = async |post: &Post| {
        let told = ana.get(&format!("/api/feed/explain?post={}", post.id)).await.expect(200).data();
        assert_eq!((fields(&told), &told["post"]), (words("explanation post reason shown"), &json!(post.id)));
        assert!(told["explanation"].as_str().is_some_and(|it| it.ends_with('.')), "{told}");
        (told["shown"].as_bool().unwrap(), text(&told["reason"]))
    };
    let shown = |reason: &str| (true, reason.to_owned());
    let hidden = |reason: &str| (false, reason.to_owned());

    let (own, followed, stranger) = (ana.publish("mine").await, bob.publish("hello").await, eve.publish("hello").await);

    assert_eq!(explained(&own).await, shown("own"));
    assert_eq!(explained(&stranger).await, hidden("not_followed"));
    assert_eq!(explained(&followed).await, shown("followed_pushed"));
    let late = bob.publish("again").await;
    eventually("the post is pushed", Duration::from_secs(1), async || {
        let told = explained(&late).await;
        assert!(told == hidden("on_its_way") || told == shown("followed_pushed"), "{told:?}");
        told.0
    })
    .await;
    bob.delete(&followed.path()).await.expect(200);
    assert_eq!(explained(&followed).await, hidden("post_gone"));
    assert_eq!(explained(&Post { id: NOBODY.to_owned() }).await, hidden("post_gone"));
    ana.patch(&format!("{}/unfollow", bob.path())).await.expect(200);
    assert_eq!(explained(&late).await, hidden("not_followed"));
}

#[tokio::test]
async fn only_an_id_is_explained() {
    let app = TestApp::start().await;
    let ana = app.sign_up("ana").await;

    for query in ["", "?post", "?post=", "?post=1", "?post=6553F10001020304FF000000"] {
        ana.get(&format!("/api/feed/explain{query}")).await.names(&["post"]);
    }
}

fn words(text: &str) -> Vec<String> {
    text.split(' ').map(str::to_owned).collect()
}
