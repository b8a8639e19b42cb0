//! Events that processes share: each consumer is in one of them at a time.

use std::{
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use async_trait::async_trait;
use echo_domain::{Consumer, Event, EventLog, Recorded, Relay, Result, UserId, auth::AccountStore, contract::sample};
use echo_mongo::{Mongo, MongoAccounts, MongoEvents};
use echo_redis::RedisEvents;
use tokio::{sync::watch, task::JoinSet};

use crate::{
    backend::Now,
    mongo::{self, Guard},
    server::{Server, eventually},
};

/// So soon is signalled again what is still waited for.
pub(crate) const AGAIN: Duration = Duration::from_secs(2);

/// A process: what it leaves, and what it reads.
struct Process {
    accounts: MongoAccounts,
    events: Arc<RedisEvents>,
    stop: watch::Sender<bool>,
    tasks: JoinSet<()>,
}

impl Process {
    async fn start(server: &Server, guard: &Guard, instance: u8) -> Self {
        let mongo: Arc<Mongo> = mongo::another(guard).await;
        let outbox = Arc::new(MongoEvents(mongo.clone()));
        let events = RedisEvents::new(server.open().await, outbox, Arc::new(Now), [instance; 16], AGAIN);
        let process = Self {
            accounts: MongoAccounts::new(mongo).unwrap(),
            events: Arc::new(events),
            stop: watch::Sender::new(false),
            tasks: JoinSet::new(),
        };
        process.running()
    }

    fn running(mut self) -> Self {
        let (events, stop) = (self.events.clone(), self.stop.subscribe());
        self.tasks.spawn(async move { events.run(stop).await });
        self
    }

    fn relay(&mut self, consumer: Arc<Recorder>) {
        let (log, clock) = (self.events.clone(), Arc::new(Now));
        let relay = Relay { log, consumers: vec![consumer], everybody: &["ana"], clock };
        self.tasks.spawn(relay.run(self.stop.subscribe()));
    }

    async fn leave(&self, name: &str) -> Event {
        let account = sample::account(name);
        let event = sample::opened(&account);
        self.accounts.add(&account, &event).await.unwrap();
        event
    }

    async fn pending(&self) -> Vec<Recorded> {
        self.events.pending("ana", 100).await.unwrap_or_default()
    }

    async fn stop(mut self) {
        self.stop.send_replace(true);
        while self.tasks.join_next().await.is_some() {}
    }
}

/// Two processes, of which the first reads for everybody.
async fn two() -> (Process, Process, Server, Guard) {
    let (server, (_, guard)) = (Server::start(), mongo::open().await);
    let one = Process::start(&server, &guard, 1).await;
    let other = Process::start(&server, &guard, 2).await;
    assert_eq!(one.pending().await, []);
    (one, other, server, guard)
}

fn told(recorded: &[Recorded]) -> Vec<Event> {
    recorded.iter().map(|recorded| recorded.event.clone()).collect()
}

/// Remembers what it was told.
struct Recorder(Arc<Mutex<Vec<Event>>>);

#[async_trait]
impl Consumer for Recorder {
    fn name(&self) -> &'static str {
        "ana"
    }

    async fn handle(&self, event: &Event) -> Result<()> {
        self.0.lock().unwrap().push(event.clone());
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_process_at_a_time_reads_for_a_consumer() {
    let (one, other, _server, _guard) = two().await;

    let left = one.leave("alice").await;

    assert_eq!(other.pending().await, []);
    assert_eq!(told(&one.pending().await), std::slice::from_ref(&left));
    assert_eq!(told(&other.events.pending("bob", 100).await.unwrap()), [left]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_another_process_leaves_is_news_at_once() {
    let (one, other, _server, _guard) = two().await;
    let mut news = one.events.news();
    eventually("signals are heard", async || {
        news.mark_unchanged();
        other.leave(&format!("user_{}", sample::id::<UserId>())).await;
        tokio::time::timeout(Duration::from_millis(500), news.changed()).await.is_ok()
    })
    .await;
    let pending = one.pending().await;
    one.events.confirm("ana", &pending).await.unwrap();
    eventually("nothing is left", async || one.pending().await.is_empty()).await;

    let left = other.leave("alice").await;
    let started = Instant::now();

    eventually("it is found", async || told(&one.pending().await) == [left.clone()]).await;
    assert!(started.elapsed() < AGAIN, "{:?}", started.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_dead_process_read_and_did_not_confirm_is_read_by_another() {
    let (one, other, server, _guard) = two().await;
    let left = [other.leave("alice").await, other.leave("bob").await];
    eventually("both are read", async || told(&one.pending().await) == left).await;
    let unconfirmed = || server.tell(&["XPENDING", "echo:events", "ana", "-", "+", "10"]);
    assert_ne!(unconfirmed(), "");
    let died = Instant::now();
    drop(one);

    eventually("another reads them", async || told(&other.pending().await) == left).await;

    assert!(died.elapsed() < Duration::from_secs(10), "{:?}", died.elapsed());
    let pending = other.pending().await;
    other.events.confirm("ana", &pending).await.unwrap();
    assert_eq!(other.pending().await, []);
    eventually("no signal is left", async || other.pending().await.is_empty() && unconfirmed().is_empty()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_stops_leaves_its_consumers_to_others_at_once() {
    let (one, other, _server, _guard) = two().await;
    let left = one.leave("alice").await;
    one.stop().await;
    let stopped = Instant::now();

    eventually("another reads", async || told(&other.pending().await) == [left.clone()]).await;

    assert!(stopped.elapsed() < Duration::from_secs(3), "{:?}", stopped.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_process_left_and_died_before_it_could_signal_is_found() {
    let (one, _other, _server, guard) = two().await;
    let account = sample::account("alice");
    let left = sample::opened(&account);

    MongoAccounts::new(mongo::another(&guard).await).unwrap().add(&account, &left).await.unwrap();

    eventually("it is found", async || told(&one.pending().await) == [left.clone()]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_with_redis() {
    let (one, other, mut server, _guard) = two().await;
    let mut left = vec![other.leave("before").await];
    server.kill();
    left.push(other.leave("during").await);
    left.push(one.leave("during_too").await);
    server.restart();
    left.push(other.leave("after").await);

    eventually("somebody reads all", async || {
        told(&one.pending().await) == left || told(&other.pending().await) == left
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn however_redis_and_processes_come_and_go_every_event_is_handled_in_order() {
    const EVENTS: usize = 60;
    let (mut server, (_, guard)) = (Server::start(), mongo::open().await);
    let handled: Arc<Mutex<Vec<Event>>> = Arc::default();
    let writer = Process::start(&server, &guard, 9).await;
    let mut left = Vec::new();
    let mut reader: Option<Process> = None;
    for n in 0..EVENTS {
        if n % 20 == 0 {
            let mut next = Process::start(&server, &guard, u8::try_from(n).unwrap()).await;
            next.relay(Arc::new(Recorder(handled.clone())));
            // The one before dies without a word.
            reader = Some(next);
        }
        if n % 20 == 10 {
            server.kill();
            server.restart();
        }
        left.push(writer.leave(&format!("user_{n}")).await);
    }

    let complete = Instant::now();
    while !left.iter().all(|event| handled.lock().unwrap().contains(event)) {
        assert!(complete.elapsed() < Duration::from_secs(30), "{} of {EVENTS}", handled.lock().unwrap().len());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let mut first_times = Vec::new();
    for event in handled.lock().unwrap().iter() {
        if !first_times.contains(event) {
            first_times.push(event.clone());
        }
    }
    assert_eq!(first_times, left);
    drop(reader);
}
