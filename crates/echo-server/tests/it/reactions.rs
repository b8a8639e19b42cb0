//! Likes and comments.

use serde_json::{Value, json};

use crate::{
    app::{TestApp, fields, ids, text, together},
    hostile::NOBODY,
};

#[tokio::test]
async fn a_like_toggles() {
    let app = TestApp::start().await;
    let (ana, bob) = (app.sign_up("ana").await, app.sign_up("bob_").await);
    let post = ana.publish("hello").await;

    let reply = bob.patch(&post.at("like")).await.expect(200);
    assert_eq!((reply.message().as_str(), reply.data()), ("Post liked", json!({"likesCount": 1, "liked": true})));
    let (bobs, anas) = (bob.view(&post).await, ana.view(&post).await);
    assert_eq!((&bobs["likes"], &bobs["likeCount"]), (&json!([bob.id]), &json!(1)));
    assert_eq!((&bobs["isLiked"], &anas["isLiked"]), (&json!(true), &json!(false)));

    let reply = bob.patch(&post.at("like")).await.expect(200);
    assert_eq!((reply.message().as_str(), reply.data()), ("Post unliked", json!({"likesCount": 0, "liked": false})));
    bob.patch(&format!("/api/posts/{NOBODY}/like")).await.refused(404, "post_not_found");
}

#[tokio::test]
async fn a_like_put_or_deleted_twice_counts_once() {
    let app = TestApp::start().await;
    let (ana, bob) = (app.sign_up("ana").await, app.sign_up("bob_").await);
    let post = ana.publish("hello").await;
    ana.like(&post).await;

    for _ in 0..2 {
        let reply = bob.put(&post.at("like")).await.expect(200);
        assert_eq!((reply.message().as_str(), reply.data()), ("Post liked", json!({"likesCount": 2, "liked": true})));
    }
    for _ in 0..2 {
        let reply = bob.delete(&post.at("like")).await.expect(200);
        assert_eq!(
            (reply.message().as_str(), reply.data()),
            ("Post unliked", json!({"likesCount": 1, "liked": false}))
        );
    }
}

#[tokio::test]
async fn twelve_likes_of_one_person_count_once_and_twelve_toggles_cancel_out() {
    let app = TestApp::start().await;
    let ana = app.sign_up("ana").await;
    let (liked, toggled) = (ana.publish("liked").await, ana.publish("toggled").await);

    for reply in together(12, async |_| ana.put(&liked.at("like")).await).await {
        assert_eq!(reply.expect(200).data(), json!({"likesCount": 1, "liked": true}));
    }
    let toggles = together(12, async |_| ana.patch(&toggled.at("like")).await).await;

    assert_eq!(ana.view(&liked).await["likeCount"], 1);
    let likes = toggles.into_iter().filter(|reply| reply.data()["liked"] == true).count();
    assert_eq!((likes, &ana.view(&toggled).await["likeCount"]), (6, &json!(0)));
}

#[tokio::test]
async fn who_likes_a_post_is_walked_newest_first() {
    let app = TestApp::start().await;
    let ana = app.sign_up("ana").await;
    let post = ana.publish("hello").await;
    let mut people = Vec::new();
    for _ in 0..5 {
        let person = app.sign_up("liker").await;
        person.like(&post).await;
        people.insert(0, person.id.clone());
    }

    let likers = app.anonymous().walk(&post.at("likes"), 2, |_| false).await;

    assert_eq!(fields(&likers[0]), ["_id", "name", "profilePicture", "username"]);
    assert_eq!(ids(&likers.into()), people);
    app.anonymous().get(&format!("/api/posts/{NOBODY}/likes")).await.refused(404, "post_not_found");
}

#[tokio::test]
async fn a_post_shows_its_newest_fifty_likes_and_counts_them_all() {
    let app = TestApp::start().await;
    let ana = app.sign_up("ana").await;
    let post = ana.publish("popular").await;
    ana.like(&post).await;
    let mut newest = Vec::new();
    for _ in 0..50 {
        let person = app.sign_up("liker").await;
        person.like(&post).await;
        newest.push(person.id);
    }

    let view = app.anonymous().view(&post).await;

    let mut shown: Vec<_> = view["likes"].as_array().unwrap().iter().map(text).collect();
    // Ids of people grow with time, as their likes did here.
    shown.sort();
    assert_eq!((shown, &view["likeCount"]), (newest, &json!(51)));
    assert_eq!(app.anonymous().walk(&post.at("likes"), 100, |_| false).await.len(), 51);
}

