//! The demo world as its seed has it: the same people, follows, posts and reactions each time it is asked.
//!
//! Nothing here is remembered or written; each thing is computed from the seed and its number.

use std::{collections::BTreeSet, time::Duration};

use echo_domain::{
    FollowId, LikeId, PostId, RawId, Timestamp, UserId,
    posts::{Block, Comment, Content, Like, Post},
};

use super::{
    dice::{Dice, Kind},
    words,
};

const YEAR: Duration = Duration::from_secs(365 * 24 * 3600);
/// The number of people doubles every so often, until there are a million of them after a year.
const DOUBLING: Duration = Duration::from_secs(YEAR.as_secs() / 20);
/// Test users are the same for every seed: they joined one after the other from 2025-01-01 on.
const TEST_USERS_FROM: Timestamp = Timestamp::from_millis(1_735_689_600_000);
/// One in so many of the newest posts has a picture.
const PICTURE_EVERY: u32 = 4;

/// What is to be there.
#[derive(Debug, Clone, Copy)]
pub(super) struct World {
    pub(super) seed: u32,
    pub(super) people: u32,
    pub(super) posts: u32,
    /// The last post was written just before.
    pub(super) until: Timestamp,
}

/// Somebody, before there is an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Person {
    pub(super) id: UserId,
    pub(super) name: String,
    pub(super) username: String,
    pub(super) email: String,
    pub(super) joined: Timestamp,
}

/// Somebody follows somebody.
#[derive(Debug, Clone, Copy)]
pub(super) struct Follow {
    pub(super) id: FollowId,
    pub(super) follower: UserId,
    pub(super) followee: UserId,
}

impl World {
    /// At most so many pictures: each is processed and stored as an upload is.
    pub(super) const PICTURES_MAX: u32 = 200;
    const FOLLOWING_MAX: u32 = 50;
    const LIKES_MAX: u32 = 5000;
    const COMMENTS_MAX: u32 = 200;

    /// The person of this number: the same whatever number of people there is.
    pub(super) fn person(&self, n: u32) -> Person {
        let (first, last) = words::name(&mut self.dice(Kind::Person, n));
        // People of another seed may be in the same folder.
        let mark = if self.seed == 1 { String::new() } else { format!("_s{}", self.seed) };
        let username = format!("{}_{}{n}{mark}", first.to_lowercase(), last.to_lowercase());
        Person {
            id: self.user(n),
            name: format!("{first} {last}"),
            email: format!("{username}@demo.example"),
            username,
            joined: self.joined(n),
        }
    }

    fn user(&self, n: u32) -> UserId {
        id(self.seed, Kind::Person, 0, self.joined(n), n).into()
    }

    /// In the year before the year of the posts; each doubling of the people takes as long as the one before.
    fn joined(&self, n: u32) -> Timestamp {
        let octave = (n + 1).ilog2();
        let into = n + 1 - (1 << octave);
        self.until - YEAR - YEAR + DOUBLING * octave + DOUBLING * into / (1 << octave)
    }

    /// Somebody: half of the time anybody, else one of the well-known, by rank.
    fn somebody(&self, dice: &mut Dice) -> u32 {
        if dice.chance(500) { dice.below(self.people) } else { dice.rank(self.people) }
    }

    /// Up to `n` different people.
    fn several(&self, dice: &mut Dice, n: u32) -> BTreeSet<u32> {
        (0..n).map(|_| self.somebody(dice)).collect()
    }

    /// Whom this person follows.
    pub(super) fn follows(&self, follower: u32) -> impl Iterator<Item = Follow> {
        let mut dice = self.dice(Kind::Follow, follower);
        let wanted = 1 + dice.rank(Self::FOLLOWING_MAX);
        let followees = self.several(&mut dice, wanted);
        let world = *self;
        followees.into_iter().filter(move |followee| *followee != follower).map(move |followee| {
            let at = world.sometime(&mut dice, world.until - YEAR);
            let id = id(world.seed, Kind::Follow, follower, at, followee);
            Follow { id: id.into(), follower: world.user(follower), followee: world.user(followee) }
        })
    }

