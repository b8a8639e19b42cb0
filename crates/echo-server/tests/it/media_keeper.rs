//! Images stay as long as something shows them: the keeper on its real parts, with a clock moved by hand.

use std::{
    fs,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use bytes::Bytes;
use echo_domain::{
    Clock, Consumer, Error, Event, IdSource, MediaId, RawId, Result, Timestamp, UserId,
    media::{
        Blob, BlobStore, Holder, Image, MediaDesk, MediaKeeper, MediaService, Part, Parts, Purpose, RoomEnough,
        StemSource,
    },
    posts::{Block, Content, Post, PostCatalog, PostStore},
    users::ProfileDirectory,
};
use echo_media::{FileBlobs, ImageThreads};
use echo_sqlite::{Database, Options, SqliteMedia, SqlitePosts, SqliteProfiles};
use rusqlite::Connection;
use tempfile::TempDir;
use tokio::sync::watch;

use crate::picture::png;

struct MovedClock(AtomicI64);

impl Clock for MovedClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::Relaxed))
    }
}

/// Images, the posts that show them, and who keeps them.
struct Archive {
    keeper: Arc<MediaKeeper>,
    desk: MediaService,
    posts: Arc<dyn PostStore>,
    clock: Arc<MovedClock>,
    ids: IdSource,
    folder: TempDir,
}

impl Archive {
    fn open() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let database = Database::open(&folder.path().join("echo.db"), Options::default()).unwrap();
        let clock = Arc::new(MovedClock(AtomicI64::new(1_800_000_000_000)));
        let parts = Parts {
            media: Arc::new(SqliteMedia(database.clone())),
            blobs: Arc::new(FileBlobs::open(&folder.path().join("media")).unwrap()),
            pipeline: Arc::new(ImageThreads::new(1, 10).unwrap()),
            clock: clock.clone(),
            room: Arc::new(RoomEnough),
            stems: Arc::new(StemSource::new([7; 32])),
            quota: u64::MAX,
            doomed: Arc::default(),
        };
        let posts: Arc<dyn PostStore> = Arc::new(SqlitePosts(database.clone()));
        let directory = Arc::new(ProfileDirectory { profiles: Arc::new(SqliteProfiles(database)) });
        let catalog = PostCatalog { posts: posts.clone(), directory: directory.clone() };
        Self {
            desk: MediaService::new(parts.clone()),
            keeper: Arc::new(MediaKeeper::new(parts, Arc::new(catalog), directory)),
            posts,
            clock,
            ids: IdSource::new(*b"its", 0),
            folder,
        }
    }

    fn id<T: From<RawId>>(&self) -> T {
        self.ids.next(self.clock.now())
    }

    fn wait(&self, time: Duration) {
        self.clock.0.fetch_add(i64::try_from(time.as_millis()).unwrap(), Ordering::Relaxed);
    }

    /// An image with narrower copies.
    async fn upload(&self, account: UserId) -> Result<Image> {
        let image = self.desk.upload(account, self.id(), Purpose::Post, png(700, 20).into(), "").await?;
        assert!(image.variants.len() >= 2);
        Ok(image)
    }

    /// A post that shows one image, having claimed others as well.
    async fn publish(&self, author: UserId, shown: &Image, others: &[MediaId]) {
        let blocks = vec![Block { id: self.id(), content: Content::Image(shown.clone()) }];
        let post = Post { id: self.id(), author, blocks, created: self.clock.now() };
        let claimed = [&[shown.id], others].concat();
        assert_eq!(self.desk.claim(author, Holder::Post(post.id), &claimed).await.unwrap().len(), claimed.len());
        let news = Event::PostPublished { post: post.id, author, media: post.media() };
        self.posts.add(&post, &news).await.unwrap();
    }

    /// Lets the keeper go round once.
    async fn sweep(&self) {
        sweep(&self.keeper).await;
    }

    /// Whether the image is there, with all that belongs to it; otherwise nothing of it may be.
    async fn has(&self, image: &Image) -> bool {
        let known = self.keeper.parts.media.find(image.id).await.unwrap().is_some();
        for location in image.names() {
            assert_eq!(self.file(location).exists(), known, "{location}");
        }
        known
    }

    /// Where a blob lies.
    fn file(&self, location: &str) -> PathBuf {
        self.folder.path().join("media").join(&location[22..24]).join(location)
    }

    fn files(&self) -> usize {
        let list = |folder| fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        list(self.folder.path().join("media")).flat_map(list).count()
    }
}