#[tokio::test]
async fn a_post_shows_its_newest_twenty_comments_oldest_first_and_lists_them_all() {
    let app = TestApp::start().await;
    let ana = app.sign_up("ana").await;
    let post = ana.publish("hello").await;
    for i in 0..22 {
        ana.comment(&post, &format!("comment {i}")).await;
    }
    let said = |list: &Value| list.as_array().unwrap().iter().map(|it| text(&it["content"])).collect::<Vec<_>>();

    let reply = ana.patch(&post.at("comment")).json(json!({"content": "  comment 22 😀 "})).await.expect(200);

    let expected: Vec<_> = (3..22).map(|i| format!("comment {i}")).chain(["comment 22 😀".to_owned()]).collect();
    assert_eq!(said(&reply.data()), expected);
    let view = app.anonymous().view(&post).await;
    assert_eq!(said(&view["comments"]), expected);
    assert_eq!(view["commentCount"], 23);
    assert_eq!(fields(&view["comments"][0]), ["_id", "content", "createdAt", "user"]);
    assert_eq!(fields(&view["comments"][0]["user"]), ["_id", "profilePicture", "username"]);
    let all = said(&app.anonymous().walk(&post.at("comments"), 10, |_| false).await.into());
    assert_eq!((all.len(), all[0].as_str(), all[22].as_str()), (23, "comment 22 😀", "comment 0"));
}

#[tokio::test]
async fn a_comment_has_1_to_300_characters() {
    let app = TestApp::start().await;
    let ana = app.sign_up("ana").await;
    let post = ana.publish("hello").await;
    let comment = async |body: Value| ana.patch(&post.at("comment")).json(body).await;

    for content in [json!(""), json!(" \n"), json!("é".repeat(301)), json!("a\0b"), json!(7), json!(null), json!({})] {
        comment(json!({"content": content})).await.names(&["content"]);
    }
    comment(json!({})).await.names(&["content"]);
    comment(json!({"content": format!(" {} ", "😀".repeat(300))})).await.expect(200);

    assert_eq!(ana.view(&post).await["commentCount"], 1);
    ana.patch(&format!("/api/posts/{NOBODY}/comment"))
        .json(json!({"content": "x"}))
        .await
        .refused(404, "post_not_found");
}

#[tokio::test]
async fn a_comment_is_deleted_by_its_author_or_the_posts() {
    let app = TestApp::start().await;
    let (ana, bob, eve) = (app.sign_up("ana").await, app.sign_up("bob_").await, app.sign_up("eve_").await);
    let (post, other) = (ana.publish("hello").await, ana.publish("other").await);
    bob.comment(&post, "first").await;
    bob.comment(&post, "second").await;
    let comments = ids(&ana.view(&post).await["comments"]);
    let path = |i: usize| post.at(&format!("comment/{}", comments[i]));

    eve.delete(&path(0)).await.refused(403, "not_yours");
    ana.delete(&other.at(&format!("comment/{}", comments[0]))).await.refused(404, "comment_not_found");
    bob.delete(&path(0)).await.expect(200);
    bob.delete(&path(0)).await.refused(404, "comment_not_found");
    ana.delete(&path(1)).await.expect(200);
    ana.delete(&format!("/api/posts/{NOBODY}/comment/{}", comments[1])).await.refused(404, "post_not_found");

    let view = ana.view(&post).await;
    assert_eq!((&view["commentCount"], &view["comments"]), (&json!(0), &json!([])));
}

#[tokio::test]
async fn counts_are_exact_after_many_did_much_at_once() {
    let app = TestApp::start().await;
    let ana = app.sign_up("ana").await;
    let post = ana.publish("busy").await;
    let mut people = Vec::new();
    for _ in 0..4 {
        people.push(app.sign_up("busy").await);
    }

    together(48, async |i| {
        let person = &people[i % 4];
        match i % 3 {
            0 => person.put(&post.at("like")).await,
            1 => person.patch(&post.at("comment")).json(json!({"content": format!("{i}")})).await,
            _ => person.delete(&post.at("like")).await,
        }
        .expect(200)
    })
    .await;

    let view = ana.view(&post).await;
    let likers = ana.walk(&post.at("likes"), 100, |_| false).await;
    let comments = ana.walk(&post.at("comments"), 100, |_| false).await;
    assert_eq!((&view["likeCount"], &view["commentCount"]), (&json!(likers.len()), &json!(comments.len())));
    assert_eq!(comments.len(), 16);
}
