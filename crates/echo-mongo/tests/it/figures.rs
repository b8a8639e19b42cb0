//! What is counted of the pools of connections, and of calls.

use echo_domain::contract::Figures;
use futures_util::future::join_all;

use crate::fixture;

#[tokio::test(flavor = "multi_thread")]
async fn connections_and_the_wait_for_them_are_measured() {
    let figures = Figures::default();
    let _counting = figures.count_here();
    let (mongo, _guard) = fixture::open().await;
    let connections = |state| figures.get(&format!("echo_mongo_connections{{state={state}}}"));
    let waits = figures.get("echo_mongo_checkout_seconds{outcome=ok}");

    for ping in join_all((0..4).map(|_| mongo.ping())).await {
        ping.unwrap();
    }

    assert!(connections("open") >= 1.0, "{}", connections("open"));
    assert!(figures.get("echo_mongo_checkout_seconds{outcome=ok}") >= waits + 4.0);
    assert_eq!(figures.get("echo_store_seconds{backend=mongo,op=ping,outcome=ok}"), 4.0);
    mongo.close().await;
    assert_eq!((connections("open"), connections("in_use")), (0.0, 0.0));
    mongo.ping().await.unwrap_err();
    assert!(figures.get("echo_store_seconds{backend=mongo,op=ping,outcome=unavailable}") >= 1.0);
}