/// After that, blobs are removed for the last time.
const FOR_GOOD: Duration = Duration::from_secs(121);

async fn sweep(keeper: &Arc<MediaKeeper>) {
    let (stop, stopped) = watch::channel(false);
    // The sweep has begun when it is told to end.
    tokio::join!(keeper.clone().sweep(stopped), async { stop.send(true).unwrap() });
}

#[tokio::test]
async fn an_image_that_nothing_shows_goes_after_an_hour() {
    let archive = Archive::open();
    let image = archive.upload(archive.id()).await.unwrap();

    archive.wait(MediaService::UNATTACHED - Duration::from_millis(1));
    archive.sweep().await;
    assert!(archive.has(&image).await);

    archive.wait(Duration::from_millis(1));
    archive.sweep().await;
    assert!(!archive.has(&image).await);
}

#[tokio::test]
async fn an_image_that_its_post_does_not_show_goes_and_one_that_it_shows_stays() {
    let archive = Archive::open();
    let ana = archive.id();
    let (shown, other) = (archive.upload(ana).await.unwrap(), archive.upload(ana).await.unwrap());
    archive.publish(ana, &shown, &[other.id]).await;

    for _ in 0..2 {
        archive.wait(MediaService::UNATTACHED);
        archive.sweep().await;

        assert!(archive.has(&shown).await);
        assert!(!archive.has(&other).await);
    }
}

#[tokio::test]
async fn an_image_that_cannot_be_removed_does_not_keep_the_next() {
    let archive = Archive::open();
    let ana = archive.id();
    let (stuck, next) = (archive.upload(ana).await.unwrap(), archive.upload(ana).await.unwrap());
    let (file, media) = (archive.file(&stuck.location), &archive.keeper.parts.media);
    fs::remove_file(&file).unwrap();
    fs::create_dir(&file).unwrap();

    archive.desk.discard(&[stuck.id, next.id]).await;
    archive.sweep().await;

    assert!(!archive.has(&next).await);
    archive.wait(FOR_GOOD);
    archive.sweep().await;
    let doomed = media.doomed(None, 10).await.unwrap();
    assert_eq!(doomed.iter().flat_map(|blobs| &blobs.names).collect::<Vec<_>>(), stuck.names().collect::<Vec<_>>());

    fs::remove_dir(&file).unwrap();
    archive.sweep().await;

    archive.wait(FOR_GOOD);
    archive.sweep().await;
    assert_eq!(media.doomed(None, 10).await.unwrap(), []);
}

#[tokio::test]
async fn whoever_left_leaves_no_image_not_even_one_that_arrives_later() {
    let archive = Archive::open();
    let (ana, bob) = (archive.id(), archive.id());
    let [shown, free] = [archive.upload(ana).await.unwrap(), archive.upload(ana).await.unwrap()];
    let bobs = archive.upload(bob).await.unwrap();
    archive.publish(ana, &shown, &[]).await;

    archive.keeper.handle(&Event::AccountDeleted { account: ana }).await.unwrap();
    let late = archive.upload(ana).await;
    archive.sweep().await;

    assert!(matches!(late, Err(Error::Unauthenticated(refusal)) if refusal.code == "account_deleted"));
    for image in [shown, free] {
        assert!(!archive.has(&image).await);
    }
    assert!(archive.has(&bobs).await);
    assert_eq!(archive.files(), bobs.names().count());
}

#[tokio::test]
async fn equal_images_have_the_same_files_until_the_last_goes() {
    let archive = Archive::open();
    let picture = Bytes::from(png(700, 20));
    let upload =
        async |alt| archive.desk.upload(archive.id(), archive.id(), Purpose::Post, picture.clone(), alt).await.unwrap();
    let (first, second) = (upload("mine").await, upload("also mine").await);
    assert_eq!(first.names().collect::<Vec<_>>(), second.names().collect::<Vec<_>>());
    assert_eq!((first.alt.as_str(), second.alt.as_str()), ("mine", "also mine"));
    assert_eq!(archive.files(), first.names().count());

    archive.desk.discard(&[first.id]).await;
    archive.sweep().await;
    assert!(archive.has(&second).await);

    archive.desk.discard(&[second.id]).await;
    archive.sweep().await;
    assert!(!archive.has(&second).await);
    let third = upload("again").await;
    assert!(archive.has(&third).await);
    assert_ne!(third.location, second.location);
}

