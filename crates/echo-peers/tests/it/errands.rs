//! Whose request it is and how long there is goes along.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use axum::{
    body::Body,
    http::{Request, StatusCode},
};
use echo_domain::{
    Errand, Error, Result, SessionId, Timestamp, UserId,
    auth::{Email, Identity, Lookup, Username},
    contract::sample,
    trace::Trace,
    users::Directory,
};
use echo_peers::{RemoteLookup, Served, Service, router};
use tokio::{
    sync::mpsc,
    time::{Instant, timeout},
};
use tower::ServiceExt;

use crate::sockets::{Deed, Neighbour, Odd, token};

const TRACE: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
const STATE: &str = "rojo=00f067aa0ba902b7,congo=t61rcWkgMzE";

fn errand(left: Duration) -> Errand {
    Errand { request: "r-1".into(), deadline: Some(Instant::now() + left), trace: Trace::parse(TRACE, Some(STATE)) }
}

/// Tells on whose errand it is asked, and whether it came to its end.
struct Telltale(mpsc::UnboundedSender<Told>);

#[derive(Debug)]
enum Told {
    Begun(Errand),
    BrokenOff,
}

struct BrokenOff<'a>(&'a Telltale);

impl Drop for BrokenOff<'_> {
    fn drop(&mut self) {
        let _ = self.0.0.send(Told::BrokenOff);
    }
}

#[async_trait]
impl Lookup for Telltale {
    /// Takes longer than anybody waits.
    async fn account(&self, _: UserId) -> Result<Identity> {
        let _ = self.0.send(Told::Begun(Errand::current()));
        let _broken_off = BrokenOff(self);
        std::future::pending().await
    }

    async fn rename(&self, _: UserId, _: Option<&Username>, _: Option<&Email>) -> Result<()> {
        let _ = self.0.send(Told::Begun(Errand::current()));
        Ok(())
    }

    async fn delete(&self, _: UserId, _: &str) -> Result<()> {
        Ok(())
    }

    async fn revoked_since(&self, _: Timestamp) -> Result<Vec<(SessionId, Timestamp)>> {
        Ok(Vec::new())
    }
}

fn telltale() -> (Served, mpsc::UnboundedReceiver<Told>) {
    let (tell, told) = mpsc::unbounded_channel();
    (Served { lookup: Some(Arc::new(Telltale(tell))), ..Served::default() }, told)
}

#[tokio::test]
async fn a_neighbour_works_on_the_errand_of_whoever_asked() {
    let (served, mut told) = telltale();
    let neighbour = Neighbour::start(served).await;
    let lookup = RemoteLookup(neighbour.peer(Service::Auth));

    errand(Duration::from_secs(2)).run(lookup.rename(sample::id(), None, None)).await.unwrap();

    let Some(Told::Begun(errand)) = told.recv().await else { panic!("it was not asked") };
    let trace = errand.trace.as_ref().unwrap();
    assert_eq!((&*errand.request, trace.to_string().as_str(), trace.state().as_str()), ("r-1", TRACE, STATE));
    let left = errand.left(Duration::MAX);
    assert!(left > Duration::from_secs(1) && left <= Duration::from_secs(2), "{left:?}");
}

#[tokio::test]
async fn work_that_nobody_asked_for_has_a_deadline_and_no_id() {
    let odd = Odd::start(|_| Deed::ok("[]")).await;

    odd.directory().profiles(&[sample::id()]).await.unwrap();

    let head = odd.last_head();
    assert!(
        head.contains("echo-deadline-ms: ") && !head.contains("x-request-id") && !head.contains("traceparent"),
        "{head}"
    );
}

#[tokio::test]
async fn a_call_takes_no_longer_than_there_is_time() {
    let odd = Odd::start(|_| Deed::Hang).await;
    let started = Instant::now();

    let late = errand(Duration::from_millis(200)).run(odd.directory().profiles(&[sample::id()])).await;

    assert!(matches!(late, Err(Error::Unavailable { what: "the users service", .. })), "{late:?}");
    assert!(started.elapsed() < Duration::from_secs(1), "{:?}", started.elapsed());
    assert_eq!(odd.asked(), 1);
}

#[tokio::test]
async fn without_time_nobody_is_asked() {
    let odd = Odd::start(|_| Deed::ok("[]")).await;

    let late = errand(Duration::ZERO).run(odd.directory().profiles(&[sample::id()])).await;

    assert!(matches!(late, Err(Error::Unavailable { .. })), "{late:?}");
    assert_eq!(odd.asked(), 0);
}

#[tokio::test]
async fn what_nobody_waits_for_any_more_is_broken_off() {
    let (served, mut told) = telltale();
    let call = Request::post("/internal/auth/account")
        .header("authorization", "Bearer what-all-processes-of-this-Echo-know")
        .header("echo-deadline-ms", "100")
        .header("content-type", "application/json")
        .body(Body::from(format!("{{\"account\":\"{}\"}}", sample::id::<UserId>())))
        .unwrap();

    let answer = timeout(Duration::from_secs(5), router(served, &token()).oneshot(call)).await.unwrap().unwrap();

    assert_eq!(answer.status(), StatusCode::GATEWAY_TIMEOUT);
    assert!(matches!(told.recv().await, Some(Told::Begun(_))));
    assert!(matches!(told.recv().await, Some(Told::BrokenOff)));
}
