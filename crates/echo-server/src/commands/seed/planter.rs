//! Writes the demo world through the domain's stores, many things at a time: what waits together is committed together.

use anyhow::Result;
use echo_domain::{
    Error, Event,
    auth::{Account, Email, PasswordHash, Role, State, Username},
    media::{Holder, Purpose},
    posts::{Block, Content, Post},
    users::{FOLLOWING_MAX, Profile},
};
use futures_util::{StreamExt, TryStreamExt, stream};

use crate::assemble::Stores;

use super::{
    dice::Kind,
    pictures::{self, Picture},
    progress::Progress,
    world::{Follow, Person, World, test_user},
};

/// How many writes wait for the database at a time: several commits' worth, and fewer than it lets wait.
const AT_A_TIME: usize = 1024;
/// How many pictures are on their way at a time: enough for every core.
const PICTURES_AT_A_TIME: usize = 16;
/// How often a write is tried that finds the database busy: another process may be writing, too.
const ATTEMPTS: u32 = 30;

pub(super) struct Planter {
    pub(super) world: World,
    pub(super) stores: Stores,
}

/// How much there is of what the arguments do not say.
pub(super) struct Planted {
    pub(super) follows: u64,
    pub(super) pictures: u64,
    pub(super) likes: u64,
    pub(super) comments: u64,
}

impl Planter {
    /// All of it. `password` is everyone's.
    ///
    /// # Errors
    /// When a store fails for good; what was written stays, and another run goes on from there.
    pub(super) async fn world(&self, password: &str) -> Result<Planted> {
        self.people(password).await?;
        Ok(Planted {
            follows: self.follows().await?,
            pictures: self.posts().await?,
            likes: self.likes().await?,
            comments: self.comments().await?,
        })
    }

    /// `testuser1` to `testuser{n}`.
    ///
    /// # Errors
    /// As [`Planter::world`].
    pub(super) async fn test_users(&self, n: u32, password: &str) -> Result<()> {
        let password = &self.stores.passwords.hash(password).await?;
        let users = (1..=n).map(|n| (n, test_user(n)));
        each("test users", n, AT_A_TIME, users, |user| async move { self.open(&user, password).await }).await?;
        Ok(())
    }

    async fn people(&self, password: &str) -> Result<u64> {
        let password = &self.stores.passwords.hash(password).await?;
        let people = (0..self.world.people).map(|n| (n, self.world.person(n)));
        let open = |person| async move { self.open(&person, password).await };
        each("people", self.world.people, AT_A_TIME, people, open).await
    }

    async fn follows(&self) -> Result<u64> {
        let people = self.world.people;
        let follows = (0..people).flat_map(|n| self.world.follows(n).map(move |follow| (n, follow)));
        each("follows", people, AT_A_TIME, follows, |follow| self.follow(follow)).await
    }

    /// Returns how many have a picture.
    async fn posts(&self) -> Result<u64> {
        let posts = self.world.posts;
        let texts = (0..posts).filter(|n| !self.world.has_picture(*n)).map(|n| (n, n));
        each("posts", posts, AT_A_TIME, texts, |n| self.publish(self.world.post(n))).await?;
        let pictured = self.world.pictures().map(|(post, picture)| (picture, (post, picture)));
        let most = World::PICTURES_MAX.min(posts);
        each("pictures", most, PICTURES_AT_A_TIME, pictured, |(post, picture)| self.publish_with(post, picture)).await
    }

    async fn likes(&self) -> Result<u64> {
        let posts = self.world.posts;
        let likes = (0..posts).flat_map(|n| self.world.likes(n).into_iter().map(move |like| (n, like)));
        let like = |like| async move { self.stores.posts.set_like(like, true).await.map(|_| ()) };
        each("likes", posts, AT_A_TIME, likes, like).await
    }

    async fn comments(&self) -> Result<u64> {
        let posts = self.world.posts;
        let comments = (0..posts).flat_map(|n| self.world.comments(n).into_iter().map(move |comment| (n, comment)));
        let comment = |comment| async move { self.stores.posts.comment(&comment).await };
        each("comments", posts, AT_A_TIME, comments, comment).await
    }

    /// Opens an account with its profile, as signing up does.
    async fn open(&self, person: &Person, password: &PasswordHash) -> echo_domain::Result<()> {
        let Person { id, name, username, email, joined } = person;
        let account = Account {
            id: *id,
            username: Username::parse(username)?,
            email: Email::parse(email)?,
            password: password.clone(),
            role: Role::User,
            state: State::Active,
            created: *joined,
        };
        let news = Event::AccountOpened { account: *id, username: username.clone(), name: name.clone(), at: *joined };
        self.stores.accounts.add(&account, &news).await?;
        self.stores.profiles.open(&Profile::new(*id, username, name, *joined)).await
    }

    async fn follow(&self, follow: Follow) -> echo_domain::Result<()> {
        let Follow { id, follower, followee } = follow;
        match self.stores.profiles.follow(id, follower, followee, FOLLOWING_MAX).await {
            Err(Error::Conflict(_)) => Ok(()),
            done => done,
        }
    }

    async fn publish(&self, post: Post) -> echo_domain::Result<()> {
        let news = Event::PostPublished { post: post.id, author: post.author, media: post.media() };
        self.stores.posts.add(&post, &news).await
    }

    /// Takes the picture in as an upload, claims it for the post and publishes that, unless it is there.
    async fn publish_with(&self, number: u32, picture: u32) -> echo_domain::Result<()> {
        let mut post = self.world.post(number);
        if !self.stores.posts.details(&[post.id]).await?.is_empty() {
            return Ok(());
        }
        let Picture { bytes, alt } = pictures::draw(picture);
        let image = self.world.picture_id(Kind::Media, number);
        self.stores.media.upload(post.author, image, Purpose::Post, bytes, alt).await?;
        let claimed = self.stores.media.claim(post.author, Holder::Post(post.id), &[image]).await?;
        let block = |image| Block { id: self.world.picture_id(Kind::Block, number), content: Content::Image(image) };
        post.blocks.extend(claimed.into_iter().map(block));
        self.publish(post).await
    }
}

/// Does `work` for each of the things, so many at a time. Each thing comes with the step that it belongs to, of so many.
/// Returns how many things there were.
async fn each<T, W>(
    what: &'static str,
    steps: u32,
    at_a_time: usize,
    things: impl Iterator<Item = (u32, T)>,
    work: impl Fn(T) -> W,
) -> Result<u64>
where
    T: Clone,
    W: Future<Output = echo_domain::Result<()>>,
{
    let progress = &Progress::start(what, steps.into());
    let work = &work;
    stream::iter(things)
        .map(Ok)
        .try_for_each_concurrent(at_a_time, |(step, thing)| async move {
            insist(thing, work).await?;
            progress.done(step.into());
            Ok(())
        })
        .await
        .map_err(|error: Error| anyhow::Error::new(error).context(format!("cannot add {what}")))?;
    Ok(progress.finish())
}

/// Tries again while the database is busy with what another process writes.
async fn insist<T: Clone, W>(thing: T, work: impl Fn(T) -> W) -> echo_domain::Result<()>
where
    W: Future<Output = echo_domain::Result<()>>,
{
    for _ in 1..ATTEMPTS {
        match work(thing.clone()).await {
            Err(Error::Unavailable { retry_after, .. }) => tokio::time::sleep(retry_after).await,
            done => return done,
        }
    }
    work(thing).await
}