#[tokio::test]
async fn an_equal_image_has_its_files_even_if_the_first_one_left_none() {
    let archive = Archive::open();
    let picture = Bytes::from(png(700, 20));
    let first = archive.desk.upload(archive.id(), archive.id(), Purpose::Post, picture.clone(), "").await.unwrap();
    for name in first.names() {
        fs::remove_file(archive.file(name)).unwrap();
    }

    let second = archive.desk.upload(archive.id(), archive.id(), Purpose::Post, picture, "").await.unwrap();

    assert_eq!(second.location, first.location);
    assert!(archive.has(&second).await);
}

/// Files for whose sake somebody leaves, and all of theirs is removed, just before the first of them is kept.
struct TooLate {
    files: Arc<dyn BlobStore>,
    keeper: Arc<MediaKeeper>,
    account: UserId,
}

#[async_trait]
impl BlobStore for TooLate {
    async fn put(&self, name: &str, bytes: Bytes) -> Result<()> {
        self.keeper.handle(&Event::AccountDeleted { account: self.account }).await?;
        sweep(&self.keeper).await;
        self.files.put(name, bytes).await
    }

    async fn read(&self, name: &str, part: Part) -> Result<Option<Blob>> {
        self.files.read(name, part).await
    }

    async fn remove(&self, name: &str) -> Result<()> {
        self.files.remove(name).await
    }

    async fn check(&self) -> Result<()> {
        self.files.check().await
    }
}

#[tokio::test]
async fn files_that_come_after_their_image_was_removed_go_too() {
    let archive = Archive::open();
    let (ana, keeper) = (archive.id(), archive.keeper.clone());
    let blobs = TooLate { files: keeper.parts.blobs.clone(), keeper: keeper.clone(), account: ana };
    let desk = MediaService::new(Parts { blobs: Arc::new(blobs), ..keeper.parts.clone() });

    let late = desk.upload(ana, archive.id(), Purpose::Post, png(700, 20).into(), "").await;

    assert!(matches!(late, Err(Error::Unavailable { .. })), "{late:?}");
    archive.wait(FOR_GOOD);
    archive.sweep().await;
    assert_eq!(archive.files(), 0);
}

#[tokio::test]
async fn files_that_come_while_their_image_is_removed_go_too() {
    let archive = Archive::open();
    let image = archive.upload(archive.id()).await.unwrap();
    archive.desk.discard(&[image.id]).await;
    archive.sweep().await;
    assert_eq!(archive.files(), 0);

    archive.keeper.parts.blobs.put(&image.location, "late".into()).await.unwrap();
    archive.sweep().await;
    assert_eq!(archive.files(), 1, "they are not looked for each time");
    archive.wait(FOR_GOOD);
    archive.sweep().await;

    assert_eq!(archive.files(), 0);
    let doomed = archive.keeper.parts.media.doomed(None, 10).await.unwrap();
    assert_eq!(doomed, []);
}

#[tokio::test]
async fn images_that_nobody_has_measured_are_measured() {
    let archive = Archive::open();
    let ana = archive.id();
    let media = &archive.keeper.parts.media;
    for _ in 0..3 {
        archive.upload(ana).await.unwrap();
    }
    let kept = media.bytes_of(ana).await.unwrap();
    // As an older Echo leaves them, which kept an image's blobs under its own id.
    let forget = "UPDATE blobs SET bytes = NULL, stem = (SELECT id FROM media WHERE media.blobs = digest);
        UPDATE media SET bytes = 0; DELETE FROM media_bytes";
    Connection::open(archive.folder.path().join("echo.db")).unwrap().execute_batch(forget).unwrap();
    assert_eq!(media.bytes_of(ana).await.unwrap(), 0);

    archive.sweep().await;

    assert!(kept > 0);
    assert_eq!(media.bytes_of(ana).await.unwrap(), kept);
}
