//! Each thing that can be wrong is made wrong on purpose, seen, and mended.

use std::time::Duration;

use bson::{Document, doc, oid::ObjectId};
use echo_domain::{
    Event, PostId, UserId,
    auth::AccountStore,
    contract::sample::{self, NOW},
    doctor::{Cure, Examination},
    media::{Holder, Image, MediaStore},
    posts::{Block, Content, Post, PostStore},
    users::{ProfileChange, ProfileStore, Search},
};

use crate::{
    Areas, MongoAccounts, MongoMedia, MongoPosts, MongoProfiles, Options,
    collections::{
        ACCOUNTS, BLOBS, COMMENTS, EVENTS_SET_ASIDE, FOLLOWS, LIKES, MEDIA, MEDIA_WRITERS, POST_TOTALS, POST_WRITERS,
        POSTS, PROFILES, SESSIONS,
    },
    documents::oid,
    indexes::Declared,
    plan::fixture::Guard,
};

use super::*;

/// A small Echo: Ana has a picture and a post with an image, which Ben likes and comments on; he follows her.
struct Small {
    mongo: Arc<Mongo>,
    doctor: MongoDoctor,
    ana: UserId,
    ben: UserId,
    post: PostId,
    _guard: Guard,
}

/// Nobody has it.
const GONE: ObjectId = ObjectId::from_bytes([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xbe, 0xef]);

impl Small {
    async fn new() -> Self {
        let guard = Guard::new();
        let options = Options {
            areas: Areas::ALL,
            consumers: &["users", "posts", "media", "feed"],
            instance: [7; 16],
            longest_call: Duration::from_secs(60),
        };
        let mongo = Mongo::open(&guard.uri, options).await.unwrap();
        let [ana, ben] = [sign_up(&mongo, "ana_").await, sign_up(&mongo, "ben_").await];
        let (posts, profiles) = (MongoPosts(mongo.clone()), MongoProfiles(mongo.clone()));
        profiles.follow(sample::id(), ben, ana, 10).await.unwrap();
        let image = keep_image(&mongo, ana, Holder::Profile(ana)).await;
        let change = ProfileChange { picture: Some((&image).into()), ..ProfileChange::default() };
        profiles.update(ana, &change, NOW).await.unwrap();
        let post = publish(&mongo, ana).await;
        posts.set_like(sample::like(&post, ben), true).await.unwrap();
        posts.comment(&sample::comment(&post, ben, "hello")).await.unwrap();
        let doctor = MongoDoctor(mongo.clone());
        let small = Self { doctor, mongo, ana, ben, post: post.id, _guard: guard };
        small.have_events_handled().await;
        small
    }

    /// As if every consumer had done its part.
    async fn have_events_handled(&self) {
        self.of(&EVENTS).delete_many(doc! {}).await.unwrap();
    }

    fn of(&self, declared: &Declared) -> mongodb::Collection<Document> {
        self.mongo.collection(declared)
    }

    async fn set(&self, declared: &Declared, fields: Document) {
        self.of(declared).update_many(doc! {}, doc! { "$set": fields }).await.unwrap();
    }

    async fn insert(&self, declared: &Declared, document: Document) {
        self.of(declared).insert_one(document).await.unwrap();
    }

    /// What is wrong, by name.
    async fn findings(&self) -> Vec<(&'static str, u64)> {
        let Examination { checks, .. } = self.doctor.examine(NOW).await.unwrap();
        let wrong = checks.into_iter().filter(|check| check.wrong > 0);
        wrong.inspect(|it| assert!(!it.examples.is_empty())).map(|it| (it.name, it.wrong)).collect()
    }

    /// What is mended, by name; nothing fails.
    async fn mend(&self) -> Vec<(&'static str, u64)> {
        let mended = self.doctor.mend(NOW).await.unwrap();
        mended.into_iter().inspect(|it| assert_eq!(it.failed, 0, "{it:?}")).map(|it| (it.check, it.done)).collect()
    }

