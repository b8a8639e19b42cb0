//! What one process tells, the others hear, whatever happens to Redis.

use std::{
    process::{Command, Stdio},
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use echo_domain::{Broadcast, Change, Hears, PostId, SessionId, UserId, contract::sample};
use echo_redis::{Redis, RedisBroadcast};
use futures_util::future::join_all;
use tokio::sync::watch;

use crate::server::{Cluster, Server, eventually};

/// What a process has heard so far.
#[derive(Default)]
struct Heard(Mutex<Vec<Change>>);

impl Heard {
    fn has(&self, change: &Change) -> bool {
        self.0.lock().unwrap().contains(change)
    }

    fn anything(&self) -> usize {
        self.0.lock().unwrap().iter().filter(|change| **change == Change::Anything).count()
    }

    /// All but [`Change::Anything`], which may come at any time.
    fn specific(&self) -> Vec<Change> {
        self.0.lock().unwrap().iter().filter(|change| **change != Change::Anything).cloned().collect()
    }

    fn forget(&self) {
        self.0.lock().unwrap().clear();
    }
}

impl Hears for Heard {
    fn hear(&self, change: &Change) {
        self.0.lock().unwrap().push(change.clone());
    }
}

/// A process that tells and hears, for as long as this is kept.
struct Process {
    broadcast: Arc<RedisBroadcast>,
    heard: Arc<Heard>,
    stop: watch::Sender<bool>,
    listening: tokio::task::JoinHandle<()>,
}

impl Process {
    async fn start(redis: Arc<Redis>, instance: u8) -> Self {
        let broadcast = Arc::new(RedisBroadcast::new(redis, [instance; 16]));
        let heard = Arc::new(Heard::default());
        let stop = watch::Sender::new(false);
        let listening = tokio::spawn({
            let (broadcast, heard, stop) = (broadcast.clone(), heard.clone(), stop.subscribe());
            async move { broadcast.listen(vec![heard], stop).await.unwrap() }
        });
        let process = Self { broadcast, heard, stop, listening };
        eventually("it listens", async || process.heard.anything() > 0).await;
        process
    }

    async fn tell(&self) -> Change {
        let change = Change::PostRemoved { post: sample::id(), author: Some(sample::id()) };
        self.broadcast.tell(change.clone()).await;
        change
    }
}

/// Two processes that hear each other, and nothing else any more.
async fn two(redis: impl AsyncFn() -> Arc<Redis>) -> (Process, Process) {
    let one = Process::start(redis().await, 1).await;
    let other = Process::start(redis().await, 2).await;
    hear_each_other(&one, &other).await;
    (one, other)
}

async fn hear_each_other(one: &Process, other: &Process) {
    for (speaker, listener) in [(one, other), (other, one)] {
        eventually("one hears the other", async || {
            let told = speaker.tell().await;
            let deadline = Instant::now() + Duration::from_millis(300);
            while !listener.heard.has(&told) && Instant::now() < deadline {
                tokio::task::yield_now().await;
            }
            listener.heard.has(&told)
        })
        .await;
    }
    one.heard.forget();
    other.heard.forget();
}

fn every_kind() -> Vec<Change> {
    let (user, author): (UserId, UserId) = (sample::id(), sample::id());
    let post: PostId = sample::id();
    let sessions = sample::ids::<SessionId, 2>().to_vec();
    vec![
        Change::Account { account: user },
        Change::SessionsEnded { sessions, at: sample::NOW },
        Change::Profile { user },
        Change::Follow { follower: user, followee: author },
        Change::ProfileErased { user },
        Change::PostAdded { post, author },
        Change::PostRemoved { post, author: None },
        Change::PostsUncertain { author },
        Change::Comments { post },
        Change::Like { post, user },
        Change::TracesErased { user },
    ]
}

#[tokio::test]
async fn every_kind_of_change_is_heard_by_others_in_order_and_not_by_oneself() {
    let server = Server::start();
    let (one, other) = two(async || server.open().await).await;

    let told = every_kind();
    for change in &told {
        one.broadcast.tell(change.clone()).await;
    }

    eventually("the last is heard", async || other.heard.has(&told[told.len() - 1])).await;
    assert_eq!(other.heard.specific(), told);
    assert_eq!(one.heard.specific(), []);
}

#[tokio::test]
async fn processes_on_different_masters_of_a_cluster_hear_each_other() {
    let cluster = Cluster::start().await;

    two(async || Redis::open(&cluster.url()).await.unwrap()).await;
}

#[tokio::test]
async fn whoever_hears_nothing_forgets_every_second() {
    let mut server = Server::start();
    let (one, other) = two(async || server.open().await).await;

    server.kill();

    for process in [&one, &other] {
        let started = Instant::now();
        eventually("anything may have changed", async || process.heard.anything() >= 3).await;
        assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
    }
}

#[tokio::test]
async fn what_changed_during_an_outage_is_forgotten_within_five_seconds_of_its_end() {
    let mut server = Server::start();
    let (one, other) = two(async || server.open().await).await;
    server.kill();
    eventually("the loss is noticed", async || other.heard.anything() > 0).await;
    let unheard = one.tell().await;

    server.restart();
    let back = Instant::now();
    other.heard.forget();

    eventually("anything may have changed", async || other.heard.anything() > 0).await;
    assert!(back.elapsed() < Duration::from_secs(5), "{:?}", back.elapsed());
    assert!(!other.heard.has(&unheard));
    hear_each_other(&one, &other).await;
}

#[tokio::test]
async fn a_connection_lost_for_a_moment_is_made_good() {
    let server = Server::start();
    let (one, other) = two(async || server.open().await).await;

    server.tell(&["CLIENT", "KILL", "TYPE", "pubsub"]);

    for process in [&one, &other] {
        eventually("what was told meanwhile may be anything", async || process.heard.anything() > 0).await;
    }
    hear_each_other(&one, &other).await;
}

#[tokio::test]
async fn what_is_told_was_heard() {
    let server = Server::start();
    let (one, other) = two(async || server.open().await).await;

    let told = join_all((0..1000).map(async |_| {
        let change = one.tell().await;
        other.heard.has(&change)
    }));

    assert!(told.await.into_iter().all(|was_heard| was_heard));
}

#[tokio::test]
async fn nobody_waits_for_long_for_one_that_does_not_answer() {
    let server = Server::start();
    let (one, other) = two(async || server.open().await).await;
    let port = server.port().to_string();
    let mut deaf = Command::new("redis-cli");
    let deaf = deaf.args(["-p", &port, "SSUBSCRIBE", "echo:changes"]).stdin(Stdio::piped()).stdout(Stdio::null());
    let mut deaf = deaf.spawn().unwrap();
    let listen = || server.tell(&["PUBSUB", "SHARDNUMSUB", "echo:changes"]);
    eventually("it listens, too", async || listen().ends_with('3')).await;

    let started = Instant::now();
    for _ in 0..20 {
        let told = one.tell().await;
        assert!(other.heard.has(&told));
    }
    deaf.kill().unwrap();
    deaf.wait().unwrap();

    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
}

#[tokio::test]
async fn what_a_newer_echo_tells_may_be_anything() {
    let server = Server::start();
    let (one, _other) = two(async || server.open().await).await;

    server.tell(&["SPUBLISH", "echo:changes", r#"{"from":"newer","changes":[{"kind":"unheard_of"}]}"#]);

    eventually("anything is heard", async || one.heard.anything() > 0).await;
}

#[tokio::test]
async fn listening_ends_when_told_to_stop() {
    let mut server = Server::start();
    let (one, other) = two(async || server.open().await).await;
    server.kill();

    for process in [one, other] {
        process.stop.send_replace(true);
        tokio::time::timeout(Duration::from_secs(5), process.listening).await.expect("it ends").unwrap();
    }
}
