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

use echo_domain::{
    Clock, Consumer, Error, Event, IdSource, MediaId, RawId, Result, Timestamp, UserId,
    media::{Holder, Image, MediaDesk, MediaKeeper, MediaService, Parts, Purpose},
    posts::{Block, Content, Post, PostCatalog, PostStore},
    users::ProfileDirectory,
};
use echo_media::{FileBlobs, ImageThreads};
use echo_sqlite::{Database, Options, SqliteMedia, SqlitePosts, SqliteProfiles};
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
            doomed: Arc::default(),
        };
        let posts: Arc<dyn PostStore> = Arc::new(SqlitePosts(database.clone()));
        let directory = Arc::new(ProfileDirectory { profiles: Arc::new(SqliteProfiles(database)) });
        let catalog = PostCatalog { posts: posts.clone(), directory: directory.clone() };
        Self {
            desk: MediaService::new(parts.clone()),
            keeper: Arc::new(MediaKeeper { parts, posts: Arc::new(catalog), directory }),
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
        let (stop, stopped) = watch::channel(false);
        // The sweep has begun when it is told to end.
        tokio::join!(self.keeper.clone().sweep(stopped), async { stop.send(true).unwrap() });
    }

    /// Whether the image is there, with all that belongs to it; otherwise nothing of it may be.
    async fn has(&self, image: &Image) -> bool {
        let known = self.keeper.parts.media.find(image.id).await.unwrap().is_some();
        let copies = image.variants.iter().map(|variant| &variant.location);
        for location in copies.chain([&image.location]) {
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
    assert_eq!(media.doomed(None, 10).await.unwrap(), [stuck]);

    fs::remove_dir(&file).unwrap();
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
    assert_eq!(archive.files(), 1 + bobs.variants.len());
}
