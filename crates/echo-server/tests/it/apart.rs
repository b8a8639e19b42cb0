//! Each area keeps what it knows in a database of its own, as seen by whoever listens between `echod` and MongoDB.

use std::{collections::BTreeSet, time::Duration};

use crate::{
    app::eventually,
    echod::OwnServer,
    mongo::{AREAS, OwnDatabase},
    picture::png,
    wiretap::Wiretap,
};

/// What all areas share, in the database that the address names.
const SHARED: [&str; 5] = ["events", "events_set_aside", "instances", "requests", "transfer"];

// While the server starts, the story waits, and another thread listens.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_lies_in_the_database_of_its_area_but_what_all_share() {
    let mongo = OwnDatabase::new().await;
    let tapped = Wiretap::before(&mongo.address).await;
    let Some(server) = OwnServer::start_with(&[("MONGODB_URI", &tapped.address)]).await else { return };

    let (ana, ben) = (server.sign_up("ana").await, server.sign_up("ben").await);
    ben.follow(&ana).await;
    ana.upload(png(30, 30)).await;
    let post = ana.publish("hello").await;
    ben.like(&post).await;
    ben.comment(&post, "first!").await;
    let handled = async || mongo.count("events").await == 0;
    eventually("events are handled", Duration::from_secs(30), handled).await;

    let heard: BTreeSet<_> = tapped.heard().into_iter().map(|place| (place.database, place.collection)).collect();
    let of = |database: &str| -> BTreeSet<&str> {
        let there = heard.iter().filter(|(named, _)| named == database);
        there.filter_map(|(_, collection)| collection.as_deref()).collect()
    };
    let areas = AREAS.map(|area| mongo.of(area).name().to_owned());
    let kept: [&[&str]; 4] = [
        &["accounts", "sessions"],
        &["follows", "profiles"],
        &["comments", "likes", "post_totals", "post_writers", "posts"],
        &["blobs", "blobs_doomed", "media", "media_writers"],
    ];
    for (area, kept) in areas.iter().zip(kept) {
        assert_eq!(of(area), kept.iter().copied().collect(), "{area}");
    }
    assert_eq!(of(mongo.name()), SHARED.into());
    let anywhere = [areas.as_slice(), &[mongo.name().to_owned(), "admin".to_owned()]].concat();
    assert!(heard.iter().all(|(database, _)| anywhere.contains(database)), "{heard:#?}");
    for (area, collection) in [("auth", "accounts"), ("users", "follows"), ("posts", "likes"), ("media", "media")] {
        assert!(mongo.of(area).count(collection).await > 0, "{area}.{collection}");
    }
    mongo.drop().await;
}
