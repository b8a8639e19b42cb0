//! No process reads or writes what another role keeps, as seen by whoever listens between each of them and MongoDB.

use std::collections::BTreeMap;

use crate::{app::eventually, picture::png, wiretap::Wiretap};

use super::{ROLES, Services, Stores};

/// What all share, in the database that the address names.
const SHARED: [&str; 5] = ["events", "events_set_aside", "instances", "requests", "transfer"];

// While the processes start, the story waits, and other threads listen.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_touches_what_its_role_keeps_and_nothing_else() {
    let Some(stores) = Stores::start() else { return };
    let uri = stores.mongo.mongodb_uri();
    let mut taps = BTreeMap::new();
    for role in ROLES {
        taps.insert(role, Wiretap::before(&uri).await);
    }
    let Some(services) = Services::on(stores, &[], |role| taps[role].address.clone(), |_| Vec::new()).await else {
        return;
    };

    let (ana, bob) = (services.front.sign_up("ana").await, services.front.sign_up("bob").await);
    bob.follow(&ana).await;
    let image = ana.upload(png(30, 30)).await;
    let post = ana.publish("hello").await;
    bob.like(&post).await;
    bob.comment(&post, "first!").await;
    eventually("the post is in the feed", super::SETTLED, async || {
        !bob.get("/api/feed").await.expect(200).data()["items"].as_array().unwrap().is_empty()
    })
    .await;
    bob.get(&crate::app::text(&image["url"])).await.expect(200);
    ana.get("/api/users/me/export").await.expect(200);
    ana.delete("/api/users/me").json(serde_json::json!({"password": crate::app::PASSWORD})).await.expect(200);
    let gone = async || bob.get(&post.path()).await.status == 404 && bob.get(&ana.path()).await.status == 404;
    eventually("all that ana made goes", super::SETTLED, gone).await;

    for (role, tap) in taps {
        let own = format!("echo_{role}");
        let heard = tap.heard();
        let elsewhere: Vec<_> = heard
            .iter()
            .filter(|place| match &place.collection {
                // `hello`, `ping` and the ends of transactions are about no collection.
                None => !["admin", "echo", own.as_str()].contains(&place.database.as_str()),
                Some(collection) => {
                    place.database != own && !(place.database == "echo" && SHARED.contains(&collection.as_str()))
                }
            })
            .collect();
        assert!(elsewhere.is_empty(), "{role} touches {elsewhere:?}");
        // A worker keeps nothing of its own.
        let keeps = heard.iter().any(|place| place.database == own && place.collection.is_some());
        assert_eq!(keeps, role != "worker", "{role}: {heard:?}");
    }
}
