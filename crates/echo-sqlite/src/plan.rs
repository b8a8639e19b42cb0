//! Every statement finds its rows by an index: the tests note all that are prepared, and ask SQLite how it runs them.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use echo_domain::{
    Event, EventLog, IdSource, PageRequest, Recorded, Timestamp, UserId,
    auth::{Account, AccountStore, Email, Login, PasswordHash, Role, Session, SessionStore, State, Username},
    idempotency::IdempotencyStore,
    media::{BlobSet, Digest, Holder, Image, Media, MediaStore, Upload},
    posts::{Block, Comment, Content, Like, Post, PostStore},
    transfer::{Checkpoint, Follow, Kind, Record, Source, Target},
    users::{Profile, ProfileChange, ProfileStore, Search},
};
use rusqlite::Connection;

use crate::{
    Database, Options, SqliteAccounts, SqliteEvents, SqliteIdempotency, SqliteMedia, SqlitePosts, SqliteProfiles,
    SqliteTransfer,
};

static PREPARED: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

const NOW: Timestamp = Timestamp::from_millis(1_700_000_000_000);
static IDS: IdSource = IdSource::new([7; 3], 0);

pub(crate) fn note(sql: &str) {
    PREPARED.lock().unwrap_or_else(PoisonError::into_inner).insert(sql.to_owned());
}

#[tokio::test]
async fn every_statement_finds_its_rows_by_an_index() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("echo.db");
    let database = Database::open(&path, Options::default()).unwrap();

    use_accounts(&database).await;
    use_profiles(&database).await;
    use_posts(&database).await;
    use_media(&database).await;
    use_log_and_requests(&database).await;
    use_transfer(&database).await;

    let connection = Connection::open(&path).unwrap();
    let prepared = PREPARED.lock().unwrap().clone();
    assert!(prepared.len() > 60, "only {} statements", prepared.len());
    for sql in prepared {
        for step in plan(&connection, &sql) {
            assert!(!step.starts_with("SCAN") && !step.contains("TEMP B-TREE"), "{step}: {sql}");
        }
    }
}

fn plan(connection: &Connection, sql: &str) -> Vec<String> {
    let mut statement = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
    let mut rows = statement.raw_query();
    let mut steps = Vec::new();
    while let Some(row) = rows.next().unwrap() {
        steps.push(row.get(3).unwrap());
    }
    steps
}

async fn use_accounts(database: &Arc<Database>) {
    let store = SqliteAccounts(database.clone());
    let account = account("ana_");
    let session = session(account.id);
    let (id, news, hash) = (account.id, Event::AccountRenamed { account: account.id }, account.password.clone());
    let page = PageRequest::first(10);
    store.add(&account, &news).await.unwrap();
    assert_eq!(AccountStore::find(&store, id).await.unwrap(), Some(account.clone()));
    let logins = [Login::Username(account.username.key()), Login::Email(account.email.clone())];
    for login in logins {
        assert_eq!(store.find_by_login(&login).await.unwrap(), Some(account.clone()));
    }
    assert_eq!(AccountStore::list(&store, page).await.unwrap().items.len(), 1);
    assert_eq!(store.total().await.unwrap(), 1);
    store.rename(id, Some(&account.username), None, Some(&news)).await.unwrap();
    assert!(store.rehash(id, &hash, &hash).await.unwrap());
    store.open(&session, &account.password).await.unwrap();
    assert_eq!(SessionStore::find(&store, session.id, NOW).await.unwrap(), Some(session.clone()));
    assert!(store.rotate(session.id, 0, NOW, session.expires).await.unwrap());
    assert_eq!(SessionStore::list(&store, id, NOW).await.unwrap().len(), 1);
    assert!(store.revoke(id, session.id, NOW).await.unwrap());
    assert_eq!(store.revoked_since(NOW).await.unwrap(), [(session.id, NOW)]);
    store.change_password(id, None, &hash, None, NOW).await.unwrap();
    store.set_role(id, Role::Admin, NOW).await.unwrap();
    store.set_state(id, State::Suspended, NOW).await.unwrap();
    store.delete(id, NOW, &news).await.unwrap();
    assert_eq!(store.people(NOW).await.unwrap(), 1);
    assert_eq!(store.forget(session.expires, 10).await.unwrap(), 1);
}