    /// The post of this number, oldest first. Its picture, if it has one, comes on top.
    pub(super) fn post(&self, n: u32) -> Post {
        let mut dice = self.dice(Kind::Post, n);
        let created = self.published(n);
        let author = self.user(self.somebody(&mut dice));
        let texts = if dice.chance(200) { 2 } else { 1 };
        let block = |k| Block {
            id: id(self.seed, Kind::Block, n, created, k).into(),
            content: Content::Text(words::text(&mut dice)),
        };
        let blocks = (0..texts).map(block).collect();
        Post { id: self.post_id(n), author, blocks, created }
    }

    fn post_id(&self, n: u32) -> PostId {
        id(self.seed, Kind::Post, self.posts, self.published(n), n).into()
    }

    /// Posts come evenly over the year, each a little late.
    fn published(&self, n: u32) -> Timestamp {
        let apart = YEAR / self.posts;
        let late = apart * self.dice(Kind::Hour, n).below(1000) / 1000;
        self.until - YEAR + apart * n + late
    }

    /// The posts that have a picture, with the picture's number: some of the newest.
    pub(super) fn pictures(&self) -> impl Iterator<Item = (u32, u32)> + use<> {
        let posts = self.posts;
        (0..Self::PICTURES_MAX).map_while(move |n| Some((posts.checked_sub(n * PICTURE_EVERY + 2)?, n)))
    }

    /// Whether the post has a picture.
    pub(super) fn has_picture(&self, post: u32) -> bool {
        let from_the_end = self.posts - post;
        from_the_end % PICTURE_EVERY == 2 && from_the_end / PICTURE_EVERY < Self::PICTURES_MAX
    }

    /// The id of the block, or of the image, that comes on top of a post.
    pub(super) fn picture_id<T: From<RawId>>(&self, kind: Kind, post: u32) -> T {
        id(self.seed, kind, post, self.published(post), 0xff_ffff).into()
    }

    /// Who likes the post.
    pub(super) fn likes(&self, post: u32) -> Vec<Like> {
        let mut dice = self.dice(Kind::Like, post);
        let wanted = dice.many(354, Self::LIKES_MAX.min(self.people / 2));
        let likers = self.several(&mut dice, wanted);
        let like = |liker| {
            let at = self.soon_after(&mut dice, self.published(post));
            let id: LikeId = id(self.seed, Kind::Like, post, at, liker).into();
            Like { id, post: self.post_id(post), user: self.user(liker) }
        };
        likers.into_iter().map(like).collect()
    }

    /// What people say to the post.
    pub(super) fn comments(&self, post: u32) -> Vec<Comment> {
        let mut dice = self.dice(Kind::Comment, post);
        let n = dice.many(250, Self::COMMENTS_MAX);
        let comment = |k| {
            let created = self.soon_after(&mut dice, self.published(post));
            Comment {
                id: id(self.seed, Kind::Comment, post, created, k).into(),
                post: self.post_id(post),
                author: self.user(self.somebody(&mut dice)),
                content: words::comment(&mut dice).to_owned(),
                created,
            }
        };
        (0..n).map(comment).collect()
    }

    /// Within two days, but not after the end.
    fn soon_after(&self, dice: &mut Dice, start: Timestamp) -> Timestamp {
        let later = start + Duration::from_secs(u64::from(1 + dice.below(48 * 3600)));
        later.min(self.until)
    }

    /// Between `start` and the end.
    fn sometime(&self, dice: &mut Dice, start: Timestamp) -> Timestamp {
        start + self.until.since(start) * dice.below(1000) / 1000
    }

    fn dice(&self, kind: Kind, number: u32) -> Dice {
        Dice::new(self.seed, kind, u64::from(number))
    }
}

