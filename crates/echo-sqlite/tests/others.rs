//! What one process changes, the caches of another do not go on telling.

#![expect(clippy::unwrap_used, reason = "these are tests")]

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use echo_domain::{
    Broadcast, Change, Clock, Event, Hears, PageRequest, PostId, Timestamp, UserId,
    auth::{AccountStore, CachedAccounts, State},
    contract::sample::{self, NOW},
    posts::{CachedPosts, Comment, Like, PostStore},
    users::{CachedProfiles, Name, ProfileChange, ProfileStore},
};
use echo_sqlite::{Database, Options, SqliteAccounts, SqlitePosts, SqliteProfiles};

const BYTES: u64 = 1 << 20;

/// Stands still: nothing is forgotten by age, so that what is not heard shows.
struct Noon;

impl Clock for Noon {
    fn now(&self) -> Timestamp {
        NOW
    }
}

/// Brings what one process tells to the other at once.
#[derive(Default)]
struct Wire(Mutex<Vec<Arc<dyn Hears>>>);

#[async_trait]
impl Broadcast for Wire {
    async fn tell(&self, change: Change) {
        // Over a wire, it is written down.
        let change = serde_json::from_str(&serde_json::to_string(&change).unwrap()).unwrap();
        self.0.lock().unwrap().iter().for_each(|other| other.hear(&change));
    }
}

/// The stores of two processes over one database: changes are made in the first, and looked at in the second.
struct Two {
    accounts: [Arc<CachedAccounts>; 2],
    profiles: [Arc<CachedProfiles>; 2],
    posts: [Arc<CachedPosts>; 2],
    _folder: tempfile::TempDir,
}

fn two() -> Two {
    let folder = tempfile::tempdir().unwrap();
    let database = Database::open(&folder.path().join("echo.db"), Options::default()).unwrap();
    let (clock, wires) = (Arc::new(Noon) as Arc<dyn Clock>, [Arc::new(Wire::default()), Arc::new(Wire::default())]);
    let each = wires.clone().map(|wire| {
        let wire = || wire.clone() as Arc<dyn Broadcast>;
        (
            Arc::new(CachedAccounts::new(Arc::new(SqliteAccounts(database.clone())), BYTES, clock.clone(), wire())),
            Arc::new(CachedProfiles::new(Arc::new(SqliteProfiles(database.clone())), BYTES, &clock, wire())),
            Arc::new(CachedPosts::new(Arc::new(SqlitePosts(database.clone())), BYTES, &clock, wire())),
        )
    });
    wires[0].0.lock().unwrap().extend([each[1].0.clone() as Arc<dyn Hears>, each[1].1.clone(), each[1].2.clone()]);
    let [(accounts, profiles, posts), (other_accounts, other_profiles, other_posts)] = each;
    Two {
        accounts: [accounts, other_accounts],
        profiles: [profiles, other_profiles],
        posts: [posts, other_posts],
        _folder: folder,
    }
}

#[tokio::test]
async fn an_account_that_another_process_changed_is_seen_as_it_is() {
    let Two { accounts: [here, there], .. } = two();
    let ana = sample::account("ana_lima");
    here.add(&ana, &sample::opened(&ana)).await.unwrap();
    assert_eq!(there.find(ana.id).await.unwrap().unwrap().state, State::Active);

    here.set_state(ana.id, State::Suspended, NOW).await.unwrap();

    assert_eq!(there.find(ana.id).await.unwrap().unwrap().state, State::Suspended);
}

