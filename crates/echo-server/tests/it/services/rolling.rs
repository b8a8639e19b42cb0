//! Processes are restarted one after the other, while people go on.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use futures_util::future::join_all;
use reqwest::Method;
use rustix::process::Signal;

use crate::app::{Person, Post, eventually, ids};

use super::{SETTLED, Services};

/// Does a bit of everything until told to stop, and fails at the first reply that is no success. What was acknowledged.
async fn use_it(person: Person, stop: Arc<AtomicBool>) -> Vec<Post> {
    let mut kept = Vec::new();
    while !stop.load(Ordering::Relaxed) {
        let post = person.publish("kept").await;
        person.like(&post).await;
        person.get("/api/users/me").await.expect(200);
        person.get("/api/feed").await.expect(200);
        person.get("/api/auth/sessions").await.expect(200);
        person.upload(crate::picture::png(16, 16)).await;
        kept.push(post);
    }
    kept
}

#[tokio::test]
async fn a_rolling_restart_of_any_service_loses_nothing() {
    let two = ["auth", "users", "posts", "media"].map(|role| (role, 2));
    let Some(mut services) = Services::start_with(&two).await else { return };
    let people = join_all((0..4).map(|_| services.front.sign_up("ana"))).await;
    let stop = Arc::new(AtomicBool::new(false));
    let users: Vec<_> = people.iter().map(|it| tokio::spawn(use_it(it.clone(), stop.clone()))).collect();

    for role in two.map(|(role, _)| role) {
        let mut servers = services.roles.remove(role).unwrap();
        for place in 0..servers.len() {
            let mut server = servers.remove(place);
            let readiness = server.request(Method::GET, "/readyz");
            let stopped = tokio::task::spawn_blocking(move || (server.stop(Signal::TERM), server));
            eventually("it says that it is about to stop", SETTLED, async || {
                readiness.try_clone().unwrap().send().await.is_ok_and(|reply| reply.status() == 503)
            })
            .await;
            let (status, mut server) = stopped.await.unwrap();
            assert!(status.success(), "{role} ends with {status}");
            server.restart();
            servers.insert(place, server);
        }
        services.roles.insert(role, servers);
    }

    stop.store(true, Ordering::Relaxed);
    for (person, kept) in people.iter().zip(join_all(users).await) {
        let kept = kept.unwrap();
        assert!(kept.len() > 5, "only {} posts", kept.len());
        let all = person.walk(&format!("{}/posts", person.path()), 100, |_| false).await;
        let mut expected: Vec<_> = kept.iter().map(|post| post.id.clone()).collect();
        expected.reverse();
        assert_eq!(ids(&all.into()), expected);
    }
}
