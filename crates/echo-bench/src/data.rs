//! People and posts, made straight in the stores: the same for the same size, wherever they are made.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use echo_crypto::PasswordThreads;
use echo_domain::{
    Event, EventLog, RawId, UserId,
    auth::{Account, AccountStore, Email, PasswordHash, PasswordHasher, Role, State, Username},
    posts::{Block, Content, Like, Post, PostStore},
    users::{Profile, ProfileStore},
};
use echo_sqlite::{Database, Options, SqliteAccounts, SqliteEvents, SqlitePosts, SqliteProfiles};
use futures_util::{StreamExt, TryStreamExt, stream};

/// Everyone's.
pub(crate) const PASSWORD: &str = "correct horse battery";
/// How many each person follows, and is followed by.
const FOLLOWS: usize = 20;
/// 1 January 2025; people come one a second, posts every ten seconds.
const BEGINNING: u32 = 1_735_689_600;
/// Writes that wait for the writer at a time: several of its transactions.
const WAITING: usize = 1024;
/// Who has a place in the log of events.
const CONSUMERS: [&str; 4] = ["users", "posts", "media", "feed"];

const NAMES: [&str; 8] = ["Beatriz", "Chidera", "Dmitri", "Eleanor", "Fatoumata", "Giorgos", "Haruka", "Ignacio"];

/// How much of everything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Size {
    pub(crate) people: usize,
    pub(crate) posts: usize,
}

impl Size {
    /// What one computer has after an afternoon.
    pub(crate) const SMALL: Self = Self { people: 100, posts: 1000 };

    /// Paths of `n` people, spread over all of them.
    pub(crate) fn people(self, n: usize) -> impl Iterator<Item = String> {
        spread(self.people, n).map(|number| format!("/api/users/{}", person(number)))
    }

    /// Paths of `n` posts, spread over all of them.
    pub(crate) fn posts(self, n: usize) -> impl Iterator<Item = String> {
        spread(self.posts, n).map(|number| format!("/api/posts/{}", id::<RawId>(kind::POST, number)))
    }
}

/// `n` numbers below `of`, evenly, or all of them.
fn spread(of: usize, n: usize) -> impl Iterator<Item = usize> {
    let n = n.min(of);
    (0..n).map(move |i| i * of / n)
}

/// A data folder of this size under `folder`, made when it is not there. Whoever writes to it must take a [`copy`].
///
/// # Errors
/// When the disk does not take it.
pub(crate) fn of(size: Size, folder: &Path) -> Result<PathBuf> {
    made(&folder.join(format!("data-{}-{}", size.people, size.posts)), size, async |stores| {
        many(size.people * FOLLOWS, |number| stores.follow(number)).await?;
        many(size.posts, |number| stores.publish(number)).await
    })
}

/// A data folder under `folder`, made when it is not there, where so many follow the first person, so many the second, and
/// so on; after these come the followers, and whoever follows few is among those who follow many. Nobody has posted.
///
/// # Errors
/// When the disk does not take it.
pub(crate) fn crowd(followers: &[usize], folder: &Path) -> Result<PathBuf> {
    let size = Size { people: followers.len() + followers.iter().max().copied().unwrap_or_default(), posts: 0 };
    let name = followers.iter().map(usize::to_string).collect::<Vec<_>>().join("-");
    made(&folder.join(format!("crowd-{name}")), size, async |stores| {
        let mut before = 0;
        for (author, &n) in followers.iter().enumerate() {
            let follow = |nth| stores.follows(before + nth, followers.len() + nth, author);
            many(n, follow).await?;
            before += n;
        }
        Ok(())
    })
}

/// Makes a data folder of people, and of what `rest` adds, unless it is there.
fn made(done: &Path, size: Size, rest: impl AsyncFnOnce(&Stores) -> Result<()>) -> Result<PathBuf> {
    if !done.exists() {
        let partial = done.with_extension("partial");
        let _ = fs::remove_dir_all(&partial);
        fs::create_dir_all(&partial)?;
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        runtime.block_on(fill(size, &partial.join("echo.db"), rest)).context("cannot make the data")?;
        fs::rename(&partial, done)?;
    }
    Ok(done.to_owned())
}

/// A data folder of this size that is the caller's own.
///
/// # Errors
/// When the disk does not take it.
pub(crate) fn copy(size: Size, folder: &Path) -> Result<tempfile::TempDir> {
    let original = of(size, folder)?;
    let copy = tempfile::tempdir_in(folder)?;
    fs::copy(original.join("echo.db"), copy.path().join("echo.db"))?;
    Ok(copy)
}

pub(crate) fn username(number: usize) -> String {
    format!("{}_{number:06}", NAMES[number % NAMES.len()].to_lowercase())
}

/// The name that one in eight has.
pub(crate) const fn common_name() -> &'static str {
    NAMES[0]
}

/// The first byte of an id's process part: ids of two kinds are never the same.
mod kind {
    pub(super) const PERSON: u8 = 1;
    pub(super) const POST: u8 = 2;
    pub(super) const OTHER: u8 = 3;
}

fn person(number: usize) -> UserId {
    id(kind::PERSON, number)
}

fn id<T: From<RawId>>(kind: u8, number: usize) -> T {
    let step = if kind == kind::PERSON { 1 } else { 10 };
    let number = u32::try_from(number).expect("sizes are less than four thousand million");
    let mut bytes = [kind; 12];
    bytes[..4].copy_from_slice(&(BEGINNING + step * number).to_be_bytes());
    bytes[8..].copy_from_slice(&number.to_be_bytes());
    RawId::from_bytes(bytes).into()
}

