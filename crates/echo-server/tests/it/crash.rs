//! `kill -9` in the middle of concurrent writes: what was acknowledged is there, and what follows from it happens.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use futures_util::future::join_all;
use reqwest::multipart::Form;
use serde_json::json;

use crate::{
    app::{PASSWORD, Person, Post, TestApp, eventually, ids, text, unique},
    client::{Blocks, Client, Reply},
    echod::OwnServer,
    picture::png,
};

/// What one person was told is done.
#[derive(Default)]
struct Acknowledged {
    posts: Vec<Post>,
    likes: Vec<Post>,
    /// With what was said.
    comments: Vec<(Post, String)>,
    deleted: Vec<Post>,
    /// Of deleted posts.
    images: Vec<String>,
    people: Vec<String>,
}

/// Writes all sorts of things until the server goes away; counts each reply.
async fn write(person: Person, shared: Post, replies: Arc<AtomicUsize>) -> Acknowledged {
    let mut done = Acknowledged::default();
    let _ = write_into(&mut done, &person, &shared, &replies).await;
    done
}

/// Ends with `None` at the first call that gets no reply.
async fn write_into(done: &mut Acknowledged, person: &Person, shared: &Post, replies: &AtomicUsize) -> Option<()> {
    let count = |reply: Reply| {
        replies.fetch_add(1, Ordering::Relaxed);
        reply
    };
    loop {
        let body = json!({"content": [{"type": "text", "value": "kept"}]});
        let post = count(person.post("/api/posts").json(body).try_send().await?).expect(201);
        let post = Post::from(&post.data());
        done.posts.push(post.clone());

        count(person.put(&post.at("like")).try_send().await?).expect(200);
        done.likes.push(post.clone());
        count(person.put(&shared.at("like")).try_send().await?).expect(200);
        done.likes.push(shared.clone());

        for target in [&post, shared] {
            let said = unique("said");
            count(person.patch(&target.at("comment")).json(json!({"content": said})).try_send().await?).expect(200);
            done.comments.push((target.clone(), said));
        }

        let form = Form::new().image_block(0, png(16, 16));
        let doomed = count(person.post("/api/posts").form(form).try_send().await?).expect(201).data();
        let image = text(&doomed["content"][0]["value"]);
        let doomed = Post::from(&doomed);
        count(person.delete(&doomed.path()).try_send().await?).expect(200);
        done.deleted.push(doomed);
        done.images.push(image);

        let username = unique("late");
        let form = json!({"name": "l", "username": username, "email": format!("{username}@example.com"), "password": PASSWORD});
        count(person.post("/api/auth/signup").json(form).try_send().await?).expect(201);
        done.people.push(username);
    }
}

impl Acknowledged {
    async fn is_there(&self, app: &TestApp, person: &Person) {
        let nobody = app.anonymous();
        for post in &self.posts {
            nobody.get(&post.path()).await.expect(200);
        }
        for post in &self.likes {
            assert_eq!(person.view(post).await["isLiked"], true, "a like of {post:?} is lost");
        }
        for (post, said) in &self.comments {
            let comments = nobody.walk(&post.at("comments"), 100, |_| false).await;
            assert!(comments.iter().any(|comment| comment["content"] == *said), "a comment on {post:?} is lost");
        }
        for post in &self.deleted {
            nobody.get(&post.path()).await.refused(404, "post_not_found");
        }
        for image in &self.images {
            let gone = async || nobody.get(image).await.status == 404;
            eventually("an image goes with its post", Duration::from_secs(30), gone).await;
        }
        for username in &self.people {
            let person = app.log_in(username, PASSWORD).await;
            person.get("/api/users/me").await.expect(200);
        }
    }
}

async fn counts_equal_a_recount(nobody: &Client, person: &Person, posts: &[Post]) {
    for post in posts {
        let view = nobody.view(post).await;
        let likes = nobody.walk(&post.at("likes"), 100, |_| false).await.len();
        let comments = nobody.walk(&post.at("comments"), 100, |_| false).await.len();
        assert_eq!((&view["likeCount"], &view["commentCount"]), (&json!(likes), &json!(comments)), "{post:?}");
    }
    let posts = nobody.walk(&format!("{}/posts", person.path()), 100, |_| false).await.len();
    assert_eq!(person.get("/api/users/me").await.expect(200).data()["postsCount"], posts);
}

#[tokio::test]
async fn what_was_acknowledged_survives_kill_9_again_and_again() {
    let Some(mut server) = OwnServer::start().await else { return };
    let mut people = Vec::new();
    for _ in 0..4 {
        people.push(server.sign_up("writer").await);
    }
    let shared = people[0].publish("everyone's").await;

    for round in 1..=5 {
        let replies = Arc::new(AtomicUsize::new(0));
        let writers: Vec<_> =
            people.iter().map(|person| tokio::spawn(write(person.clone(), shared.clone(), replies.clone()))).collect();
        let busy = async || replies.load(Ordering::Relaxed) >= 30 * round;
        eventually("the writers write", Duration::from_secs(60), busy).await;
        server.kill();
        let done = join_all(writers).await;
        server.restart();

        for (person, done) in people.iter().zip(done) {
            let done = done.unwrap();
            done.is_there(&server, person).await;
            counts_equal_a_recount(&server.anonymous(), person, &done.posts).await;
        }
        counts_equal_a_recount(&server.anonymous(), &people[0], std::slice::from_ref(&shared)).await;
    }

    let total = server.anonymous().get("/api/posts?limit=1").await.expect(200).data()["totalPosts"].as_u64().unwrap();
    let mut walked = 0;
    for person in &people {
        let posts = server.anonymous().walk(&format!("{}/posts", person.path()), 100, |_| false).await;
        walked += ids(&posts.into()).len() as u64;
    }
    assert_eq!(total, walked);
}
