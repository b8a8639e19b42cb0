//! Every query finds its documents by an index: the tests note all that are sent, and ask MongoDB how it runs them.

mod planner;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use bson::{Document, doc, oid::ObjectId};
use echo_domain::{
    Event, EventLog, Outbox, PageRequest, UserId,
    auth::{AccountStore, Login, Role, SessionStore, State, Username},
    contract::{
        Backend,
        sample::{self, NOW},
    },
    doctor::Doctor,
    idempotency::IdempotencyStore,
    media::{Holder, MediaStore},
    posts::PostStore,
    transfer::{self, contract::Moving},
    users::{ProfileChange, ProfileStore, Search},
};

use crate::{
    Mongo, MongoAccounts, MongoDoctor, MongoEvents, MongoIdempotency, MongoMedia, MongoPosts, MongoProfiles,
    MongoTransfer,
    collections::{ACCOUNTS, POST_TOTALS, POSTS, PROFILES},
    watched::Watch,
};

use planner::{finds, has_index};

#[path = "../tests/it/fixture.rs"]
pub(crate) mod fixture;

/// What was looked for in each database, once for each text.
fn queries(watches: &[Watch]) -> Vec<(String, Document)> {
    let sent = watches.iter().flat_map(Watch::sent);
    let finds = sent.flat_map(|(database, command)| finds(&command).into_iter().map(move |it| (database.clone(), it)));
    let by_text: BTreeMap<_, _> = finds.map(|(database, find)| ((database, find.to_string()), find)).collect();
    by_text.into_iter().map(|((database, _), find)| (database, find)).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_query_finds_its_documents_by_an_index() {
    let guards = [fixture::Guard::new(), fixture::Guard::new()];
    let watches = guards.each_ref().map(Watch::on);
    let [mongo, moved] = [fixture::another(&guards[0]).await, fixture::another(&guards[1]).await];

    use_accounts(&mongo).await;
    use_profiles(&mongo).await;
    use_posts(&mongo).await;
    use_media(&mongo).await;
    use_log_and_requests(&mongo).await;
    use_transfer(&moved).await;
    use_doctor(&moved).await;

    let build = mongo.client().database("admin").run_command(doc! { "buildInfo": 1 }).await.unwrap();
    let is_stand_in = build.contains_key("secantusVersion");
    let queries: Vec<_> = queries(&watches).into_iter().filter(|(_, query)| !reads_all(query)).collect();
    assert!(queries.len() > 120, "only {} queries", queries.len());
    let mut scanning = Vec::new();
    for (database, query) in queries {
        let explain = doc! { "explain": &query, "verbosity": "queryPlanner" };
        let plan = mongo.client().database(&database).run_command(explain).await.unwrap();
        if plan.to_string().contains("COLLSCAN") && !(is_stand_in && has_index(&query)) {
            scanning.push(query.to_string());
        }
    }
    assert!(scanning.is_empty(), "without an index: {scanning:#?}");
}

/// The doctor counts all posts, and reads the few parts of that count.
fn reads_all(query: &Document) -> bool {
    let collection = query.get_str("find").unwrap();
    let is_whole = query.get_document("filter").unwrap().is_empty() && !query.contains_key("sort");
    is_whole && [POSTS.name, POST_TOTALS.name].contains(&collection)
}

async fn use_accounts(mongo: &Arc<Mongo>) {
    let store = MongoAccounts(mongo.clone());
    let account = sample::account("ana_");
    let session = sample::session(account.id);
    let (id, news, hash) = (account.id, Event::AccountRenamed { account: account.id }, account.password.clone());
    store.add(&account, &news).await.unwrap();
    store.add(&account, &news).await.unwrap();
    assert!(AccountStore::find(&store, id).await.unwrap().is_some());
    for login in [Login::Username(account.username.key()), Login::Email(account.email.clone())] {
        assert!(store.find_by_login(&login).await.unwrap().is_some());
    }
    for before in [None, Some(id)] {
        AccountStore::list(&store, PageRequest { before, limit: 10 }).await.unwrap();
    }
    store.rename(id, Some(&Username::from_store("anna".to_owned())), None, Some(&news)).await.unwrap();
    assert!(store.rehash(id, &hash, &hash).await.unwrap());
    store.open(&session, &hash).await.unwrap();
    assert!(SessionStore::find(&store, session.id, NOW).await.unwrap().is_some());
    assert!(store.rotate(session.id, 0, NOW, session.expires).await.unwrap());
    assert_eq!(SessionStore::list(&store, id, NOW).await.unwrap().len(), 1);
    store.change_password(id, None, &hash, Some(session.id), NOW).await.unwrap();
    assert!(store.revoke(id, session.id, NOW).await.unwrap());
    assert_eq!(store.revoked_since(NOW).await.unwrap().len(), 1);
    store.open(&sample::session(id), &hash).await.unwrap();
    store.set_role(id, Role::Admin, NOW).await.unwrap();
    store.set_state(id, State::Suspended, NOW).await.unwrap();
    assert_eq!(store.total().await.unwrap(), 1);
    store.delete(id, NOW, &news).await.unwrap();
    assert_eq!(store.people(NOW).await.unwrap(), 1);
    assert_eq!(store.forget(session.expires, 10).await.unwrap(), 2);
}

async fn use_profiles(mongo: &Arc<Mongo>) {
    let store = MongoProfiles(mongo.clone());
    let [ana, ben] = [sample::profile("ana_", "Ana"), sample::profile("ben_", "Ben")];
    let first = PageRequest::first(10);
    for profile in [&ana, &ben] {
        store.open(profile).await.unwrap();
    }
    let change = ProfileChange { username: Some("anna".to_owned()), ..ProfileChange::default() };
    store.update(ana.id, &change, NOW).await.unwrap();
    let many: Vec<_> = (0..201).map(|_| sample::profile("many", "Many")).collect();
    for profile in &many {
        store.open(profile).await.unwrap();
    }
    for before in [None, Some(ben.id)] {
        assert_eq!(
            store.search(&Search::parse("ANN").unwrap(), PageRequest { before, limit: 10 }).await.unwrap().items.len(),
            1
        );
    }
    store.follow(sample::id(), ana.id, ben.id, 10).await.unwrap();
    assert!(store.relation(ana.id, ben.id).await.unwrap().is_following);
    for before in [None, Some(sample::id())] {
        let page = PageRequest { before, ..first };
        assert_eq!(store.followers(ben.id, page).await.unwrap().items.len(), 1);
        assert_eq!(store.following(ana.id, page).await.unwrap().items.len(), 1);
    }
    assert_eq!(store.all_following(ana.id).await.unwrap().iter().count(), 1);
    store.unfollow(ana.id, ben.id).await.unwrap();
    store.follow(sample::id(), ben.id, ana.id, 10).await.unwrap();
    store.follow(sample::id(), ana.id, ben.id, 10).await.unwrap();
    assert_eq!(store.erase(ana.id, 10).await.unwrap(), 3);
    assert_eq!(store.by_ids(&[ana.id, ben.id]).await.unwrap().len(), 1);
}

async fn use_posts(mongo: &Arc<Mongo>) {
    let store = MongoPosts(mongo.clone());
    let [ana, ben]: [UserId; 2] = sample::ids();
    let post = sample::post(ana, "hello");
    let comment = sample::comment(&post, ben, "hello");
    store.add(&post, &sample::published(&post)).await.unwrap();
    assert!(store.toggle_like(sample::like(&post, ben)).await.unwrap().liked);
    assert!(!store.toggle_like(sample::like(&post, ben)).await.unwrap().liked);
    store.comment(&comment).await.unwrap();
    assert!(store.remove_comment(post.id, comment.id).await.unwrap());
    store.comment(&sample::comment(&post, ben, "again")).await.unwrap();
    assert_eq!(store.set_like(sample::like(&post, ben), true).await.unwrap().count, 1);
    assert_eq!(store.details(&[post.id]).await.unwrap().len(), 1);
    for before in [None, Some(sample::id())] {
        assert_eq!(store.newest(PageRequest { before, limit: 1 }).await.unwrap().items, [post.id]);
        assert_eq!(store.newest_by(&[ana, ben], PageRequest { before, limit: 1 }).await.unwrap().items, [post.id]);
        assert_eq!(store.likes_by(ben, PageRequest { before, limit: 1 }).await.unwrap().items.len(), 1);
    }
    for before in [None, Some(sample::id())] {
        assert_eq!(store.likes(post.id, PageRequest { before, limit: 1 }).await.unwrap().items.len(), 1);
    }
    for before in [None, Some(sample::id())] {
        let page = PageRequest { before, limit: 1 };
        assert_eq!(store.comments(post.id, page).await.unwrap().items.len(), 1);
        assert_eq!(store.comments_by(ben, page).await.unwrap().items.len(), 1);
    }
    assert_eq!(store.total().await.unwrap(), 1);
    assert_eq!(store.counts(&[ana, ben]).await.unwrap()[&ana], 1);
    assert_eq!(store.liked(ben, &[post.id]).await.unwrap().len(), 1);
    assert!(store.find_comment(post.id, comment.id).await.unwrap().is_none());
    assert_eq!(store.erase_traces(ben, 10).await.unwrap(), 2);
    assert_eq!(store.set_like(sample::like(&post, ben), true).await.unwrap().count, 1);
    assert!(store.remove(post.id, &sample::deleted(&post)).await.unwrap());
    assert_eq!(store.purge(post.id, 10).await.unwrap(), 1);
    store.bar(ben).await.unwrap();
}

async fn use_media(mongo: &Arc<Mongo>) {
    let store = MongoMedia(mongo.clone());
    let (account, holder) = (sample::id(), Holder::Post(sample::id()));
    let upload = sample::upload(account);
    let (ids, expires) = ([upload.id], NOW + sample::DAY);
    for quota in [1_000_000, 0] {
        assert_eq!(store.add(&upload, quota).await.unwrap(), upload.blobs);
    }
    assert!(store.find(ids[0]).await.unwrap().is_some());
    assert_eq!(store.expired(expires, 10).await.unwrap().len(), 1);
    assert_eq!(store.claim(account, holder, &ids, NOW, expires).await.unwrap().len(), 1);
    store.unclaim(holder).await.unwrap();
    store.keep(holder, &ids).await.unwrap();
    for before in [None, Some(sample::id())] {
        assert_eq!(store.of_account(account, PageRequest { before, limit: 1 }).await.unwrap().items.len(), 1);
    }
    assert_eq!(store.bytes_of(account).await.unwrap(), 1_000_000);
    assert_eq!(store.heaviest(10).await.unwrap(), [(account, 1_000_000)]);
    assert!(store.unmeasured(10).await.unwrap().is_empty());
    store.measure(upload.blobs.digest, 7).await.unwrap();
    store.remove(&ids).await.unwrap();
    store.doom(&upload.blobs).await.unwrap();
    assert_eq!(store.doomed(None, 10).await.unwrap().len(), 1);
    assert!(store.doomed(Some(upload.blobs.stem), 10).await.unwrap().is_empty());
    store.forget(upload.blobs.stem).await.unwrap();
    store.bar(account).await.unwrap();
}

async fn use_log_and_requests(mongo: &Arc<Mongo>) {
    let events = MongoEvents(mongo.clone());
    let pending = events.pending("ana", 100).await.unwrap();
    assert!(pending.len() > 2);
    events.set_aside("ana", &pending[0], "why not").await.unwrap();
    assert_eq!(events.trim(&["ana"], 100).await.unwrap(), 1);
    let unsent = events.unsent(NOW, 100).await.unwrap();
    events.mark_sent(&unsent, NOW).await.unwrap();
    events.confirm("ana", &unsent).await.unwrap();
    assert_eq!(events.trim(&["ana"], 100).await.unwrap(), unsent.len());

    let other = MongoIdempotency(mongo.clone());
    other.begin(&[1; 32], &[2; 32], sample::id(), NOW).await.unwrap();
    other.release(&[1; 32]).await.unwrap();
    other.begin(&[1; 32], &[2; 32], sample::id(), NOW).await.unwrap();
    other.finish(&[1; 32], b"done").await.unwrap();
    assert_eq!(other.forget(NOW + Duration::from_secs(1), 10).await.unwrap(), 1);
    assert!(!mongo.has_others().await.unwrap());
}

/// In a database of its own, for it must be empty.
async fn use_transfer(mongo: &Arc<Mongo>) {
    let (accounts, database) = (Arc::new(MongoAccounts(mongo.clone())), mongo.clone());
    let stores = Backend {
        accounts: accounts.clone(),
        sessions: accounts,
        profiles: Arc::new(MongoProfiles(database.clone())),
        posts: Arc::new(MongoPosts(database.clone())),
        media: Arc::new(MongoMedia(database.clone())),
        events: Arc::new(MongoEvents(database.clone())),
        requests: Arc::new(MongoIdempotency(database.clone())),
    };
    let moving = Moving { target: Arc::new(MongoTransfer(database)), stores };
    transfer::contract::what_is_put_is_read_back(moving).await;
}

/// On what was transferred, where enough is wrong.
async fn use_doctor(mongo: &Arc<Mongo>) {
    let (doctor, first) = (MongoDoctor(mongo.clone()), doc! { "_id": { "$gt": ObjectId::from_bytes([0; 12]) } });
    for declared in [&POSTS, &PROFILES] {
        let wrong = doc! { "$set": { "like_count": 7_i64, "followers": 7_i64, "parts": [], "newest_comments": [] } };
        mongo.collection::<Document>(declared).update_one(first.clone(), wrong).await.unwrap();
    }
    mongo.collection::<Document>(&ACCOUNTS).delete_one(first).await.unwrap();
    assert!(!doctor.named_blobs().await.unwrap().is_empty());
    let mended = doctor.mend(NOW).await.unwrap();
    assert!(mended.len() > 6 && mended.iter().all(|it| it.failed == 0), "{mended:?}");
}
