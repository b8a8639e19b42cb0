//! Each thing that can be wrong is made wrong on purpose, seen, and mended.

use echo_domain::{
    Event, IdSource, PostId, RawId, Timestamp, UserId,
    auth::{Account, AccountStore, Email, PasswordHash, Role, State, Username},
    media::{Holder, Image, Media, MediaStore},
    posts::{Block, Comment, Content, Like, Post, PostStore},
    users::{Profile, ProfileChange, ProfileStore, Search},
};

use crate::{Options, SqliteAccounts, SqliteMedia, SqlitePosts, SqliteProfiles};

use super::*;

const NOW: Timestamp = Timestamp::from_millis(1_700_000_000_000);
static IDS: IdSource = IdSource::new([3; 5]);

/// A small Echo: Ana has a picture and a post with an image, which Ben likes and comments on; he follows her.
struct Small {
    database: Arc<Database>,
    doctor: SqliteDoctor,
    ana: UserId,
    post: PostId,
    _folder: tempfile::TempDir,
}

impl Small {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let database = Database::open(&folder.path().join("echo.db"), Options::default()).unwrap();
        let [ana, ben] = [sign_up(&database, "ana_").await, sign_up(&database, "ben_").await];
        let (posts, profiles) = (SqlitePosts(database.clone()), SqliteProfiles(database.clone()));
        profiles.follow(IDS.next(NOW), ben, ana, 10).await.unwrap();
        let picture = Holder::Profile(ana);
        let image = keep_image(&database, ana, picture).await;
        let change = ProfileChange { picture: Some((&image).into()), ..ProfileChange::default() };
        profiles.update(ana, &change, NOW).await.unwrap();
        let post = publish(&database, ana).await;
        posts.set_like(Like { id: IDS.next(NOW), post, user: ben }, true).await.unwrap();
        let content = "hello".to_owned();
        posts.comment(&Comment { id: IDS.next(NOW), post, author: ben, content, created: NOW }).await.unwrap();
        let small = Self { doctor: SqliteDoctor(database.clone()), database, ana, post, _folder: folder };
        small.have_events_handled().await;
        small
    }

    /// As if every consumer had done its part.
    async fn have_events_handled(&self) {
        self.sql(
            "INSERT OR REPLACE INTO event_consumers SELECT name, (SELECT max(position) FROM events)
             FROM (SELECT 'users' AS name UNION SELECT 'posts' UNION SELECT 'media')",
        )
        .await;
    }

    async fn sql(&self, sql: &str) {
        let ids = |text: &str| text.replace(":ana", &literal(self.ana.0)).replace(":post", &literal(self.post.0));
        let sql = ids(sql);
        self.database.write("test.break", move |tx| Ok(tx.execute_batch(&sql)?)).await.unwrap();
    }

    /// What is wrong, by name.
    async fn findings(&self) -> Vec<(&'static str, u64)> {
        let examination = self.doctor.examine(NOW).await.unwrap();
        let wrong = examination.checks.into_iter().filter(|check| check.wrong > 0);
        wrong.inspect(|it| assert!(!it.examples.is_empty())).map(|it| (it.name, it.wrong)).collect()
    }

    #[track_caller]
    fn breaks(&self, sql: &'static str, findings: &'static [(&'static str, u64)]) -> impl Future<Output = ()> {
        let line = std::panic::Location::caller();
        async move {
            self.sql(sql).await;
            assert_eq!(self.findings().await, findings, "{line}: {sql}");
            let mended = self.doctor.mend(NOW).await.unwrap();
            assert!(mended.iter().any(|(name, n)| (*name, *n) == findings[0]), "{line}: {mended:?}");
            self.have_events_handled().await;
            // What it set in motion follows from events; the counts it left are right by then.
            self.doctor.mend(NOW).await.unwrap();
            assert_eq!(self.findings().await, [], "{line}: {sql}");
        }
    }
}

fn literal(id: RawId) -> String {
    format!("x'{id}'")
}

async fn sign_up(database: &Arc<Database>, name: &str) -> UserId {
    let id = IDS.next(NOW);
    let account = Account {
        id,
        username: Username::parse(name).unwrap(),
        email: Email::parse(&format!("{name}@example.com")).unwrap(),
        password: PasswordHash::new("$argon2id$".to_owned()),
        role: Role::User,
        state: State::Active,
        created: NOW,
    };
    SqliteAccounts(database.clone()).add(&account, &Event::AccountRenamed { account: id }).await.unwrap();
    SqliteProfiles(database.clone()).open(&Profile::new(id, name, name, NOW)).await.unwrap();
    id
}

async fn keep_image(database: &Arc<Database>, account: UserId, holder: Holder) -> Image {
    let image = Image {
        id: IDS.next(NOW),
        location: "a.webp".to_owned(),
        width: 1,
        height: 1,
        blurhash: String::new(),
        alt: String::new(),
        variants: Vec::new(),
    };
    let media = Media { image: image.clone(), account, holder: Some(holder), expires: None };
    SqliteMedia(database.clone()).add(&media).await.unwrap();
    image
}

async fn publish(database: &Arc<Database>, author: UserId) -> PostId {
    let id = IDS.next(NOW);
    let image = keep_image(database, author, Holder::Post(id)).await;
    let blocks = vec![
        Block { id: IDS.next(NOW), content: Content::Text("hello".to_owned()) },
        Block { id: IDS.next(NOW), content: Content::Image(image) },
    ];
    let post = Post { id, author, blocks, created: NOW };
    let news = Event::PostPublished { post: id, author, media: post.media() };
    SqlitePosts(database.clone()).add(&post, &news).await.unwrap();
    id
}

#[tokio::test]
async fn nothing_is_wrong_with_what_stores_wrote() {
    let small = Small::new().await;

    assert_eq!(small.findings().await, []);
    assert!(small.doctor.mend(NOW).await.unwrap().is_empty());
}

#[tokio::test]
async fn wrong_counts_are_recounted() {
    let small = Small::new().await;

    small.breaks("UPDATE posts SET like_count = 7", &[("like-counts", 1)]).await;
    small.breaks("UPDATE posts SET comment_count = 0", &[("comment-counts", 1)]).await;
    small.breaks("UPDATE post_counts SET posts = 2", &[("post-counts", 1)]).await;
    small.breaks("DELETE FROM post_counts", &[("post-counts", 1)]).await;
    small.breaks("UPDATE post_total SET posts = 9", &[("post-total", 1)]).await;
    small.breaks("DELETE FROM post_total", &[("post-total", 1)]).await;
    small.breaks("UPDATE profiles SET followers = 5, following = 5", &[("follow-counts", 2)]).await;
}

#[tokio::test]
async fn what_belongs_to_nobody_goes() {
    let small = Small::new().await;
    let gone = "x'00000000000000000000beef'";
    for (sql, finding) in [
        (format!("INSERT INTO likes VALUES ({gone}, {gone}, :ana)"), "reactions-to-nothing"),
        (format!("INSERT INTO comments VALUES ({gone}, {gone}, :ana, 'a', 0)"), "reactions-to-nothing"),
        (format!("INSERT INTO follows VALUES ({gone}, {gone}, {gone})"), "profiles-without-account"),
        (
            format!("INSERT INTO likes VALUES (:post, {gone}, {gone}); UPDATE posts SET like_count = 2"),
            "reactions-of-nobody",
        ),
        (format!("INSERT INTO sessions VALUES ({gone}, {gone}, 0, 0, x'', '', 0, 9e15, NULL)"), "sessions-of-nobody"),
        (format!("INSERT INTO name_parts VALUES ('nobody', {gone})"), "search-leftovers"),
        ("INSERT INTO name_parts VALUES ('once', :ana)".to_owned(), "search-leftovers"),
    ] {
        small.sql(&sql.replace("9e15", "9000000000000000")).await;
        assert_eq!(small.findings().await, [(finding, 1)], "{sql}");
        assert_eq!(small.doctor.mend(NOW).await.unwrap(), [(finding, 1)], "{sql}");
        assert_eq!(small.findings().await, [], "{sql}");
    }
}

#[tokio::test]
async fn a_profile_that_is_missing_is_opened_and_found() {
    let small = Small::new().await;
    small
        .sql(
            "INSERT INTO accounts SELECT x'00000000000000000000cafe', 'Cleo', 'cleo', 'c@example.com', password, role,
             state, created FROM accounts LIMIT 1",
        )
        .await;
    assert_eq!(small.findings().await, [("accounts-without-profile", 1)]);

    small.doctor.mend(NOW).await.unwrap();

    assert_eq!(small.findings().await, []);
    let page = echo_domain::PageRequest::first(10);
    let search = Search::parse("cleo").unwrap();
    let found = || async { SqliteProfiles(small.database.clone()).search(&search, page).await.unwrap().items.len() };
    assert_eq!(found().await, 1);

    small.breaks("DELETE FROM name_parts", &[("search", 3)]).await;
    assert_eq!(found().await, 1);
}

#[tokio::test]
async fn a_profile_goes_by_the_username_of_its_account() {
    let small = Small::new().await;

    let found = &[("usernames", 1), ("search", 1)];
    small.breaks("UPDATE profiles SET username = 'old' WHERE id = :ana", found).await;
}

#[tokio::test]
async fn all_of_an_account_that_is_gone_goes() {
    let small = Small::new().await;
    small.sql("DELETE FROM accounts WHERE id = :ana").await;
    let findings = small.findings().await;
    assert_eq!(findings, [("profiles-without-account", 1), ("posts-of-nobody", 1)]);

    small.doctor.mend(NOW).await.unwrap();

    // What is left goes by the events that removing the post left.
    assert!(SqlitePosts(small.database.clone()).details(&[small.post]).await.unwrap().is_empty());
    let lags = small.doctor.examine(NOW).await.unwrap().lags;
    assert!(lags.iter().all(|lag| lag.events == 1 && lag.oldest.is_some()), "{lags:?}");
    assert!(small.findings().await.iter().all(|(name, _)| *name == "images-unshown"));
}

#[tokio::test]
async fn what_events_are_still_to_do_is_not_wrong() {
    let small = Small::new().await;
    let posts = SqlitePosts(small.database.clone());
    let news = |media| Event::PostDeleted { post: small.post, author: small.ana, media };
    posts.remove(small.post, &news(Vec::new())).await.unwrap();

    assert_eq!(small.findings().await, []);

    small.have_events_handled().await;
    assert_eq!(small.findings().await, [("reactions-to-nothing", 1), ("images-unshown", 1)]);
}

#[tokio::test]
async fn images_are_kept_for_what_shows_them_alone() {
    let small = Small::new().await;
    let image =
        "INSERT INTO media SELECT x'00000000000000000000beef', account, image, holder, NULL, 0 FROM media LIMIT 1";

    small.sql(image).await;
    assert_eq!(small.findings().await, [("images-unshown", 1)]);
    assert_eq!(small.doctor.mend(NOW).await.unwrap(), [("images-unshown", 1)]);

    assert_eq!(small.findings().await, []);
    let doomed = SqliteMedia(small.database.clone()).doomed(None, 10).await.unwrap();
    assert_eq!(doomed.len(), 1);
}

#[tokio::test]
async fn what_cannot_be_read_is_told_and_keeps_nothing_from_being_looked_at() {
    let small = Small::new().await;
    small.sql("UPDATE posts SET content = '['; INSERT INTO events (body) VALUES ('{')").await;

    let examination = small.doctor.examine(NOW).await.unwrap();

    assert!(!examination.is_readable());
    assert_eq!(small.findings().await, [("unreadable", 2), ("images-unshown", 1)]);
}

#[tokio::test]
async fn what_only_a_person_or_the_server_can_cure_is_told() {
    let small = Small::new().await;
    small
        .sql(
            "DELETE FROM media; INSERT INTO events_set_aside VALUES ('media', 1, '{}', 'why not', 0);
         INSERT INTO sessions VALUES (x'00', :ana, 0, 0, x'', '', 0, 5, NULL)",
        )
        .await;
    let findings = small.findings().await;
    assert_eq!(findings, [("images-missing", 2), ("sessions-overdue", 1), ("events-set-aside", 1)]);

    assert!(small.doctor.mend(NOW).await.unwrap().is_empty());

    assert_eq!(small.findings().await, findings);
}
