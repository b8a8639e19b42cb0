//! What is remembered of neighbours while they are gone.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use echo_domain::{
    Change, Clock, Error, Hears, IdSource, PageRequest, Result, Timestamp, UserId,
    auth::{Identity, Lookup, RememberedLookup, Role, SignUp, Viewer},
    contract::sample,
    posts::Catalog,
    users::{self, Directory, FOLLOWING_MAX, Name, Profile, ProfileChange, RememberedDirectory, UserService},
};
use echo_peers::{RemoteCatalog, RemoteDirectory, RemoteLookup, Service};

use crate::{
    places::{self, Noon, Place},
    sockets::Neighbour,
};

/// Goes when it is told to.
struct Hand(AtomicI64);

impl Hand {
    fn new() -> Arc<Self> {
        Arc::new(Self(AtomicI64::new(sample::NOW.millis())))
    }

    fn forward(&self, by: Duration) {
        self.0.fetch_add(i64::try_from(by.as_millis()).unwrap(), Ordering::SeqCst);
    }
}

impl Clock for Hand {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::SeqCst))
    }
}

struct Users {
    place: Place,
    neighbour: Neighbour,
    clock: Arc<Hand>,
    directory: RememberedDirectory,
}

impl Users {
    async fn start() -> Self {
        let place = Place::new();
        let neighbour = Neighbour::start(place.served()).await;
        let clock = Hand::new();
        let remote = Arc::new(RemoteDirectory(neighbour.peer(Service::Users)));
        let directory = RememberedDirectory::new(remote, 1 << 20, &(clock.clone() as Arc<dyn Clock>));
        Self { place, neighbour, clock, directory }
    }

    async fn opened(&self, username: &str) -> Profile {
        let profile = sample::profile(username, "Somebody");
        self.place.backend.profiles.open(&profile).await.unwrap();
        profile
    }

    async fn renamed(&self, user: UserId) {
        let change = ProfileChange { name: Some(Name::parse("Another").unwrap()), ..ProfileChange::default() };
        self.place.backend.profiles.update(user, &change, sample::NOW).await.unwrap();
    }
}

async fn names(directory: &dyn Directory, users: &[UserId]) -> Result<Vec<String>> {
    let profiles = directory.profiles(users).await?;
    Ok(users.iter().filter_map(|user| profiles.get(user)).map(|profile| profile.name.clone()).collect())
}

fn is_gone<T>(outcome: &Result<T>) -> bool {
    matches!(
        outcome,
        Err(Error::Unavailable { what: "the users service" | "the auth service" | "the posts service", .. })
    )
}

#[tokio::test]
async fn while_users_is_down_people_are_shown_as_they_were() {
    let users = Users::start().await;
    let (alice, bob, carol) = (users.opened("alice").await, users.opened("bobby").await, users.opened("carol").await);
    users.place.backend.profiles.follow(sample::id(), alice.id, bob.id, FOLLOWING_MAX).await.unwrap();
    let followed = users.directory.following(alice.id).await.unwrap();
    names(&users.directory, &[alice.id, bob.id]).await.unwrap();

    users.neighbour.stop().await;
    users.clock.forward(sample::DAY * 30);
    for change in [Change::Anything, Change::Profile { user: alice.id }] {
        users.directory.hear(&change);
        assert_eq!(names(&users.directory, &[bob.id, alice.id]).await.unwrap(), ["Somebody"; 2]);
    }

    assert_eq!(users.directory.following(alice.id).await.unwrap(), followed);
    // Whether these are there, nobody knows.
    assert!(is_gone(&names(&users.directory, &[alice.id, carol.id]).await));
    assert!(is_gone(&users.directory.following(carol.id).await));
}

#[tokio::test]
async fn while_users_is_down_nobody_erased_is_shown() {
    let users = Users::start().await;
    let alice = users.opened("alice").await;
    names(&users.directory, &[alice.id]).await.unwrap();
    users.directory.following(alice.id).await.unwrap();

    users.neighbour.stop().await;
    users.directory.hear(&Change::ProfileErased { user: alice.id });

    assert!(is_gone(&names(&users.directory, &[alice.id]).await));
    assert!(is_gone(&users.directory.following(alice.id).await));
}

#[tokio::test]
async fn who_was_gone_before_users_went_down_is_not_shown_again() {
    let users = Users::start().await;
    let alice = users.opened("alice").await;
    names(&users.directory, &[alice.id]).await.unwrap();
    while users.place.backend.profiles.erase(alice.id, 100).await.unwrap() > 0 {}
    // That was not heard of, but found.
    users.clock.forward(Duration::from_secs(61));
    assert!(names(&users.directory, &[alice.id]).await.unwrap().is_empty());

    users.neighbour.stop().await;
    users.clock.forward(Duration::from_secs(61));

    assert!(is_gone(&names(&users.directory, &[alice.id]).await));
}