    /// Finds exactly this, mends it, and then finds nothing.
    #[track_caller]
    fn mends(&self, findings: &'static [(&'static str, u64)]) -> impl Future<Output = ()> {
        let line = std::panic::Location::caller();
        async move {
            assert_eq!(self.findings().await, findings, "{line}");
            let mended = self.mend().await;
            assert!(mended.contains(&findings[0]), "{line}: {mended:?}");
            self.have_events_handled().await;
            assert_eq!(self.findings().await, [], "{line}");
        }
    }

    /// How much there is of what mending may remove.
    async fn kept(&self) -> Vec<u64> {
        let mut kept = vec![self.of(&MEDIA).count_documents(doc! {}).await.unwrap()];
        for declared in [&POSTS, &LIKES, &COMMENTS, &PROFILES, &FOLLOWS] {
            kept.push(self.of(declared).count_documents(doc! {}).await.unwrap());
        }
        kept
    }
}

async fn sign_up(mongo: &Arc<Mongo>, name: &str) -> UserId {
    let account = sample::account(name);
    MongoAccounts(mongo.clone()).add(&account, &Event::AccountRenamed { account: account.id }).await.unwrap();
    let profile = echo_domain::users::Profile::new(account.id, name, name, NOW);
    MongoProfiles(mongo.clone()).open(&profile).await.unwrap();
    account.id
}

async fn keep_image(mongo: &Arc<Mongo>, account: UserId, holder: Holder) -> Image {
    let (store, upload) = (MongoMedia(mongo.clone()), sample::upload(account));
    let image = store.add(&upload, u64::MAX).await.unwrap().image(upload.id, String::new());
    store.claim(account, holder, &[image.id], NOW, NOW + Duration::from_secs(1)).await.unwrap();
    store.keep(holder, &[image.id]).await.unwrap();
    image
}

