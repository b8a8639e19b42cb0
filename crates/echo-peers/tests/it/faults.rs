//! Neighbours that are gone, slow, or talk nonsense.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use axum::{
    body::Body,
    http::{Request, StatusCode},
};
use echo_domain::{
    Error, Result,
    auth::Lookup,
    contract::{Figures, sample},
    media::MediaDesk,
    users::{Directory, Following},
};
use echo_peers::{Peer, RemoteDirectory, RemoteLookup, RemoteMediaDesk, Service, ServiceToken, router};
use futures_util::{TryStreamExt, future::join_all};
use tokio::net::TcpListener;
use tower::ServiceExt;

use crate::{
    places::Place,
    sockets::{Deed, Neighbour, Odd, peer, token},
};

fn is_gone<T>(outcome: &Result<T>) -> bool {
    matches!(outcome, Err(Error::Unavailable { what: "the users service", .. }))
}

async fn ask(directory: &RemoteDirectory) -> Result<Arc<Following>> {
    directory.following(sample::id()).await
}

/// Nobody has ever followed anybody: version 0.
fn nobody() -> Deed {
    Deed::ok("\0\0\0\0\0\0\0\0")
}

#[tokio::test]
async fn who_has_another_token_is_refused_and_it_is_no_outage() {
    let place = Place::new();
    let neighbour = Neighbour::start(place.served()).await;
    let other = ServiceToken::new(&"x".repeat(40)).unwrap();
    let stranger = Peer::new(Service::Users, &format!("http://{}", neighbour.address), &other).unwrap();
    let directory = RemoteDirectory(Arc::new(stranger));

    for refused in
        [directory.open_profile(sample::id(), "alice", "Alice", sample::NOW).await, directory.0.check().await]
    {
        let Err(Error::Internal(reason)) = refused else { panic!("{refused:?}") };
        assert!(reason.to_string().contains("SERVICE_TOKEN"), "{reason}");
    }
}

#[tokio::test]
async fn nothing_is_answered_without_the_token() {
    let app = router(Place::new().served(), &token());
    for path in ["/internal/check", "/internal/users/profiles", "/internal/auth/delete", "/internal/media/upload"] {
        for authorization in [None, Some("Bearer what-all-processes-of-this-Echo-knew"), Some("Basic eDp5")] {
            let mut call = Request::post(path);
            if let Some(authorization) = authorization {
                call = call.header("authorization", authorization);
            }
            let answer = app.clone().oneshot(call.body(Body::empty()).unwrap()).await.unwrap();
            assert_eq!(answer.status(), StatusCode::UNAUTHORIZED, "{path}");
        }
    }
}

#[tokio::test]
async fn an_area_that_is_not_here_is_not_served() {
    let served = echo_peers::Served { desk: None, ..Place::new().served() };
    let neighbour = Neighbour::start(served).await;

    neighbour.peer(Service::Media).check().await.unwrap();
    let refused = RemoteMediaDesk(neighbour.peer(Service::Media)).read("a.jpg").await;

    assert!(matches!(refused, Err(Error::Internal(_))));
}

#[tokio::test]
async fn a_neighbour_that_is_gone_is_named_and_not_waited_for() {
    let directory = RemoteDirectory(peer(Service::Users, nowhere().await));
    let started = Instant::now();

    let outcome = ask(&directory).await;

    assert!(is_gone(&outcome), "{outcome:?}");
    assert!(started.elapsed() < Duration::from_secs(1), "{:?}", started.elapsed());
    assert!(is_gone(&directory.0.check().await));
}

/// Where nobody listens.
async fn nowhere() -> std::net::SocketAddr {
    TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap()
}

#[tokio::test]
async fn what_fails_in_between_is_tried_again() {
    for fault in [
        Deed::status("500 Internal Server Error", ""),
        Deed::status("502 Bad Gateway", "<html>"),
        Deed::status("503 Service Unavailable", "{\"code\": \"overloaded\"}"),
        Deed::SayAndGo(String::new()),
        Deed::SayAndGo("HTTP/1.1 200 OK\r\ncontent-length: 8\r\n\r\n\0\0".to_owned()),
        Deed::SayAndGo("what?\r\n\r\n".to_owned()),
    ] {
        let odd = Odd::start(move |place| if place < 2 { fault.clone() } else { nobody() }).await;

        let outcome = ask(&odd.directory()).await;

        assert!(outcome.is_ok(), "{outcome:?}");
        assert_eq!(odd.asked(), 3);
    }
}

#[tokio::test]
async fn calls_and_tries_are_counted() {
    let figures = Figures::default();
    let _counting = figures.count_here();
    let odd = Odd::start(|place| if place < 2 { Deed::SayAndGo(String::new()) } else { nobody() }).await;
    let directory = odd.directory();
    assert_eq!(figures.get("echo_peer_up{peer=users}"), 1.0);

    ask(&directory).await.unwrap();
    ask(&directory).await.unwrap();

    assert_eq!(figures.get("echo_peer_retries_total{peer=users}"), 2.0);
    assert_eq!(figures.get("echo_peer_seconds{peer=users,call=/internal/users/following,outcome=ok}"), 2.0);
}

#[tokio::test]
async fn what_fails_every_time_is_unavailable() {
    for fault in [Deed::status("500 Internal Server Error", "?"), Deed::SayAndGo("HTTP/1.1 200 OK\r\ncon".to_owned())] {
        let odd = Odd::start(move |_| fault.clone()).await;

        let outcome = ask(&odd.directory()).await;

        assert!(is_gone(&outcome), "{outcome:?}");
        assert_eq!(odd.asked(), 4);
    }
}