#[tokio::test]
async fn profiles_and_follows_that_another_process_changed_are_seen_as_they_are() {
    let Two { profiles: [here, there], .. } = two();
    let (ana, bob) = (sample::profile("ana_lima", "Ana"), sample::profile("bob_", "Bob"));
    let seen = async |user: UserId| {
        let profile = there.by_ids(&[user]).await.unwrap().remove(&user).unwrap();
        let first = PageRequest::first(10);
        let (followers, following) = (there.followers(user, first).await, there.following(user, first).await);
        (profile.name.clone(), profile.followers, followers.unwrap().items.len(), following.unwrap().items.len())
    };
    for profile in [&ana, &bob] {
        here.open(profile).await.unwrap();
        seen(profile.id).await;
    }

    let name = ProfileChange { name: Some(Name::parse("Ana Lima").unwrap()), ..ProfileChange::default() };
    here.update(ana.id, &name, NOW).await.unwrap();
    here.follow(sample::id(), bob.id, ana.id, 10).await.unwrap();
    assert_eq!(seen(ana.id).await, ("Ana Lima".to_owned(), 1, 1, 0));
    assert_eq!(seen(bob.id).await, ("Bob".to_owned(), 0, 0, 1));

    here.unfollow(bob.id, ana.id).await.unwrap();
    assert_eq!(seen(ana.id).await, ("Ana Lima".to_owned(), 0, 0, 0));
    here.follow(sample::id(), ana.id, bob.id, 10).await.unwrap();
    seen(bob.id).await;

    while here.erase(ana.id, 10).await.unwrap() > 0 {}
    assert_eq!(seen(bob.id).await, ("Bob".to_owned(), 0, 0, 0));
    assert!(there.by_ids(&[ana.id]).await.unwrap().is_empty());
}

#[tokio::test]
async fn posts_that_another_process_changed_are_seen_as_they_are() {
    let Two { posts: [here, there], .. } = two();
    let (ana, bob): (UserId, UserId) = (sample::id(), sample::id());
    let post = sample::post(ana, "hello");
    let seen = async |post: PostId| {
        let detail = there.details(&[post]).await.unwrap().pop();
        let counts = detail.map(|detail| (detail.like_count, detail.comment_count));
        let liked = !there.liked(bob, &[post]).await.unwrap().is_empty();
        let newest = there.newest(PageRequest::first(10)).await.unwrap().items.contains(&post);
        let of_ana = there.counts(&[ana]).await.unwrap().get(&ana).copied().unwrap_or(0);
        let known = there.known_by(&[ana], PageRequest::first(10)).await.unwrap().items.contains(&post);
        assert_eq!(known, newest);
        (counts, liked, newest, of_ana, there.total().await.unwrap())
    };
    let like = |liked| here.set_like(Like { id: sample::id(), post: post.id, user: bob }, liked);
    assert_eq!(seen(post.id).await, (None, false, false, 0, 0));

    here.add(&post, &sample::published(&post)).await.unwrap();
    assert_eq!(seen(post.id).await, (Some((0, 0)), false, true, 1, 1));
    like(true).await.unwrap();
    assert_eq!(seen(post.id).await, (Some((1, 0)), true, true, 1, 1));
    like(false).await.unwrap();
    assert_eq!(seen(post.id).await, (Some((0, 0)), false, true, 1, 1));
    let comment: Comment = sample::comment(&post, bob, "lovely");
    here.comment(&comment).await.unwrap();
    assert_eq!(seen(post.id).await, (Some((0, 1)), false, true, 1, 1));
    here.remove_comment(post.id, comment.id).await.unwrap();
    assert_eq!(seen(post.id).await, (Some((0, 0)), false, true, 1, 1));
    like(true).await.unwrap();
    assert_eq!(seen(post.id).await, (Some((1, 0)), true, true, 1, 1));
    while here.erase_traces(bob, 10).await.unwrap() > 0 {}
    assert_eq!(seen(post.id).await, (Some((0, 0)), false, true, 1, 1));
    here.remove(post.id, &sample::deleted(&post)).await.unwrap();
    assert_eq!(seen(post.id).await, (None, false, false, 0, 0));
}

#[tokio::test]
async fn whoever_missed_something_forgets_everything() {
    let Two { posts: [_, there], profiles: [_, profiles], _folder: folder, .. } = two();
    let database = Database::open(&folder.path().join("echo.db"), Options::default()).unwrap();
    let ana = sample::profile("ana_lima", "Ana");
    let post = sample::post(ana.id, "hello");
    assert_eq!((there.total().await.unwrap(), profiles.by_ids(&[ana.id]).await.unwrap().len()), (0, 0));
    let news: Event = sample::published(&post);
    SqlitePosts(database.clone()).add(&post, &news).await.unwrap();
    SqliteProfiles(database).open(&ana).await.unwrap();
    assert_eq!(there.total().await.unwrap(), 0, "what is not told is not known");

    there.hear(&Change::Anything);
    profiles.hear(&Change::Anything);

    assert_eq!((there.total().await.unwrap(), profiles.by_ids(&[ana.id]).await.unwrap().len()), (1, 1));
}