async fn publish(mongo: &Arc<Mongo>, author: UserId) -> Post {
    let mut post = sample::post(author, "hello");
    let image = keep_image(mongo, author, Holder::Post(post.id)).await;
    post.blocks.push(Block { id: sample::id(), content: Content::Image(image) });
    MongoPosts(mongo.clone()).add(&post, &sample::published(&post)).await.unwrap();
    post
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_wrong_with_what_stores_wrote() {
    let small = Small::new().await;

    assert_eq!(small.findings().await, []);
    assert!(small.mend().await.is_empty());
    let named = small.doctor.named_blobs().await.unwrap();
    assert!(named.len() >= 2 && named.iter().all(|blob| blob.needed), "{named:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wrong_counts_are_recounted() {
    let small = Small::new().await;

    small.set(&POSTS, doc! { "like_count": 7_i64 }).await;
    small.mends(&[("like-counts", 1)]).await;
    small.set(&POSTS, doc! { "comment_count": 0_i64 }).await;
    small.mends(&[("comment-counts", 1)]).await;
    small.set(&POST_WRITERS, doc! { "posts": 2_i64 }).await;
    small.mends(&[("post-counts", 2)]).await;
    small.of(&POST_WRITERS).delete_many(doc! {}).await.unwrap();
    small.mends(&[("post-counts", 1)]).await;
    small.set(&POST_TOTALS, doc! { "posts": 9_i64 }).await;
    small.mends(&[("post-total", 1)]).await;
    small.of(&POST_TOTALS).delete_many(doc! {}).await.unwrap();
    small.mends(&[("post-total", 1)]).await;
    assert_eq!(MongoPosts(small.mongo.clone()).total().await.unwrap(), 1);
    small.set(&PROFILES, doc! { "followers": 5_i64, "following": 5_i64 }).await;
    small.mends(&[("follow-counts", 2)]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn copies_of_the_newest_are_made_anew() {
    let small = Small::new().await;
    let details = async || MongoPosts(small.mongo.clone()).details(&[small.post]).await.unwrap();
    let before = details().await;

    small.set(&POSTS, doc! { "newest_likes": [], "newest_comments": [] }).await;
    small.mends(&[("newest-likes", 1), ("newest-comments", 1)]).await;
    small.set(&POSTS, doc! { "newest_comments.0.content": "something else" }).await;
    small.mends(&[("newest-comments", 1)]).await;
    small.of(&COMMENTS).delete_many(doc! {}).await.unwrap();
    small.mends(&[("comment-counts", 1), ("newest-comments", 1)]).await;

    let after = details().await;
    assert_eq!((&after[0].likers, after[0].comments.len()), (&before[0].likers, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_belongs_to_nobody_goes() {
    let small = Small::new().await;
    let (ana, post) = (oid(small.ana), oid(small.post));
    let now = crate::documents::date(NOW);

    small.insert(&LIKES, doc! { "_id": GONE, "post": GONE, "user": ana }).await;
    small.mends(&[("reactions-to-nothing", 1)]).await;
    let comment = doc! { "_id": GONE, "post": GONE, "author": ana, "content": "a", "created": now };
    small.insert(&COMMENTS, comment).await;
    small.mends(&[("reactions-to-nothing", 1)]).await;
    small.insert(&FOLLOWS, doc! { "_id": GONE, "follower": GONE, "followee": GONE }).await;
    small.mends(&[("profiles-without-account", 1)]).await;
    small.insert(&LIKES, doc! { "_id": GONE, "post": post, "user": GONE }).await;
    small.mends(&[("like-counts", 1), ("newest-likes", 1), ("reactions-of-nobody", 1)]).await;
    let session = doc! {
        "_id": GONE, "account": GONE, "generation": 0_i64, "rotated": now, "nonce": crate::documents::binary(b""),
        "device": "", "created": now, "expires": now,
    };
    small.insert(&SESSIONS, session).await;
    small.mends(&[("sessions-of-nobody", 1)]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_profile_that_is_missing_is_opened_and_found() {
    let small = Small::new().await;
    let cleo = sample::account("cleo");
    let news = Event::AccountRenamed { account: cleo.id };
    MongoAccounts(small.mongo.clone()).add(&cleo, &news).await.unwrap();
    assert_eq!(small.findings().await, []);
    small.have_events_handled().await;
    small.mends(&[("accounts-without-profile", 1)]).await;

    let search = Search::parse("cleo").unwrap();
    let page = echo_domain::PageRequest::first(10);
    let found = || async { MongoProfiles(small.mongo.clone()).search(&search, page).await.unwrap().items.len() };
    assert_eq!(found().await, 1);
    small.set(&PROFILES, doc! { "parts": ["once"] }).await;
    small.mends(&[("search", 3), ("search-leftovers", 3)]).await;
    assert_eq!(found().await, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_profile_goes_by_the_username_of_its_account() {
    let small = Small::new().await;

    let ana = doc! { "_id": oid(small.ana) };
    small.of(&PROFILES).update_one(ana, doc! { "$set": { "username": "old" } }).await.unwrap();

    small.mends(&[("usernames", 1), ("search", 1)]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_of_an_account_that_is_gone_goes() {
    let small = Small::new().await;
    small.of(&ACCOUNTS).delete_one(doc! { "_id": oid(small.ana) }).await.unwrap();
    assert_eq!(small.findings().await, [("profiles-without-account", 1), ("posts-of-nobody", 1)]);

    small.mend().await;

    // What is left goes by the events that removing the post left.
    assert!(MongoPosts(small.mongo.clone()).details(&[small.post]).await.unwrap().is_empty());
    let lags = small.doctor.examine(NOW).await.unwrap().lags;
    assert_eq!(lags.len(), 4);
    assert!(lags.iter().all(|lag| lag.events == 1 && lag.oldest.is_some()), "{lags:?}");
    assert!(small.findings().await.iter().all(|(name, _)| *name == "images-unshown"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_events_are_still_to_do_is_not_wrong() {
    let small = Small::new().await;
    let posts = MongoPosts(small.mongo.clone());
    let news = Event::PostDeleted { post: small.post, author: small.ana, media: Vec::new() };
    posts.remove(small.post, &news).await.unwrap();

    assert_eq!(small.findings().await, []);

    // Each waits for its own consumer.
    let pulled = doc! { "$pull": { "waiting": "posts" } };
    small.of(&EVENTS).update_many(doc! {}, pulled).await.unwrap();
    assert_eq!(small.findings().await, [("reactions-to-nothing", 1)]);
    small.have_events_handled().await;
    assert_eq!(small.findings().await, [("reactions-to-nothing", 1), ("images-unshown", 1)]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_images_count_for_is_recounted() {
    let small = Small::new().await;

    small.set(&BLOBS, doc! { "images": 7_i64 }).await;
    small.mends(&[("image-counts", 2)]).await;
    small.of(&BLOBS).delete_many(doc! {}).await.unwrap();
    small.mends(&[("image-counts", 2)]).await;
    small.set(&MEDIA_WRITERS, doc! { "bytes": 7_i64 }).await;
    small.mends(&[("account-bytes", 1)]).await;
    small.of(&MEDIA_WRITERS).delete_many(doc! {}).await.unwrap();
    small.mends(&[("account-bytes", 1)]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn images_are_kept_for_what_shows_them_alone() {
    let small = Small::new().await;
    let image = keep_image(&small.mongo, small.ben, Holder::Post(small.post)).await;

    small.mends(&[("images-unshown", 1)]).await;

    let doomed = MongoMedia(small.mongo.clone()).doomed(None, 10).await.unwrap();
    assert_eq!(doomed.into_iter().flat_map(|blobs| blobs.names).next(), Some(image.location));
    small.of(&MEDIA).delete_many(doc! {}).await.unwrap();
    small.of(&MEDIA_WRITERS).delete_many(doc! {}).await.unwrap();
    assert_eq!(small.findings().await, [("images-missing", 2)]);
    assert!(small.mend().await.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_read_is_told_and_keeps_its_images() {
    let small = Small::new().await;
    let (kept, post) = (small.kept().await, small.post);
    // Of another kind, and of another shape.
    for content in [doc! { "content": ["abc"] }, doc! { "content": [{ "type": "text" }] }] {
        small.set(&POSTS, content).await;
        small.set(&POST_TOTALS, doc! { "posts": 7_i64 }).await;

        let examination = small.doctor.examine(NOW).await.unwrap();

        assert!(!examination.is_readable());
        let found = examination.checks.iter().find(|check| check.name == "unreadable").unwrap();
        assert!(found.examples[0].starts_with(&format!("post {post}: ")), "{found:?}");
        // Whether it shows the images is not told, for nobody knows.
        assert_eq!(small.findings().await, [("unreadable", 1), ("post-total", 1)]);
        assert_eq!(small.mend().await, [("post-total", 1)]);
        assert_eq!(small.kept().await, kept);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn images_and_events_that_cannot_be_read_are_told() {
    let small = Small::new().await;
    small.set(&MEDIA, doc! { "image": {} }).await;
    let now = bson::DateTime::now();
    let event = doc! { "position": 1_i64, "event": { "kind": "of_tomorrow" }, "at": now, "waiting": ["users"] };
    small.insert(&EVENTS, event).await;

    assert_eq!(small.findings().await, [("unreadable", 3)]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_server_or_a_person_has_to_see_to_is_told() {
    let small = Small::new().await;
    let long_ago = bson::DateTime::from_millis(NOW.millis() - 8 * 3_600_000);
    small.set(&MEDIA, doc! { "expires": long_ago }).await;
    let session = sample::session(small.ana);
    let mut row = bson::serialize_to_document(&crate::auth::SessionRow::of(&session)).unwrap();
    row.insert("revoked", long_ago);
    small.insert(&SESSIONS, row).await;
    let aside = doc! { "consumer": "feed", "position": 7_i64, "event": {}, "reason": "why not", "at": long_ago };
    small.insert(&EVENTS_SET_ASIDE, aside).await;

    let found = [("images-overdue", 2), ("sessions-overdue", 1), ("events-set-aside", 1)];
    assert_eq!(small.findings().await, found);
    let examination = small.doctor.examine(NOW).await.unwrap();
    let told = examination.checks.iter().find(|check| check.name == "events-set-aside").unwrap();
    assert_eq!((&told.examples[..], told.cure), (&["feed 7: why not".to_owned()][..], Cure::Person));
    assert!(small.mend().await.is_empty());
}

/// Counts that are mended while what they count comes and goes are right in the end.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn it_mends_beside_those_who_write() {
    let small = Small::new().await;
    let posts = MongoPosts(small.mongo.clone());
    let post = Post { id: small.post, ..sample::post(small.ana, "hello") };
    small.set(&POSTS, doc! { "like_count": 70_i64 }).await;
    small.set(&POST_TOTALS, doc! { "posts": 70_i64 }).await;

    let writing = async {
        for _ in 0..20 {
            let fan = sign_up(&small.mongo, &sample::id::<UserId>().to_string()).await;
            posts.set_like(sample::like(&post, fan), true).await.unwrap();
            publish(&small.mongo, fan).await;
        }
    };
    let mending = async { while !small.mend().await.is_empty() {} };
    tokio::join!(writing, mending);

    small.mend().await;
    small.have_events_handled().await;
    assert_eq!(small.findings().await, []);
    assert_eq!(posts.total().await.unwrap(), 21);
    assert_eq!(posts.details(&[small.post]).await.unwrap()[0].like_count, 21);
}