#[tokio::test]
async fn nonsense_is_an_internal_error_and_not_asked_for_again() {
    for nonsense in ["", "{}", "[{\"id\": 7}]", "<html>"] {
        let odd = Odd::start(|_| Deed::ok(nonsense)).await;

        let profiles = odd.directory().profiles(&[sample::id()]).await;
        let following = ask(&odd.directory()).await;

        assert!(matches!(profiles, Err(Error::Internal(_))), "{profiles:?}");
        assert!(matches!(following, Err(Error::Internal(_))), "{following:?}");
        assert_eq!(odd.asked(), 2);
    }
}

#[tokio::test]
async fn an_answer_without_end_is_not_read_to_its_end() {
    let odd = Odd::start(|_| Deed::ok(&"[".repeat(17 << 20))).await;

    let outcome = odd.directory().profiles(&[sample::id()]).await;

    assert!(matches!(outcome, Err(Error::Internal(_))), "{outcome:?}");
}

#[tokio::test]
async fn what_is_not_the_same_when_done_twice_is_not_repeated() {
    for fault in [Deed::SayAndGo(String::new()), Deed::status("500 Internal Server Error", "")] {
        let odd = Odd::start(move |_| fault.clone()).await;
        let lookup = RemoteLookup(peer(Service::Auth, odd.address));

        let deleted = lookup.delete(sample::id(), "correct horse").await;

        assert!(matches!(deleted, Err(Error::Unavailable { .. })), "{deleted:?}");
        assert_eq!(odd.asked(), 1);
        lookup.rename(sample::id(), None, None).await.unwrap_err();
        assert_eq!(odd.asked(), 5);
    }
}

/// That it was not heard of is certain then.
#[tokio::test]
async fn what_could_not_be_sent_is_sent_again_in_any_case() {
    let place = Place::new();
    let address = nowhere().await;
    let lookup = RemoteLookup(peer(Service::Auth, address));

    let (deleted, _neighbour) = tokio::join!(lookup.delete(sample::id(), "correct horse"), async {
        tokio::task::yield_now().await;
        Neighbour::start_at(address, place.served()).await
    });

    assert!(matches!(deleted, Err(Error::NotFound(_))), "{deleted:?}");
}

#[tokio::test]
async fn a_connection_that_was_closed_meanwhile_is_made_anew() {
    let place = Place::new();
    let mut neighbour = Neighbour::start(place.served()).await;
    let directory = RemoteDirectory(neighbour.peer(Service::Users));
    for _ in 0..10 {
        ask(&directory).await.unwrap();

        let address = neighbour.stop().await;
        neighbour = Neighbour::start_at(address, place.served()).await;

        ask(&directory).await.unwrap();
    }
}

#[tokio::test]
async fn who_is_gone_is_left_alone_until_it_is_back() {
    let figures = Figures::default();
    let _counting = figures.count_here();
    let place = Place::new();
    let address = nowhere().await;
    let directory = RemoteDirectory(peer(Service::Users, address));
    // Each tries four times.
    for _ in 0..2 {
        assert!(is_gone(&ask(&directory).await));
    }

    let started = Instant::now();
    assert!(is_left_alone(&ask(&directory).await));
    assert!(started.elapsed() < Duration::from_millis(50), "{:?}", started.elapsed());
    assert_eq!(figures.get("echo_peer_up{peer=users}"), 0.0);

    let _neighbour = Neighbour::start_at(address, place.served()).await;
    let mut asked = 0;
    while is_gone(&ask(&directory).await) {
        asked += 1;
        assert!(started.elapsed() < Duration::from_secs(10), "it was not found again");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(asked > 0);
    assert_eq!(figures.get("echo_peer_up{peer=users}"), 1.0);
    for outcome in join_all((0..20).map(|_| ask(&directory))).await {
        outcome.unwrap();
    }
}

fn is_left_alone<T>(outcome: &Result<T>) -> bool {
    matches!(outcome, Err(Error::Unavailable { source: Some(reason), .. }) if reason.to_string().contains("left alone"))
}

#[tokio::test]
async fn who_does_not_answer_is_left_alone_too() {
    let odd = Odd::start(|_| Deed::Hang).await;
    let directory = odd.directory();

    let lookup = join_all((0..5).map(|_| ask(&directory)));
    for outcome in lookup.await {
        assert!(is_gone(&outcome), "{outcome:?}");
    }

    assert!(is_left_alone(&ask(&directory).await));
    assert!(odd.asked() < 20, "{}", odd.asked());
}

#[tokio::test]
async fn refusals_are_answers() {
    let place = Place::new();
    let neighbour = Neighbour::start(place.served()).await;
    let lookup = RemoteLookup(neighbour.peer(Service::Auth));
    for _ in 0..20 {
        assert!(matches!(lookup.account(sample::id()).await, Err(Error::NotFound(_))));
    }
}

#[tokio::test]
async fn a_blob_that_ends_too_early_ends_with_an_error() {
    let half = format!("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{}", "x".repeat(50));
    let odd = Odd::start(move |_| Deed::SayAndGo(half.clone())).await;
    let desk = RemoteMediaDesk(peer(Service::Media, odd.address));

    let blob = desk.read("a.jpg").await.unwrap().unwrap();

    assert_eq!(blob.length, 100);
    assert!(blob.bytes.try_collect::<Vec<_>>().await.is_err());
}

#[tokio::test]
async fn discarding_and_releasing_never_fail() {
    let desk = RemoteMediaDesk(peer(Service::Media, nowhere().await));

    desk.discard(&[sample::id()]).await;
    desk.release(echo_domain::media::Holder::Post(sample::id())).await;
}