/// `testuser1` and so on, as k6 scripts for the first Echo expect them.
pub(super) fn test_user(n: u32) -> Person {
    let joined = TEST_USERS_FROM + Duration::from_secs(n.into());
    Person {
        id: id(0, Kind::TestUser, 0, joined, n).into(),
        name: format!("Test User {n}"),
        username: format!("testuser{n}"),
        email: format!("testuser{n}@example.com"),
        joined,
    }
}

/// The id of thing `n` of a group, which has so many as an id's three last bytes can count.
fn id(seed: u32, kind: Kind, group: u32, at: Timestamp, n: u32) -> RawId {
    let seconds = u32::try_from(at.millis() / 1000).unwrap_or(0).to_be_bytes();
    let [process @ .., _, _, _] = Dice::new(seed, kind, u64::from(group) << 32).next().to_be_bytes();
    let [_, count @ ..] = n.to_be_bytes();
    let mut bytes = [0; 12];
    bytes[..4].copy_from_slice(&seconds);
    bytes[4..9].copy_from_slice(&process);
    bytes[9..].copy_from_slice(&count);
    RawId::from_bytes(bytes)
}

#[cfg(test)]
mod tests {
    use echo_domain::auth::{Email, Username};

    use super::*;

    fn world(people: u32, posts: u32) -> World {
        World { seed: 1, people, posts, until: Timestamp::from_millis(1_793_491_200_000) }
    }

    #[test]
    fn people_are_valid_and_come_in_the_order_of_their_ids() {
        let largest = World { seed: u32::MAX, ..world(1_000_000, 1) };
        let people: Vec<_> = (0..300).chain(999_000..1_000_000).map(|n| largest.person(n)).collect();

        for person in &people {
            assert!(Username::parse(&person.username).is_ok(), "{person:?}");
            assert!(Email::parse(&person.email).is_ok(), "{person:?}");
        }
        assert!(people.is_sorted_by(|a, b| a.id < b.id && a.joined <= b.joined));
        assert!(people[people.len() - 1].joined <= largest.until - YEAR);
    }

    #[test]
    fn somebody_is_the_same_among_more() {
        assert_eq!(world(100, 1).person(42), world(1000, 9).person(42));
    }

    #[test]
    fn posts_come_in_the_order_of_their_ids_and_within_the_year() {
        let world = world(50, 5000);
        let posts: Vec<_> = (0..5000).map(|n| world.post(n)).collect();

        assert!(posts.is_sorted_by(|a, b| a.id < b.id && a.created <= b.created));
        assert!(posts[0].created >= world.until - YEAR && posts[4999].created < world.until);
    }

    #[test]
    fn pictures_are_on_the_newest_posts() {
        let world = world(50, 5000);

        let pictured: BTreeSet<_> = world.pictures().map(|(post, _)| post).collect();

        assert_eq!(pictured.len(), 200);
        assert_eq!(pictured, (0..5000).filter(|post| world.has_picture(*post)).collect());
        assert_eq!(world.pictures().next(), Some((4998, 0)));
    }

    #[test]
    fn some_are_followed_by_many_and_nobody_follows_themselves() {
        let world = world(1000, 1);
        let follows: Vec<_> = (0..1000).flat_map(|n| world.follows(n)).collect();

        let followers = |n: u32| follows.iter().filter(|follow| follow.followee == world.user(n)).count();
        assert!(followers(0) > 200 && followers(700) < 30, "{} and {}", followers(0), followers(700));
        assert!(follows.iter().all(|follow| follow.follower != follow.followee));
    }

    #[test]
    fn reactions_follow_their_post() {
        let world = world(1000, 3000);

        for n in 0..3000 {
            let post = world.post(n);
            let likes = world.likes(n).into_iter().map(|like| (like.post, like.id.0.created()));
            let comments = world.comments(n).into_iter().map(|comment| (comment.post, comment.created));
            for (of, made) in likes.chain(comments) {
                assert!(of == post.id && made >= post.id.0.created() && made <= world.until);
            }
        }
    }
}
