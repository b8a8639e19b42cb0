//! What home timelines are, whatever keeps the records and the timelines: the same as if all was pulled.

#![expect(clippy::unwrap_used, reason = "these are tests")]

mod world;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use async_trait::async_trait;
use tokio::sync::watch;

use crate::{
    Consumer, Error, Event, PageRequest, PostId, RawId, Recorded, Relay, Result, UserId,
    contract::{Backend, Dice, Figures, at_once, sample},
    posts::PostStore,
};

use super::{Policy, Reason, Timeline, TimelineStore};
use world::{Noon, World, home};

/// `$fresh` is an async fn returning a [`Shape`] and a guard.
#[macro_export]
macro_rules! home_timeline_contract {
    ($fresh:path) => {
        $crate::contract_tests! { $fresh, $crate::feed::home_contract;
            a_pushed_timeline_equals_the_pulled_one_after_any_sequence
            a_copy_of_a_pushed_timeline_equals_the_pulled_one_after_any_sequence
            a_pushed_timeline_equals_the_pulled_one_after_any_concurrent_work
            what_is_published_at_any_moment_while_it_is_made_is_there
            what_is_older_than_kept_is_read_on_by_pull
            what_is_pushed_while_somebody_is_followed_for_a_while_is_not_shown
            what_is_missed_while_somebody_is_not_followed_is_there_again
            the_large_are_not_pushed_and_stay_large
            between_the_thresholds_posts_are_pushed_and_pulled_and_shown_once
            timelines_that_cannot_be_kept_are_done_without
            what_comes_into_timelines_and_how_they_are_read_is_counted
        }
    };
}

/// Empty stores, as they are put together.
#[derive(Clone)]
pub struct Shape {
    pub backend: Backend,
    pub timelines: Arc<dyn TimelineStore>,
}

/// So that of half a dozen people some are large.
const POLICY: Policy = Policy { pulled_from: 3, pushed_below: 4 };

/// One thing that somebody does, or that happens.
async fn step(world: &mut World, reserved: &mut Vec<PostId>, dice: &mut Dice) {
    let (one, other) = (*dice.pick(&world.people), *dice.pick(&world.people));
    match dice.below(20) {
        0..=5 => drop(world.publish(one).await),
        6 => reserved.push(sample::id()),
        7 if !reserved.is_empty() => {
            let id = reserved.swap_remove(dice.below(reserved.len()));
            world.publish_as(id, one).await;
        }
        8 | 9 if !world.published.is_empty() => world.remove(*dice.pick(&world.published)).await,
        10..=13 => world.follow(one, other).await,
        14 => world.unfollow(one, other).await,
        15..=17 => world.hand_over_one(dice).await,
        18 => world.timelines.forget(one).await.unwrap(),
        _ => world.assert_nothing_lost(one).await,
    }
}

pub async fn a_pushed_timeline_equals_the_pulled_one_after_any_sequence(shape: Shape) {
    any_sequence(|| World::new(&shape, 6, POLICY)).await;
}

pub async fn a_copy_of_a_pushed_timeline_equals_the_pulled_one_after_any_sequence(shape: Shape) {
    any_sequence(async || World::new(&shape, 6, POLICY).await.with_copies()).await;
}

async fn any_sequence(fresh: impl AsyncFn() -> World) {
    for seed in 0..12 {
        let mut dice = Dice::new(seed);
        let mut world = fresh().await;
        let mut reserved = Vec::new();
        for _ in 0..3 {
            for _ in 0..40 {
                step(&mut world, &mut reserved, &mut dice).await;
            }
            world.hand_over_all(&mut dice).await;
            for viewer in &world.people {
                world.assert_equal(*viewer).await;
            }
        }
    }
}

