//! What one process has read, all have, and nothing of it is out of date.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use echo_domain::{
    PostId, Timestamp, UserId,
    contract::{Backend, Figures, sample},
    posts::{PostDetail, PostStore},
    users::{Name, Profile, ProfileChange, ProfileStore},
};
use echo_redis::Redis;

use crate::{
    backend::{plain, shared},
    mongo::{self, Guard},
    server::{Cluster, Server, eventually},
};

/// A store, and two processes that share what they read of it.
struct Echo {
    plain: Backend,
    one: Backend,
    other: Backend,
    server: Server,
    _guard: Guard,
}

impl Echo {
    async fn start(arguments: &[&str]) -> Self {
        let server = Server::with("redis-server", arguments);
        let (mongo, guard) = mongo::open().await;
        let plain = plain(&mongo);
        let one = shared(plain.clone(), server.open().await);
        let other = shared(plain.clone(), server.open().await);
        let echo = Self { plain, one, other, server, _guard: guard };
        echo.until_it_is_used().await;
        echo
    }

    /// The first who looks begins an epoch.
    async fn until_it_is_used(&self) {
        let profile = self.opened("first").await;
        for process in [&self.one, &self.other] {
            eventually("what is read is kept", async || {
                name(&*process.profiles, profile.id).await;
                self.is_kept(profile.id)
            })
            .await;
        }
    }

    async fn opened(&self, username: &str) -> Profile {
        let profile = sample::profile(username, "before");
        self.plain.profiles.open(&profile).await.unwrap();
        profile
    }

    fn is_kept(&self, user: UserId) -> bool {
        self.server.tell(&["EXISTS", &key(user)]) == "1"
    }
}

fn key(user: UserId) -> String {
    format!("echo:{{profile:{user}}}")
}

async fn name(profiles: &dyn ProfileStore, user: UserId) -> String {
    profiles.by_ids(&[user]).await.unwrap()[&user].name.clone()
}

async fn rename(profiles: &dyn ProfileStore, user: UserId, name: &str) {
    let change = ProfileChange { name: Some(Name::parse(name).unwrap()), ..ProfileChange::default() };
    profiles.update(user, &change, Timestamp::from_millis(sample::NOW.millis() + 1)).await.unwrap().unwrap();
}