async fn fill(size: Size, file: &Path, rest: impl AsyncFnOnce(&Stores) -> Result<()>) -> Result<()> {
    let database = Database::open(file, Options::default())?;
    let password = PasswordThreads::new(1, 1)?.hash(PASSWORD).await?;
    let stores = Stores {
        accounts: SqliteAccounts(database.clone()),
        profiles: SqliteProfiles(database.clone()),
        posts: SqlitePosts(database.clone()),
        size,
        password,
    };
    many(size.people, |number| stores.open(number)).await?;
    rest(&stores).await?;
    forget_events(&SqliteEvents(database.clone())).await?;
    tokio::task::spawn_blocking(move || database.close()).await?;
    Ok(())
}

/// Does it for every number, many at a time: they share transactions.
async fn many<F: Future<Output = Result<()>>>(n: usize, one: impl Fn(usize) -> F) -> Result<()> {
    stream::iter(0..n).map(one).buffer_unordered(WAITING).try_for_each(async |()| Ok(())).await
}

/// What the events tell of is done already, and a server that starts should not have to find that out.
async fn forget_events(log: &dyn EventLog) -> Result<()> {
    const BATCH: usize = 10_000;
    loop {
        let events = log.pending(CONSUMERS[0], BATCH).await?;
        if events.is_empty() {
            return Ok(());
        }
        for consumer in CONSUMERS {
            log.confirm(consumer, &events).await?;
        }
        log.trim(&CONSUMERS, BATCH).await?;
    }
}

struct Stores {
    accounts: SqliteAccounts,
    profiles: SqliteProfiles,
    posts: SqlitePosts,
    size: Size,
    /// Everyone has the same, salt included: it takes 25 ms to make.
    password: PasswordHash,
}

impl Stores {
    async fn open(&self, number: usize) -> Result<()> {
        let (account, username) = (person(number), username(number));
        let (name, at) = (format!("{} Lima", NAMES[number % NAMES.len()]), account.0.created());
        let news = Event::AccountOpened { account, username: username.clone(), name: name.clone(), at };
        let opened = Account {
            id: account,
            username: Username::parse(&username)?,
            email: Email::parse(&format!("{username}@example.com"))?,
            password: self.password.clone(),
            role: Role::User,
            state: State::Active,
            created: at,
        };
        self.accounts.add(&opened, &news).await?;
        Ok(self.profiles.open(&Profile::new(account, &username, &name, at)).await?)
    }

    /// The same number of follows at either end of everyone, and nobody twice.
    async fn follow(&self, number: usize) -> Result<()> {
        let people = self.size.people;
        let (follower, nth) = (number % people, number / people + 1);
        let followee = (follower + nth * people / (FOLLOWS + 1)) % people;
        self.follows(number, follower, followee).await
    }

    /// The `number`th follow of all.
    async fn follows(&self, number: usize, follower: usize, followee: usize) -> Result<()> {
        let id = id(kind::OTHER, number);
        Ok(self.profiles.follow(id, person(follower), person(followee), u64::MAX).await?)
    }

    /// A post in two paragraphs, which somebody likes.
    async fn publish(&self, number: usize) -> Result<()> {
        let (post, author) = (id(kind::POST, number), person(number % self.size.people));
        let text = |nth| Block {
            id: id(kind::OTHER, 2 * number + nth),
            content: Content::Text(format!(
                "Post {number}, paragraph {nth}: the sea is calm tonight, the tide is full."
            )),
        };
        let created = id::<RawId>(kind::POST, number).created();
        let published = Post { id: post, author, blocks: vec![text(0), text(1)], created };
        self.posts.add(&published, &Event::PostPublished { post, author, media: Vec::new() }).await?;
        let like = Like { id: id(kind::OTHER, number), post, user: person((number * 7 + 1) % self.size.people) };
        self.posts.set_like(like, true).await?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spread_reaches_from_the_first_towards_the_last() {
        assert_eq!(spread(1000, 4).collect::<Vec<_>>(), [0, 250, 500, 750]);
        assert_eq!(spread(3, 4).collect::<Vec<_>>(), [0, 1, 2]);
    }

    #[test]
    fn everyone_can_sign_in_and_is_followed() {
        let folder = tempfile::tempdir().unwrap();
        let size = Size { people: 30, posts: 10 };

        let data = of(size, folder.path()).unwrap();

        let database = Database::open(&data.join("echo.db"), Options::default()).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let profiles = runtime.block_on(SqliteProfiles(database).by_ids(&[person(0), person(29)])).unwrap();
        assert_eq!(profiles.len(), 2);
        assert!(profiles.values().all(|profile| (profile.followers, profile.following) == (20, 20)));
    }

    #[test]
    fn the_few_who_follow_one_are_among_the_many_who_follow_another() {
        let folder = tempfile::tempdir().unwrap();

        let data = crowd(&[2, 5], folder.path()).unwrap();

        let database = Database::open(&data.join("echo.db"), Options::default()).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let people: Vec<UserId> = (0..7).map(person).collect();
        let profiles = runtime.block_on(SqliteProfiles(database).by_ids(&people)).unwrap();
        let counts = people.iter().map(|one| (profiles[one].followers, profiles[one].following));
        assert_eq!(counts.collect::<Vec<_>>(), [(2, 0), (5, 0), (0, 2), (0, 2), (0, 1), (0, 1), (0, 1)]);
    }

    #[test]
    fn people_and_posts_have_ids_in_their_order() {
        assert!(person(1) < person(2));
        assert_ne!(id::<RawId>(kind::POST, 1), id::<RawId>(kind::OTHER, 1));
    }
}
