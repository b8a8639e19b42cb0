//! Each thing that can be wrong is made wrong on purpose, seen, and mended.

use echo_domain::{
    Event, IdSource, PostId, RawId, Timestamp, UserId,
    auth::{Account, AccountStore, Email, PasswordHash, Role, State, Username},
    media::{BlobSet, Digest, Holder, Image, MediaStore, Upload},
    posts::{Block, Comment, Content, Like, Post, PostStore},
    users::{Profile, ProfileChange, ProfileStore, Search},
};

use crate::{Options, SqliteAccounts, SqliteMedia, SqlitePosts, SqliteProfiles};

use super::*;

const NOW: Timestamp = Timestamp::from_millis(1_700_000_000_000);
static IDS: IdSource = IdSource::new([3; 3], 0);

/// A small Echo: Ana has a picture and a post with an image, which Ben likes and comments on; he follows her.
struct Small {
    database: Arc<Database>,
    doctor: SqliteDoctor,
    ana: UserId,
    post: PostId,
    folder: tempfile::TempDir,
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
        let small = Self { doctor: SqliteDoctor(database.clone()), database, ana, post, folder };
        small.have_events_handled().await;
        small
    }

    /// As if every consumer had done its part.
    async fn have_events_handled(&self) {
        self.sql(
            "INSERT OR REPLACE INTO event_consumers SELECT name, (SELECT max(position) FROM events)
             FROM (SELECT 'users' AS name UNION SELECT 'posts' UNION SELECT 'media' UNION SELECT 'feed')",
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

    /// What is mended, by name; nothing fails.
    async fn mend(&self) -> Vec<(&'static str, u64)> {
        let mended = self.doctor.mend(NOW).await.unwrap();
        mended.into_iter().inspect(|it| assert_eq!(it.failed, 0, "{it:?}")).map(|it| (it.check, it.done)).collect()
    }

    /// How much there is of what mending may remove.
    async fn kept(&self) -> Vec<i64> {
        let sql = "SELECT (SELECT count(*) FROM posts NOT INDEXED), (SELECT count(*) FROM likes), (SELECT count(*) FROM comments),
             (SELECT count(*) FROM media), (SELECT count(*) FROM profiles),
             (SELECT count(*) FROM follows)";
        let row = |row: &Row<'_>| (0..6).map(|column| row.get(column)).collect();
        self.database.read("test.kept", move |conn| Ok(conn.query_row(sql, [], row)?)).await.unwrap()
    }

    #[track_caller]
    fn breaks(&self, sql: &'static str, findings: &'static [(&'static str, u64)]) -> impl Future<Output = ()> {
        let line = std::panic::Location::caller();
        async move {
            self.sql(sql).await;
            assert_eq!(self.findings().await, findings, "{line}: {sql}");
            let mended = self.mend().await;
            assert!(mended.contains(&findings[0]), "{line}: {mended:?}");
            self.have_events_handled().await;
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
    let stem = IDS.next(NOW);
    let blobs = BlobSet {
        digest: Digest::unknown(stem),
        stem,
        location: format!("{stem}.webp"),
        width: 1,
        height: 1,
        blurhash: String::new(),
        variants: Vec::new(),
        bytes: Some(100),
    };
    let upload = Upload { id: IDS.next(NOW), account, alt: String::new(), expires: NOW, blobs };
    let store = SqliteMedia(database.clone());
    let image = store.add(&upload, 1000).await.unwrap().image(upload.id, String::new());
    store.claim(account, holder, &[image.id], Timestamp::from_millis(0), NOW).await.unwrap();
    store.keep(holder, &[image.id]).await.unwrap();
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
    assert!(small.mend().await.is_empty());
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
    small.breaks("UPDATE account_total SET accounts = 9", &[("account-total", 1)]).await;
    small.breaks("DELETE FROM account_total", &[("account-total", 1)]).await;
    small.breaks("UPDATE profiles SET followers = 5, following = 5", &[("follow-counts", 2)]).await;
}

#[tokio::test]
async fn what_images_count_for_is_recounted() {
    let small = Small::new().await;

    small.breaks("UPDATE blobs SET images = images + 1", &[("image-counts", 2)]).await;
    let doomed = async || SqliteMedia(small.database.clone()).doomed(None, 10).await.unwrap();
    let lost = "INSERT INTO blobs_doomed SELECT stem, '[]' FROM blobs; DELETE FROM blobs";
    small.breaks(lost, &[("images-without-blobs", 2)]).await;
    assert_eq!(doomed().await, []);
    assert!(SqliteMedia(small.database.clone()).unmeasured(10).await.unwrap().is_empty());
    let unmeasured = "DELETE FROM blobs; UPDATE media SET bytes = 0; DELETE FROM media_bytes";
    small.breaks(unmeasured, &[("images-without-blobs", 2)]).await;
    assert_eq!(SqliteMedia(small.database.clone()).unmeasured(10).await.unwrap().len(), 2);
    small.sql("UPDATE blobs SET bytes = 100; UPDATE media SET bytes = 100").await;
    small.sql("INSERT INTO media_bytes VALUES (:ana, 200)").await;
    small.breaks("UPDATE media_bytes SET bytes = 7", &[("account-bytes", 1)]).await;
    small.breaks("DELETE FROM media_bytes", &[("account-bytes", 1)]).await;
    small.breaks("INSERT INTO media_bytes VALUES (x'00000000000000000000beef', 7)", &[("account-bytes", 1)]).await;
    let unused = "INSERT INTO blobs SELECT unhex(hex(zeroblob(32))), x'00000000000000000000beef', shape, NULL, 0
        FROM blobs LIMIT 1";
    small.breaks(unused, &[("image-counts", 1)]).await;
    let doomed = doomed().await;
    assert_eq!(doomed.iter().map(|blobs| blobs.stem.to_string()).collect::<Vec<_>>(), ["00000000000000000000beef"]);
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
        assert_eq!(small.mend().await, [(finding, 1)], "{sql}");
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

    small.mend().await;

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

    small.mend().await;

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
    let image = "INSERT INTO media SELECT x'00000000000000000000beef', account, image, holder, NULL,
             unhex(hex(zeroblob(32))), 0 FROM media LIMIT 1;
         INSERT INTO blobs SELECT unhex(hex(zeroblob(32))), x'00000000000000000000beef', shape, NULL, 1 FROM blobs LIMIT 1";

    small.sql(image).await;
    assert_eq!(small.findings().await, [("images-unshown", 1)]);
    assert_eq!(small.mend().await, [("images-unshown", 1)]);

    assert_eq!(small.findings().await, []);
    let doomed = SqliteMedia(small.database.clone()).doomed(None, 10).await.unwrap();
    assert_eq!(doomed.len(), 1);
}

#[tokio::test]
async fn what_cannot_be_read_is_told_and_keeps_its_images() {
    // None, cut short, of another kind, and of another shape.
    for content in ["", "[{\"type\": \"te", "{}", "[\"abc\"]", "[{\"type\": \"text\"}]"] {
        let small = Small::new().await;
        let kept = small.kept().await;
        small.sql(&format!("UPDATE posts SET content = '{content}'; UPDATE post_total SET posts = 7")).await;

        let examination = small.doctor.examine(NOW).await.unwrap();

        assert!(!examination.is_readable());
        let found = examination.checks.iter().find(|check| check.name == "unreadable").unwrap();
        assert!(found.examples[0].starts_with(&format!("post {}: ", small.post)), "{found:?}");
        // Whether it shows the images is not told, for nobody knows.
        assert_eq!(small.findings().await, [("unreadable", 1), ("post-total", 1)], "{content}");
        assert_eq!(small.mend().await, [("post-total", 1)], "{content}");
        assert_eq!(small.kept().await, kept, "{content}");
    }
}

#[tokio::test]
async fn images_and_events_that_cannot_be_read_are_told() {
    let small = Small::new().await;
    small.sql("UPDATE media SET image = '{}' WHERE holder LIKE 'post:%'").await;
    small.sql("UPDATE media SET holder = 'nonsense' WHERE holder LIKE 'profile:%'").await;
    assert_eq!(small.findings().await, [("unreadable", 2)]);
    small.sql("INSERT INTO events (body) VALUES ('{'), ('7'), ('{\"kind\": \"of_tomorrow\"}')").await;

    assert_eq!(small.findings().await, [("unreadable", 5)]);

    assert!(small.mend().await.is_empty());
}

#[tokio::test]
async fn an_event_about_nobody_hides_nothing() {
    let small = Small::new().await;
    small.sql("DELETE FROM accounts WHERE id = :ana").await;
    small.sql(r#"INSERT INTO events (body) VALUES ('{"kind":"account_deleted","account":"zz"}')"#).await;

    let findings = small.findings().await;

    assert_eq!(findings, [("unreadable", 1), ("profiles-without-account", 1), ("posts-of-nobody", 1)]);
}

/// As if a failing disk had lost rows of one index: what is sought by it seems not to be there.
const LOSE_AN_INDEX: &str = "CREATE INDEX lost ON posts (id) WHERE id IS NULL; PRAGMA writable_schema = ON;
    UPDATE sqlite_schema SET rootpage = (SELECT rootpage FROM sqlite_schema WHERE name = 'lost')
        WHERE name = 'sqlite_autoindex_posts_1';
    DELETE FROM sqlite_schema WHERE name = 'lost'; PRAGMA writable_schema = OFF";

#[tokio::test]
async fn nothing_is_mended_by_a_damaged_database() {
    let small = Small::new().await;
    let kept = small.kept().await;
    small.database.close();
    let path = small.folder.path().join("echo.db");
    Connection::open(&path).unwrap().execute_batch(LOSE_AN_INDEX).unwrap();
    let database = Database::open(&path, Options::default()).unwrap();
    let small = Small { doctor: SqliteDoctor(database.clone()), database, ..small };

    let examination = small.doctor.examine(NOW).await.unwrap();

    assert!(!examination.is_readable());
    let [database] = &examination.checks[..] else { panic!("{examination:?}") };
    assert!(database.name == "database" && database.wrong > 0 && database.cure == Cure::Restore, "{database:?}");
    assert!(small.mend().await.is_empty());
    assert_eq!(small.kept().await, kept);
}

#[tokio::test]
async fn pages_that_were_overwritten_are_told() {
    let small = Small::new().await;
    small.database.close();
    let path = small.folder.path().join("echo.db");
    let root = "SELECT rootpage FROM sqlite_schema WHERE name = 'posts'";
    let page: i64 = Connection::open(&path).unwrap().query_row(root, [], |row| row.get(0)).unwrap();
    let mut bytes = std::fs::read(&path).unwrap();
    bytes.chunks_mut(4096).nth(usize::try_from(page).unwrap() - 1).unwrap().fill(0xa5);
    std::fs::write(&path, bytes).unwrap();
    let doctor = SqliteDoctor(Database::open(&path, Options::default()).unwrap());

    let examination = doctor.examine(NOW).await.unwrap();

    assert!(examination.checks.len() == 1 && examination.checks[0].wrong > 0, "{examination:?}");
    assert!(doctor.mend(NOW).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_check_that_fails_is_told_beside_the_others() {
    let small = Small::new().await;
    small.sql("DROP TABLE sessions; UPDATE post_total SET posts = 9").await;

    let findings = small.findings().await;

    assert_eq!(findings, [("post-total", 1), ("sessions-overdue", 1), ("sessions-of-nobody", 1)]);
    let mended = small.doctor.mend(NOW).await.unwrap();
    let told: Vec<_> = mended.iter().map(|it| (it.check, it.done, it.failed)).collect();
    assert_eq!(told, [("post-total", 1, 0), ("sessions-of-nobody", 0, 1)]);
    assert!(mended[1].told[0].contains("no such table"), "{mended:?}");
}

#[tokio::test]
async fn what_cannot_be_mended_keeps_nothing_else_from_it() {
    let small = Small::new().await;
    let ghosts = (0..2 * 600).map(|n| format!("(x'{:024x}', x'00', x'{:024x}')", n + 1, n + 1));
    let ghosts: Vec<_> = ghosts.collect();
    small.sql(&format!("INSERT INTO likes VALUES {}", ghosts.join(", "))).await;
    // These come first, and are more than a batch.
    let malformed: Vec<_> = (0..600).map(|n| format!("(x'{n:04x}', x'00', x'{n:04x}')")).collect();
    small.sql(&format!("INSERT INTO likes VALUES {}; UPDATE post_total SET posts = 3", malformed.join(", "))).await;

    let mended = small.doctor.mend(NOW).await.unwrap();

    let told: Vec<_> = mended.iter().map(|it| (it.check, it.done, it.failed)).collect();
    let expected = [("post-total", 1, 0), ("reactions-to-nothing", 1200, 600), ("reactions-of-nobody", 0, 600)];
    assert_eq!(told, expected);
    assert!(mended[1].told[0].contains("could not convert slice to array"), "{:?}", mended[1]);
    assert_eq!(small.findings().await, [("reactions-to-nothing", 600), ("reactions-of-nobody", 600)]);
}

#[tokio::test]
async fn what_mending_makes_wrong_is_mended_too() {
    let small = Small::new().await;
    // Opened anew, it has no follows counted.
    small.sql("DELETE FROM profiles WHERE id = :ana; DELETE FROM name_parts WHERE account = :ana").await;
    small
        .sql(
            "DELETE FROM media WHERE holder LIKE 'profile:%'; UPDATE media_bytes SET bytes = 100;
             DELETE FROM blobs WHERE digest NOT IN (SELECT blobs FROM media)",
        )
        .await;
    assert_eq!(small.findings().await, [("accounts-without-profile", 1)]);

    assert_eq!(small.mend().await, [("follow-counts", 1), ("accounts-without-profile", 1)]);

    assert_eq!(small.findings().await, []);
}

#[tokio::test]
async fn what_only_a_person_or_the_server_can_cure_is_told() {
    let small = Small::new().await;
    small
        .sql(
            "DELETE FROM media; DELETE FROM blobs; DELETE FROM media_bytes; INSERT INTO events_set_aside VALUES ('media', 1, '{}', 'why not', 0);
         INSERT INTO sessions VALUES (x'00', :ana, 0, 0, x'', '', 0, 5, NULL)",
        )
        .await;
    let findings = small.findings().await;
    assert_eq!(findings, [("sessions-overdue", 1), ("events-set-aside", 1), ("images-missing", 2)]);

    assert!(small.mend().await.is_empty());

    assert_eq!(small.findings().await, findings);
}
