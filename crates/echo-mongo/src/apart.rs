//! Every area's store keeps its whole contract with no database but its own and the one that is shared; all that it sends
//! is watched, and none of it names what another area keeps.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use echo_domain::{
    contract::{Backend, sample},
    outbox_contract::CONSUMERS,
};

use crate::{
    Area, Areas, Mongo, MongoAccounts, MongoDoctor, MongoEvents, MongoIdempotency, MongoMedia, MongoPosts,
    MongoProfiles, MongoTransfer, NotOpened, Options,
    collections::{ALL, EVENTS, INSTANCES},
    layout::name_of,
    plan::fixture::Guard,
    watched::{Place, Watch, places},
};

/// A process of one area, all of whose commands are watched from when it is open.
struct Alone {
    area: Area,
    watch: Watch,
    _guard: Guard,
}

impl Alone {
    /// What was named that is neither the area's own, nor where it leaves events and says that it lives.
    fn strange(&self) -> BTreeSet<Place> {
        let own = name_of(&self.watch.base, Some(self.area));
        let is_own = |place: &Place| place.database == own;
        let is_shared = |place: &Place| {
            let shared = [&EVENTS, &INSTANCES].map(|declared| Some(declared.name));
            place.database == self.watch.base && shared.contains(&place.collection.as_deref())
        };
        let sent = self.watch.sent();
        let named = sent.iter().flat_map(|(database, command)| places(database, command));
        named.filter(|place| place.database != "admin" && !is_own(place) && !is_shared(place)).collect()
    }
}

impl Drop for Alone {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            assert_eq!(self.strange(), BTreeSet::new(), "sent for {}", self.area);
        }
    }
}

async fn open(guard: &Guard, areas: Areas) -> Arc<Mongo> {
    let options = Options { areas, consumers: &CONSUMERS, instance: [7; 16], longest_call: Duration::from_secs(60) };
    Mongo::open(&guard.uri, options).await.unwrap()
}

/// All stores, of which only those of the area may be used.
async fn alone(area: Area) -> (Backend, Alone) {
    let guard = Guard::new();
    let mongo = open(&guard, Areas::from_iter([area])).await;
    let backend = Backend {
        accounts: Arc::new(MongoAccounts(mongo.clone())),
        sessions: Arc::new(MongoAccounts(mongo.clone())),
        profiles: Arc::new(MongoProfiles(mongo.clone())),
        posts: Arc::new(MongoPosts(mongo.clone())),
        media: Arc::new(MongoMedia(mongo.clone())),
        events: Arc::new(MongoEvents(mongo.clone())),
        requests: Arc::new(MongoIdempotency(mongo)),
    };
    (backend, Alone { area, watch: Watch::on(&guard), _guard: guard })
}

async fn auth() -> (Backend, Alone) {
    alone(Area::Auth).await
}

async fn users() -> (Backend, Alone) {
    alone(Area::Users).await
}

async fn posts() -> (Backend, Alone) {
    alone(Area::Posts).await
}

async fn media() -> (Backend, Alone) {
    alone(Area::Media).await
}

mod accounts_alone {
    echo_domain::account_store_contract!(super::auth);
}
mod sessions_alone {
    echo_domain::session_store_contract!(super::auth);
}
mod profiles_alone {
    echo_domain::profile_store_contract!(super::users);
}
mod posts_alone {
    echo_domain::post_store_contract!(super::posts);
}
mod media_alone {
    echo_domain::media_store_contract!(super::media);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_touches_what_another_area_keeps_is_seen() {
    let (backend, mut alone) = users().await;

    backend.posts.find_comment(sample::id(), sample::id()).await.unwrap();

    let strange = alone.strange();
    let named: Vec<_> = strange.iter().map(|it| (it.database.as_str(), it.collection.as_deref())).collect();
    assert_eq!(named, [(name_of(&alone.watch.base, Some(Area::Posts)).as_str(), Some("comments"))]);
    alone.area = Area::Posts;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_opens_what_its_areas_keep_and_what_all_share() {
    let guard = Guard::new();
    let watch = Watch::on(&guard);

    let mongo = open(&guard, Areas::from_iter([Area::Posts, Area::Auth])).await;

    let sent = watch.sent();
    let named: BTreeSet<_> = sent.iter().flat_map(|(database, command)| places(database, command)).collect();
    let named: BTreeSet<_> = named.into_iter().filter(|place| place.database != "admin").collect();
    let opened = [None, Some(Area::Posts), Some(Area::Auth)];
    let mut expected: BTreeSet<_> = opened.into_iter().map(|area| (name_of(&watch.base, area), None)).collect();
    for declared in ALL.iter().filter(|declared| opened.contains(&declared.area)) {
        expected.insert((name_of(&watch.base, declared.area), Some(declared.name.to_owned())));
    }
    let named: BTreeSet<_> = named.into_iter().map(|place| (place.database, place.collection)).collect();
    assert_eq!(named, expected);
    assert!(MongoPosts::new(mongo.clone()).is_ok() && MongoAccounts::new(mongo.clone()).is_ok());
    assert!(matches!(MongoProfiles::new(mongo.clone()), Err(NotOpened(Area::Users))));
    assert!(matches!(MongoMedia::new(mongo.clone()), Err(NotOpened(Area::Media))));
    // These look after the whole.
    assert!(MongoDoctor::new(mongo.clone()).is_err() && MongoTransfer::new(mongo).is_err());
}