async fn detail(posts: &dyn PostStore, post: PostId) -> Option<Arc<PostDetail>> {
    posts.details(&[post]).await.unwrap().pop()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_process_read_another_does_not_read_again() {
    let figures = Figures::default();
    let _counting = figures.count_here();
    let echo = Echo::start(&[]).await;
    let profile = echo.opened("alice").await;
    let asked = || ["hits", "misses"].map(|it| figures.get(&format!("echo_cache_{it}_total{{cache=shared}}")));
    let [hits, misses] = asked();
    assert_eq!(name(&*echo.one.profiles, profile.id).await, "before");
    assert_eq!(asked(), [hits, misses + 1.0]);

    // Past the cache: nobody hears of it.
    rename(&*echo.plain.profiles, profile.id, "after").await;

    assert_eq!(name(&*echo.other.profiles, profile.id).await, "before");
    assert_eq!(asked(), [hits + 1.0, misses + 1.0]);
    let left: u64 = echo.server.tell(&["PTTL", &key(profile.id)]).parse().unwrap();
    assert!((40_000..=72_000).contains(&left), "{left}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_post_is_shared_as_it_is() {
    let echo = Echo::start(&[]).await;
    let mut post = sample::post(sample::id(), "Zoë \"Ñandú\" 🦀\n");
    let image = echo_domain::posts::Content::Image(sample::image());
    post.blocks.push(echo_domain::posts::Block { id: sample::id(), content: image });
    echo.one.posts.add(&post, &sample::published(&post)).await.unwrap();
    for n in 0..3 {
        echo.one.posts.set_like(sample::like(&post, sample::id()), true).await.unwrap();
        echo.one.posts.comment(&sample::comment(&post, sample::id(), &format!("{n} 🦀"))).await.unwrap();
    }
    let expected = detail(&*echo.plain.posts, post.id).await;
    detail(&*echo.one.posts, post.id).await;
    echo.plain.posts.remove(post.id, &sample::deleted(&post)).await.unwrap();

    assert_eq!(detail(&*echo.other.posts, post.id).await, expected);

    echo.one.posts.remove(post.id, &sample::deleted(&post)).await.unwrap();
    assert_eq!(detail(&*echo.other.posts, post.id).await, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_another_is_reading_is_waited_for_a_moment_and_then_read() {
    let echo = Echo::start(&[]).await;
    let profile = echo.opened("alice").await;
    let lease = format!("{}:lease", key(profile.id));
    echo.server.tell(&["SET", &lease, "of a dead process", "PX", "2000"]);
    let started = Instant::now();

    assert_eq!(name(&*echo.one.profiles, profile.id).await, "before");

    assert!(started.elapsed() < Duration::from_secs(1), "{:?}", started.elapsed());
    assert!(!echo.is_kept(profile.id));
    eventually("the lease ends", async || {
        name(&*echo.one.profiles, profile.id).await;
        echo.is_kept(profile.id)
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_takes_the_lease_from_whoever_is_reading() {
    let echo = Echo::start(&[]).await;
    let profile = echo.opened("alice").await;
    let lease = format!("{}:lease", key(profile.id));
    echo.server.tell(&["SET", &lease, "of whoever reads", "PX", "60000"]);

    rename(&*echo.one.profiles, profile.id, "after").await;

    assert_eq!(echo.server.tell(&["EXISTS", &lease]), "0");
    assert_eq!(name(&*echo.other.profiles, profile.id).await, "after");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_does_not_exist_is_waited_for_by_nobody() {
    let echo = Echo::start(&[]).await;
    let nobody: UserId = sample::id();

    assert!(echo.one.profiles.by_ids(&[nobody, nobody]).await.unwrap().is_empty());

    assert_eq!(echo.server.tell(&["EXISTS", &key(nobody), &format!("{}:lease", key(nobody))]), "0");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_read_before_a_change_is_not_left_after_it() {
    let echo = Echo::start(&[]).await;
    let user = echo.opened("alice").await.id;
    for round in 0..60 {
        let stop = Arc::new(AtomicBool::new(false));
        let mut readers = tokio::task::JoinSet::new();
        for process in [&echo.one, &echo.other, &echo.one, &echo.other] {
            let (profiles, stop) = (process.profiles.clone(), stop.clone());
            readers.spawn(async move {
                while !stop.load(Ordering::Relaxed) {
                    name(&*profiles, user).await;
                }
            });
        }
        // Whatever is there goes, so that somebody is just reading it.
        echo.server.tell(&["DEL", &key(user)]);

        let now = format!("name {round}");
        rename(&*echo.one.profiles, user, &now).await;

        stop.store(true, Ordering::Relaxed);
        while let Some(done) = readers.join_next().await {
            done.unwrap();
        }
        for process in [&echo.one, &echo.other] {
            assert_eq!(name(&*process.profiles, user).await, now);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_could_not_be_removed_is_not_read() {
    let echo = Echo::start(&[]).await;
    let profile = echo.opened("alice").await;
    assert_eq!(name(&*echo.other.profiles, profile.id).await, "before");
    echo.server.tell(&["ACL", "SETUSER", "default", "-del"]);

    rename(&*echo.one.profiles, profile.id, "after").await;

    assert!(echo.is_kept(profile.id));
    assert_eq!(name(&*echo.one.profiles, profile.id).await, "after");
    eventually("others hear of it", async || name(&*echo.other.profiles, profile.id).await == "after").await;
}

/// What was removed is there again, as in a replica that had not heard of it when it was made the master.
#[tokio::test(flavor = "multi_thread")]
async fn what_an_older_copy_of_redis_remembers_is_not_read() {
    let mut echo = Echo::start(&[]).await;
    let profile = echo.opened("alice").await;
    assert_eq!(name(&*echo.one.profiles, profile.id).await, "before");
    assert_eq!(echo.server.tell(&["SAVE"]), "OK");
    rename(&*echo.one.profiles, profile.id, "after").await;
    assert!(!echo.is_kept(profile.id));

    echo.server.kill();
    echo.server.restart();

    assert!(echo.is_kept(profile.id));
    for process in [&echo.one, &echo.other] {
        eventually("it is right", async || name(&*process.profiles, profile.id).await == "after").await;
    }
    echo.until_it_is_used().await;
    assert_eq!(name(&*echo.other.profiles, profile.id).await, "after");
}

/// This Redis remembers what it had when it was killed: what should have been removed meanwhile, too.
#[tokio::test(flavor = "multi_thread")]
async fn what_changed_while_redis_was_gone_is_right_within_five_seconds() {
    let mut echo = Echo::start(&["--appendonly", "yes", "--appendfsync", "always"]).await;
    let profile = echo.opened("alice").await;
    for process in [&echo.one, &echo.other] {
        assert_eq!(name(&*process.profiles, profile.id).await, "before");
    }
    assert!(echo.is_kept(profile.id));
    echo.server.kill();

    rename(&*echo.one.profiles, profile.id, "after").await;
    assert_eq!(name(&*echo.one.profiles, profile.id).await, "after");
    assert_eq!(name(&*echo.other.profiles, profile.id).await, "after");

    echo.server.restart();
    assert!(echo.is_kept(profile.id));
    let back = Instant::now();
    eventually("it is right everywhere", async || {
        let names = (name(&*echo.one.profiles, profile.id).await, name(&*echo.other.profiles, profile.id).await);
        names == ("after".to_owned(), "after".to_owned()) && back.elapsed() > Duration::from_secs(1)
    })
    .await;
    assert!(back.elapsed() < Duration::from_secs(5), "{:?}", back.elapsed());
    echo.until_it_is_used().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cache_that_lost_everything_is_filled_anew() {
    let mut echo = Echo::start(&[]).await;

    echo.server.kill();
    echo.server.restart();

    echo.until_it_is_used().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn masters_of_a_cluster_share_what_is_kept() {
    let (cluster, (mongo, _guard)) = (Cluster::start().await, mongo::open().await);
    let plain = plain(&mongo);
    let echo = shared(plain.clone(), Redis::open(&cluster.url()).await.unwrap());
    let mut users = Vec::new();
    for n in 0..60 {
        let profile = sample::profile(&format!("user_{n}"), "before");
        plain.profiles.open(&profile).await.unwrap();
        users.push(profile.id);
    }

    for _ in 0..3 {
        assert_eq!(echo.profiles.by_ids(&users).await.unwrap().len(), users.len());
    }

    assert!(cluster.keys_of_each().iter().all(|keys| *keys > 5));
    rename(&*echo.profiles, users[0], "after").await;
    assert_eq!(name(&*echo.profiles, users[0]).await, "after");
}