#[tokio::test]
async fn once_users_is_back_people_are_shown_as_they_are() {
    let users = Users::start().await;
    let alice = users.opened("alice").await;
    names(&users.directory, &[alice.id]).await.unwrap();
    users.renamed(alice.id).await;
    let address = users.neighbour.stop().await;
    users.clock.forward(Duration::from_secs(61));
    assert_eq!(names(&users.directory, &[alice.id]).await.unwrap(), ["Somebody"]);

    let _neighbour = Neighbour::start_at(address, users.place.served()).await;

    let shown = async || names(&users.directory, &[alice.id]).await.unwrap();
    for _ in 0..500 {
        if shown().await == ["Another"] {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("still {:?}", shown().await);
}

/// What is not heard of is asked for again in time.
#[tokio::test]
async fn what_was_not_heard_of_is_found_within_a_minute() {
    let users = Users::start().await;
    let alice = users.opened("alice").await;
    names(&users.directory, &[alice.id]).await.unwrap();
    users.renamed(alice.id).await;

    assert_eq!(names(&users.directory, &[alice.id]).await.unwrap(), ["Somebody"]);
    users.clock.forward(Duration::from_secs(60));

    assert_eq!(names(&users.directory, &[alice.id]).await.unwrap(), ["Another"]);
}

#[tokio::test]
async fn while_auth_is_down_accounts_are_told_as_they_were() {
    let place = Place::new();
    let neighbour = Neighbour::start(place.served()).await;
    let clock = Hand::new();
    let remote = Arc::new(RemoteLookup(neighbour.peer(Service::Auth)));
    let lookup = RememberedLookup::new(remote, 1 << 20, &(clock.clone() as Arc<dyn Clock>));
    let account = sample::account("alice");
    place.backend.accounts.add(&account, &sample::opened(&account)).await.unwrap();
    lookup.account(account.id).await.unwrap();

    neighbour.stop().await;
    clock.forward(sample::DAY);

    assert_eq!(lookup.account(account.id).await.unwrap(), Identity::from(account.clone()));
    assert!(is_gone(&lookup.account(sample::id()).await));
    assert!(is_gone(&lookup.rename(account.id, None, None).await));
    lookup.hear(&Change::ProfileErased { user: account.id });
    assert!(is_gone(&lookup.account(account.id).await));
}

#[tokio::test]
async fn while_users_is_down_one_signs_in() {
    let place = Place::new();
    let neighbour = Neighbour::start(place.served()).await;
    let directory: Arc<dyn Directory> = Arc::new(RemoteDirectory(neighbour.peer(Service::Users)));
    let auth = places::auth(&place.backend, &directory, &place.passwords);
    neighbour.stop().await;
    let text = str::to_owned;
    let (name, username, email) = (text("Alice"), text("alice"), text("alice@example.com"));

    let form = SignUp { name, username, email, password: text("correct horse") };
    let opened = auth.sign_up(sample::id(), form).await.unwrap();
    let signed_in = auth.log_in(sample::id(), "alice", "correct horse", "tests").await.unwrap();

    assert_eq!((signed_in.account.id, &*signed_in.name), (opened.id, "alice"));
}

#[tokio::test]
async fn while_posts_is_down_profiles_are_shown_without_posts() {
    let place = Place::new();
    let neighbour = Neighbour::start(place.served()).await;
    let catalog = Arc::new(RemoteCatalog(neighbour.peer(Service::Posts)));
    let users = users_service(&place, catalog.clone());
    let account = sample::account("alice");
    let viewer = Viewer { id: account.id, session: sample::id(), role: Role::User };
    place.backend.accounts.add(&account, &sample::opened(&account)).await.unwrap();
    place.backend.profiles.open(&Profile::new(account.id, "alice", "Alice", sample::NOW)).await.unwrap();
    let post = sample::post(account.id, "hello");
    place.backend.posts.add(&post, &sample::published(&post)).await.unwrap();
    let shown = users.show(viewer, account.id).await.unwrap();
    assert_eq!((shown.posts_count, shown.posts.items.len()), (Some(1), 1));

    neighbour.stop().await;

    let shown = users.show(viewer, account.id).await.unwrap();
    assert_eq!((shown.posts_count, shown.posts.items.len(), shown.posts.next), (None, 0, None));
    assert_eq!(users.me(viewer).await.unwrap().posts_count, None);
    // Who asks for posts is told that they cannot be had.
    assert!(is_gone(&users.posts(None, account.id, PageRequest::first(10)).await));
    assert!(is_gone(&catalog.media_of(post.id).await));
}

fn users_service(place: &Place, posts: Arc<dyn Catalog>) -> UserService {
    UserService::new(users::Parts {
        profiles: place.backend.profiles.clone(),
        accounts: place.lookup.clone(),
        posts,
        media: place.desk.clone(),
        clock: Arc::new(Noon),
        ids: Arc::new(IdSource::new(*b"out", 0)),
    })
}