async fn use_profiles(database: &Arc<Database>) {
    let store = SqliteProfiles(database.clone());
    let [ana, ben]: [UserId; 2] = [IDS.next(NOW), IDS.next(NOW)];
    store.open(&Profile::new(ana, "ana_", "Ana", NOW)).await.unwrap();
    store.open(&Profile::new(ben, "ben_", "Ben", NOW)).await.unwrap();
    let change = ProfileChange { username: Some("anna".to_owned()), ..ProfileChange::default() };
    store.update(ana, &change, NOW).await.unwrap();
    let page = PageRequest { before: Some(ben), limit: 10 };
    assert_eq!(store.search(&Search::parse("ANN").unwrap(), page).await.unwrap().items.len(), 1);
    assert!(store.search(&Search::parse("ana_").unwrap(), page).await.unwrap().items.is_empty());
    // In so many places of their names that people are looked through by age.
    for _ in 0..3 {
        store.open(&Profile::new(IDS.next(NOW), "x_", &"x".repeat(50), NOW)).await.unwrap();
    }
    assert_eq!(store.search(&Search::parse("x").unwrap(), PageRequest::first(10)).await.unwrap().items.len(), 3);
    store.follow(IDS.next(NOW), ana, ben, 10).await.unwrap();
    assert!(store.relation(ana, ben).await.unwrap().is_following);
    assert_eq!(store.followers(ben, PageRequest::first(10)).await.unwrap().items[0].user, ana);
    assert_eq!(store.following(ana, PageRequest::first(10)).await.unwrap().items[0].user, ben);
    assert!(store.all_following(ana).await.unwrap().find(ben).is_some());
    store.unfollow(ana, ben).await.unwrap();
    store.follow(IDS.next(NOW), ben, ana, 10).await.unwrap();
    assert_eq!(store.erase(ana, 10).await.unwrap(), 2);
    assert_eq!(store.by_ids(&[ana, ben]).await.unwrap().len(), 1);
}

async fn use_posts(database: &Arc<Database>) {
    let store = SqlitePosts(database.clone());
    let [ana, ben]: [UserId; 2] = [IDS.next(NOW), IDS.next(NOW)];
    let image = Content::Image(image());
    let blocks = vec![Block { id: IDS.next(NOW), content: image }];
    let post = Post { id: IDS.next(NOW), author: ana, blocks, created: NOW };
    let comment = Comment { id: IDS.next(NOW), post: post.id, author: ben, content: "hello".to_owned(), created: NOW };
    let news = Event::PostDeleted { post: post.id, author: ana, media: post.media() };
    let like = || Like { id: IDS.next(NOW), post: post.id, user: ben };
    store.add(&post, &news).await.unwrap();
    assert!(store.toggle_like(like()).await.unwrap().liked);
    store.comment(&comment).await.unwrap();
    let detail = store.details(&[post.id]).await.unwrap().remove(0);
    assert_eq!((&detail.post, detail.like_count, &detail.comments[..]), (&post, 1, &[comment.clone()][..]));
    assert_eq!(store.newest(PageRequest::first(1)).await.unwrap().items, [post.id]);
    assert_eq!(store.newest_by(&[ana, ben, ana], PageRequest::first(2)).await.unwrap().items, [post.id]);
    assert_eq!(store.total().await.unwrap(), 1);
    assert_eq!(store.counts(&[ana, ben]).await.unwrap()[&ana], 1);
    assert_eq!(store.liked(ben, &[post.id]).await.unwrap().len(), 1);
    assert_eq!(store.likes(post.id, PageRequest::first(1)).await.unwrap().items.len(), 1);
    assert_eq!(store.likes_by(ben, PageRequest::first(1)).await.unwrap().items.len(), 1);
    assert!(store.find_comment(post.id, comment.id).await.unwrap().is_some());
    assert_eq!(store.comments(post.id, PageRequest::first(1)).await.unwrap().items.len(), 1);
    assert_eq!(store.comments_by(ben, PageRequest::first(1)).await.unwrap().items.len(), 1);
    assert_eq!(store.erase_traces(ben, 10).await.unwrap(), 2);
    assert!(!store.remove_comment(post.id, comment.id).await.unwrap());
    assert_eq!(store.set_like(like(), true).await.unwrap().count, 1);
    assert!(store.remove(post.id, &news).await.unwrap());
    assert!(store.likes_by(ben, PageRequest::first(1)).await.unwrap().items.is_empty());
    assert_eq!(store.purge(post.id, 10).await.unwrap(), 1);
    store.bar(ben).await.unwrap();
}