pub async fn a_pushed_timeline_equals_the_pulled_one_after_any_concurrent_work(shape: Shape) {
    const TASKS: u64 = 8;
    const STEPS: usize = 60;
    let world = Arc::new(World::new(&shape, 6, POLICY).await);
    let (stop, stopped) = watch::channel(false);
    let relay = Relay {
        log: world.events.clone(),
        consumers: vec![world.keeper.clone()],
        everybody: &["feed"],
        clock: Arc::new(Noon),
    };
    let relay = tokio::spawn(relay.run(stopped));

    at_once((0..TASKS).map(|seed| {
        let world = world.clone();
        async move {
            let mut dice = Dice::new(seed);
            let mut own = Vec::new();
            for _ in 0..STEPS {
                work(&world, &mut own, &mut dice).await;
            }
        }
    }))
    .await;

    let deadline = Instant::now() + Duration::from_secs(20);
    while !world.events.pending("feed", 1).await.unwrap().is_empty() {
        assert!(Instant::now() < deadline, "events are not handed over");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    stop.send(true).unwrap();
    relay.await.unwrap();
    for viewer in &world.people {
        world.assert_equal(*viewer).await;
    }
}

/// One thing that somebody does while others do theirs.
async fn work(world: &World, own: &mut Vec<(PostId, UserId)>, dice: &mut Dice) {
    let (one, other) = (*dice.pick(&world.people), *dice.pick(&world.people));
    match dice.below(12) {
        0..=3 => {
            let post = sample::post(one, "hello");
            world.posts.add(&post, &sample::published(&post)).await.unwrap();
            own.push((post.id, one));
        }
        4 if !own.is_empty() => world.remove(*dice.pick(own)).await,
        5 | 6 => world.follow(one, other).await,
        7 => world.unfollow(one, other).await,
        8 => world.timelines.forget(one).await.unwrap(),
        _ => {
            let shown = world.home(one, PageRequest::first(20)).await.unwrap().items;
            assert!(shown.is_sorted_by(|one, next| one > next), "not newest first, or twice: {shown:?}");
        }
    }
}

/// Before and after each call that makes a timeline, somebody publishes, and it is pushed.
struct Busy {
    timelines: Arc<dyn TimelineStore>,
    posts: Arc<dyn PostStore>,
    author: UserId,
    reader: UserId,
}

impl Busy {
    async fn publish(&self) -> Result<()> {
        let post = sample::post(self.author, "meanwhile");
        self.posts.add(&post, &sample::published(&post)).await?;
        self.push(&[self.reader], post.id).await?;
        Ok(())
    }
}

#[async_trait]
impl TimelineStore for Busy {
    async fn push(&self, owners: &[UserId], post: PostId) -> Result<usize> {
        self.timelines.push(owners, post).await
    }

    async fn read(&self, owner: UserId) -> Result<Option<Timeline>> {
        self.timelines.read(owner).await
    }

    async fn begin(&self, owner: UserId, making: RawId, version: u64) -> Result<()> {
        self.publish().await?;
        self.timelines.begin(owner, making, version).await?;
        self.publish().await
    }

    async fn fill(&self, owner: UserId, making: RawId, posts: &[PostId], more: bool) -> Result<bool> {
        self.publish().await?;
        let filled = self.timelines.fill(owner, making, posts, more).await?;
        self.publish().await?;
        Ok(filled)
    }

    async fn forget(&self, owner: UserId) -> Result<()> {
        self.timelines.forget(owner).await
    }
}

pub async fn what_is_published_at_any_moment_while_it_is_made_is_there(shape: Shape) {
    let mut world = World::new(&shape, 2, POLICY).await;
    let [reader, author] = world.people[..] else { unreachable!() };
    world.follow(reader, author).await;
    let busy = Busy { timelines: shape.timelines, posts: shape.backend.posts, author, reader };
    world.read_from(Arc::new(busy));

    home(&world.feed, reader, PageRequest::first(10)).await.unwrap();

    assert_eq!(world.pulled(reader).await.len(), 4);
    world.assert_equal(reader).await;
}

pub async fn what_is_older_than_kept_is_read_on_by_pull(shape: Shape) {
    let (mut world, mut dice) = (World::new(&shape, 3, POLICY).await, Dice::new(1));
    let [viewer, ana, ben] = world.people[..] else { unreachable!() };
    for author in [ana, ben] {
        world.follow(viewer, author).await;
    }
    let oldest = sample::id();
    world.publish_many(&[ana, ben, viewer], 290).await;
    let recent = sample::id();
    world.publish_many(&[ben], 60).await;
    world.hand_over_all(&mut dice).await;
    world.assert_equal_in_pages(viewer, &[7, 100]).await;
    assert!(world.timelines.read(viewer).await.unwrap().unwrap().more);

    // Published late, under ids that lie before what is kept, and in the middle of it.
    for id in [oldest, recent] {
        world.publish_as(id, ana).await;
    }
    world.hand_over_all(&mut dice).await;
    world.assert_equal_in_pages(viewer, &[7, 100]).await;

    world.publish_many(&[ana, ben], 700).await;
    world.hand_over_all(&mut dice).await;
    world.assert_equal_in_pages(viewer, &[99]).await;
    assert_eq!(world.timelines.read(viewer).await.unwrap().unwrap().posts.len(), Timeline::MAX);

    // Hundreds in a row that are gone: pages are filled up from behind them.
    let gone: Vec<_> = world.published.iter().rev().skip(10).take(350).copied().collect();
    for post in gone {
        world.remove(post).await;
    }
    world.assert_equal_in_pages(viewer, &[7, 100]).await;
}

pub async fn what_is_pushed_while_somebody_is_followed_for_a_while_is_not_shown(shape: Shape) {
    let (mut world, mut dice) = (World::new(&shape, 2, POLICY).await, Dice::new(1));
    let [viewer, ana] = world.people[..] else { unreachable!() };
    world.assert_equal(viewer).await;

    world.follow(viewer, ana).await;
    let post = world.publish(ana).await;
    world.hand_over_all(&mut dice).await;
    world.unfollow(viewer, ana).await;

    assert_eq!(world.timelines.read(viewer).await.unwrap().unwrap().posts, [post]);
    assert_eq!(world.explained(viewer, post).await, Reason::NotFollowed);
    world.assert_equal(viewer).await;
}

pub async fn what_is_missed_while_somebody_is_not_followed_is_there_again(shape: Shape) {
    let (mut world, mut dice) = (World::new(&shape, 2, POLICY).await, Dice::new(1));
    let [viewer, ana] = world.people[..] else { unreachable!() };
    world.follow(viewer, ana).await;
    world.assert_equal(viewer).await;

    world.unfollow(viewer, ana).await;
    let post = world.publish(ana).await;
    world.hand_over_all(&mut dice).await;
    world.follow(viewer, ana).await;

    assert!(world.timelines.read(viewer).await.unwrap().unwrap().posts.is_empty());
    world.assert_equal(viewer).await;
    assert_eq!(world.explained(viewer, post).await, Reason::FollowedPushed);
}

pub async fn the_large_are_not_pushed_and_stay_large(shape: Shape) {
    let (mut world, mut dice) = (World::new(&shape, 6, POLICY).await, Dice::new(1));
    let [viewer, star, ref fans @ ..] = world.people.clone()[..] else { unreachable!() };
    world.follow(viewer, star).await;
    let before = world.publish(star).await;
    world.assert_equal(viewer).await;
    for fan in fans {
        world.follow(*fan, star).await;
    }

    let large = world.publish(star).await;
    world.hand_over_all(&mut dice).await;
    for fan in fans {
        world.unfollow(*fan, star).await;
    }
    let smaller = world.publish(star).await;
    world.hand_over_all(&mut dice).await;

    assert_eq!(world.timelines.read(viewer).await.unwrap().unwrap().posts, [before]);
    world.assert_equal(viewer).await;
    for post in [before, large, smaller] {
        assert_eq!(world.explained(viewer, post).await, Reason::FollowedPulled);
    }
}

pub async fn between_the_thresholds_posts_are_pushed_and_pulled_and_shown_once(shape: Shape) {
    let (mut world, mut dice) = (World::new(&shape, 4, POLICY).await, Dice::new(1));
    let [viewer, star, ana, ben] = world.people[..] else { unreachable!() };
    for follower in [viewer, ana, ben] {
        world.follow(follower, star).await;
    }
    world.assert_equal(viewer).await;

    let post = world.publish(star).await;
    world.hand_over_all(&mut dice).await;

    assert_eq!(world.timelines.read(viewer).await.unwrap().unwrap().posts, [post]);
    world.assert_equal(viewer).await;
}

/// Keeps nothing, and says so.
struct Broken;

fn broken<T>() -> Result<T> {
    Err(Error::internal("timelines are out of order"))
}

#[async_trait]
impl TimelineStore for Broken {
    async fn push(&self, _: &[UserId], _: PostId) -> Result<usize> {
        broken()
    }

    async fn read(&self, _: UserId) -> Result<Option<Timeline>> {
        broken()
    }

    async fn begin(&self, _: UserId, _: RawId, _: u64) -> Result<()> {
        broken()
    }

    async fn fill(&self, _: UserId, _: RawId, _: &[PostId], _: bool) -> Result<bool> {
        broken()
    }

    async fn forget(&self, _: UserId) -> Result<()> {
        broken()
    }
}

pub async fn timelines_that_cannot_be_kept_are_done_without(shape: Shape) {
    let mut world = World::new(&Shape { timelines: Arc::new(Broken), ..shape }, 3, POLICY).await;
    let [viewer, ana, ben] = world.people[..] else { unreachable!() };
    world.follow(viewer, ana).await;
    for author in [ana, ben, viewer, ana] {
        world.publish(author).await;
    }

    world.assert_equal(viewer).await;

    assert_eq!(home(&world.feed, viewer, PageRequest::first(10)).await.unwrap().items.len(), 3);
}

pub async fn what_comes_into_timelines_and_how_they_are_read_is_counted(shape: Shape) {
    let figures = Figures::default();
    let _counting = figures.count_here();
    let mut world = World::new(&shape, 6, POLICY).await;
    let [reader, author, absent, star, ana, ben] = world.people[..] else { unreachable!() };
    for (follower, followee) in
        [(reader, author), (absent, author), (reader, star), (absent, star), (author, star), (ana, star), (ben, star)]
    {
        world.follow(follower, followee).await;
    }
    let read = async |world: &World| world.home(reader, PageRequest::first(10)).await.unwrap();
    read(&world).await;
    read(&world).await;

    for author in [author, star] {
        let event = Event::PostPublished { post: world.publish(author).await, author, media: Vec::new() };
        world.keeper.handle(&event).await.unwrap();
        let at = sample::NOW - Duration::from_secs(3);
        world.keeper.done(&Recorded { position: 1, event, at, trace: None }, sample::NOW);
    }
    world.read_from(Arc::new(Broken));
    read(&world).await;

    let counted = |name: &str| figures.get(name);
    assert_eq!(counted("echo_fanout_timelines_total{outcome=pushed}"), 1.0);
    assert_eq!(counted("echo_fanout_timelines_total{outcome=dropped}"), 1.0);
    assert_eq!(counted("echo_fanout_posts_total{how=pushed}"), 1.0);
    assert_eq!(counted("echo_fanout_posts_total{how=pulled}"), 1.0);
    assert_eq!(figures.values("echo_feed_freshness_seconds"), [3.0, 3.0]);
    for how in ["kept", "rebuilt", "pulled"] {
        assert_eq!(counted(&format!("echo_timeline_reads_total{{how={how}}}")), 1.0, "{how}");
    }
}