async fn use_media(database: &Arc<Database>) {
    let store = SqliteMedia(database.clone());
    let (account, holder) = (IDS.next(NOW), Holder::Post(IDS.next(NOW)));
    let blobs = blobs();
    let upload = Upload { id: IDS.next(NOW), account, alt: String::new(), expires: NOW, blobs: blobs.clone() };
    let ids = [upload.id];
    assert_eq!(store.add(&upload, 1).await.unwrap(), blobs);
    assert_eq!(store.find(ids[0]).await.unwrap(), Some(upload.of(&blobs)));
    assert_eq!(store.bytes_of(account).await.unwrap(), 1);
    assert_eq!(store.heaviest(10).await.unwrap(), [(account, 1)]);
    store.doom(&blobs).await.unwrap();
    store.remove(&[IDS.next(NOW)]).await.unwrap();
    assert_eq!(store.expired(NOW, 10).await.unwrap().len(), 1);
    assert_eq!(store.claim(account, holder, &ids, NOW - Duration::from_secs(1), NOW).await.unwrap().len(), 1);
    store.unclaim(holder).await.unwrap();
    store.keep(holder, &ids).await.unwrap();
    assert_eq!(store.of_account(account, PageRequest::first(1)).await.unwrap().items.len(), 1);
    store.remove(&ids).await.unwrap();
    assert_eq!(store.doomed(None, 10).await.unwrap(), [(&blobs).into()]);
    store.forget(blobs.stem).await.unwrap();
    assert!(store.unmeasured(10).await.unwrap().is_empty());
    store.bar(account).await.unwrap();
}

async fn use_log_and_requests(database: &Arc<Database>) {
    let events = SqliteEvents(database.clone());
    let pending = events.pending("test", 100).await.unwrap();
    let last: &Recorded = pending.last().unwrap();
    events.set_aside("test", last, "why not").await.unwrap();
    assert!(events.pending("test", 100).await.unwrap().is_empty());
    assert_eq!(events.trim(&["test"], 100).await.unwrap(), pending.len());

    let requests = SqliteIdempotency(database.clone());
    requests.begin(&[1; 32], &[2; 32], IDS.next(NOW), NOW).await.unwrap();
    requests.release(&[1; 32]).await.unwrap();
    requests.finish(&[1; 32], b"done").await.unwrap();
    assert_eq!(requests.forget(NOW + Session::GRACE, 10).await.unwrap(), 1);
}

async fn use_transfer(database: &Arc<Database>) {
    let transfer = SqliteTransfer { database: database.clone(), consumers: &["test"] };
    let checkpoint = Checkpoint { source: String::new(), done: false, place: String::new() };
    for kind in Kind::ALL {
        let page = transfer.page(kind, None, 10).await.unwrap();
        transfer.put(page, &checkpoint).await.unwrap();
    }
    let (user, post, event) = (account("eva_"), IDS.next(NOW), Event::AccountRenamed { account: IDS.next(NOW) });
    let session = session(user.id);
    let comment = Comment { id: IDS.next(NOW), post, author: user.id, content: String::new(), created: NOW };
    let blobs = BlobSet { bytes: None, ..blobs() };
    let image = blobs.image(blobs.stem.0.into(), String::new());
    let media = Media { image, account: user.id, holder: None, expires: None, blobs: Some(blobs.digest), bytes: 0 };
    let digest = blobs.digest;
    let records = vec![
        Record::Session { session, revoked: Some(NOW) },
        Record::Follow(Follow { id: IDS.next(NOW), follower: user.id, followee: IDS.next(NOW) }),
        Record::Like(Like { id: IDS.next(NOW), post, user: user.id }),
        Record::Comment(comment),
        Record::BarredFromPosts(user.id),
        Record::DoomedBlobs((&blobs).into()),
        Record::Blobs { blobs, images: 1 },
        Record::Image(media),
        Record::BarredFromMedia(user.id),
        Record::Event { position: 1, event, at: NOW },
    ];
    transfer.put(records, &checkpoint).await.unwrap();
    assert_eq!(transfer.reached().await.unwrap(), Some(checkpoint));
    SqliteMedia(database.clone()).measure(digest, 7).await.unwrap();
}

fn session(account: UserId) -> Session {
    Session {
        id: IDS.next(NOW),
        account,
        generation: 0,
        rotated: NOW,
        nonce: [1; 16],
        device: String::new(),
        created: NOW,
        expires: NOW + Session::LIFETIME,
    }
}

fn account(username: &str) -> Account {
    Account {
        id: IDS.next(NOW),
        username: Username::parse(username).unwrap(),
        email: Email::parse(&format!("{username}@example.com")).unwrap(),
        password: PasswordHash::new("$argon2id$".to_owned()),
        role: Role::User,
        state: State::Active,
        created: NOW,
    }
}

fn image() -> Image {
    blobs().image(IDS.next(NOW), String::new())
}

fn blobs() -> BlobSet {
    let stem = IDS.next(NOW);
    BlobSet {
        digest: Digest::unknown(stem),
        stem,
        location: "a.webp".to_owned(),
        width: 1,
        height: 1,
        blurhash: String::new(),
        variants: Vec::new(),
        bytes: Some(1),
    }
}
