//! Home timelines near at hand, where they are kept for several processes.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use quick_cache::{DefaultHashBuilder, Weighter, unsync};

use crate::{CacheFigures, Change, Clock, Evictions, Hears, PostId, Timestamp, UserId, users::Following};

use super::Timeline;

/// Timelines as this process read them, with the posts that it has heard of since.
///
/// Every process hears of a post before it is acknowledged, and so a copy has it even before it is pushed. What was not
/// heard is missing for [`TimelineCopies::LIFETIME`] at most.
pub struct TimelineCopies {
    // One lock: what takes longest under it is to look at each post that was heard, once for each copy.
    state: Mutex<State>,
    clock: Arc<dyn Clock>,
    figures: CacheFigures,
}

struct State {
    copies: Copies,
    /// The latest posts, as they were heard of.
    heard: VecDeque<(PostId, UserId)>,
    /// How many were heard of in all.
    count: u64,
    /// How often all copies were given up.
    clearings: u64,
}

type Copies = unsync::Cache<UserId, Copy, Weigh, DefaultHashBuilder, Evictions>;

struct Copy {
    timeline: Timeline,
    /// How many of those heard of are in it or do not belong there.
    has_heard: u64,
    until: Timestamp,
}

#[derive(Clone)]
struct Weigh;

impl Weighter<UserId, Copy> for Weigh {
    fn weight(&self, _: &UserId, copy: &Copy) -> u64 {
        // The key, the rest of the value, and the cache's own record of it.
        const EACH: usize = 160;
        (EACH + copy.timeline.posts.capacity() * size_of::<PostId>()) as u64
    }
}

/// When a timeline was begun to be read.
#[derive(Debug, Clone, Copy)]
pub struct Begun {
    clearings: u64,
}

impl TimelineCopies {
    pub const LIFETIME: Duration = Duration::from_secs(30);
    /// So many posts are remembered. A copy that is behind by more is given up.
    const HEARD: usize = 1024;

    /// Room for about `bytes` of copies.
    pub fn new(bytes: u64, clock: Arc<dyn Clock>) -> Self {
        const TYPICAL: u64 = 4096;
        let items = usize::try_from(bytes / TYPICAL).unwrap_or(usize::MAX);
        let figures = CacheFigures::of("timeline_copies");
        let copies = Copies::with(items, bytes, Weigh, DefaultHashBuilder::default(), figures.evictions());
        let state = State { copies, heard: VecDeque::new(), count: 0, clearings: 0 };
        Self { state: Mutex::new(state), clock, figures }
    }

    /// To be called before a timeline is read that will be [kept](Self::keep).
    pub fn begin(&self) -> Begun {
        Begun { clearings: self.lock().clearings }
    }

    /// Keeps what was read, unless copies were given up meanwhile.
    pub fn keep(&self, owner: UserId, timeline: &Timeline, begun: Begun) {
        let until = self.clock.now() + Self::LIFETIME;
        let mut state = self.lock();
        if state.clearings == begun.clearings {
            // Those heard of before may not have been pushed yet.
            let has_heard = state.oldest();
            state.copies.insert(owner, Copy { timeline: timeline.clone(), has_heard, until });
            self.figures.holds(state.copies.weight(), state.copies.len());
        }
    }

    /// The owner's timeline, made from these follows in this version.
    pub fn get(&self, owner: UserId, version: u64, following: &Following) -> Option<Timeline> {
        let found = self.look_up(owner, version, following);
        self.figures.asked(1, usize::from(found.is_some()));
        found
    }

    fn look_up(&self, owner: UserId, version: u64, following: &Following) -> Option<Timeline> {
        let now = self.clock.now();
        let mut state = self.lock();
        let State { copies, heard, count, .. } = &mut *state;
        let mut copy = copies.get_mut(&owner).filter(|it| it.until > now && it.timeline.version == version)?;
        let behind = usize::try_from(*count - copy.has_heard).ok().filter(|behind| *behind <= heard.len())?;
        for (post, author) in heard.range(heard.len() - behind..) {
            if following.find(*author).is_some() {
                copy.timeline.add(*post);
            }
        }
        copy.has_heard = *count;
        Some(copy.timeline.clone())
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// How many were heard of before the oldest that is remembered.
    fn oldest(&self) -> u64 {
        self.count - self.heard.len() as u64
    }

    fn add(&mut self, post: PostId, author: UserId) {
        if self.heard.len() == TimelineCopies::HEARD {
            self.heard.pop_front();
        }
        self.heard.push_back((post, author));
        self.count += 1;
    }

    fn clear(&mut self) {
        self.copies.clear();
        self.clearings += 1;
    }
}

impl Hears for TimelineCopies {
    fn hear(&self, change: &Change) {
        match change {
            Change::PostAdded { post, author } => self.lock().add(*post, *author),
            Change::PostsUncertain { .. } | Change::Anything => {
                self.lock().clear();
                self.figures.holds(0, 0);
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        contract::{
            Figures,
            sample::{self, NOW},
        },
        users::Followee,
    };

    struct Noon;

    impl Clock for Noon {
        fn now(&self) -> Timestamp {
            NOW
        }
    }

    /// Copies with one timeline of whoever follows `author`, read before anything was heard.
    fn copies(author: UserId) -> (TimelineCopies, impl Fn(&TimelineCopies) -> Option<Vec<PostId>>) {
        let (copies, owner) = (TimelineCopies::new(1 << 20, Arc::new(Noon)), sample::id());
        let following = Following::of([(sample::id(), Followee { user: author, most_followers: 1 })]);
        let version = following.version;
        let timeline = Timeline { version, posts: Vec::new(), more: false };
        copies.keep(owner, &timeline, copies.begin());
        (copies, move |copies| Some(copies.get(owner, version, &following)?.posts))
    }

    fn published(author: UserId) -> Change {
        Change::PostAdded { post: sample::id(), author }
    }

    #[test]
    fn a_copy_has_what_was_heard_of_whom_its_owner_follows() {
        let [author, other] = sample::ids();
        let (copies, posts) = copies(author);
        let post = sample::id();

        copies.hear(&Change::PostAdded { post, author });
        copies.hear(&published(other));

        assert_eq!(posts(&copies), Some(vec![post]));
        assert_eq!(posts(&copies), Some(vec![post]));
    }

    #[test]
    fn a_copy_that_missed_something_is_given_up() {
        let author = sample::id();
        for missed in [Change::Anything, Change::PostsUncertain { author }] {
            let (copies, posts) = copies(author);
            copies.hear(&missed);
            assert_eq!(posts(&copies), None);
        }
        let (copies, posts) = copies(author);
        for _ in 0..=TimelineCopies::HEARD {
            copies.hear(&published(sample::id()));
        }
        assert_eq!(posts(&copies), None);
    }

    #[test]
    fn copies_that_are_used_are_counted() {
        let figures = Figures::default();
        let _counting = figures.count_here();
        let (copies, posts) = copies(sample::id());

        assert!(posts(&copies).is_some());
        assert!(copies.get(sample::id(), 1, &Following::default()).is_none());

        assert_eq!(figures.get("echo_cache_hits_total{cache=timeline_copies}"), 1.0);
        assert_eq!(figures.get("echo_cache_misses_total{cache=timeline_copies}"), 1.0);
        assert_eq!(figures.get("echo_cache_entries{cache=timeline_copies}"), 1.0);
        copies.hear(&Change::Anything);
        assert_eq!(figures.get("echo_cache_entries{cache=timeline_copies}"), 0.0);
    }

    #[test]
    fn what_was_read_while_copies_were_given_up_is_not_kept() {
        let (copies, owner) = (TimelineCopies::new(1 << 20, Arc::new(Noon)), sample::id());
        let begun = copies.begin();
        copies.hear(&Change::Anything);

        copies.keep(owner, &Timeline { version: 1, posts: Vec::new(), more: false }, begun);

        assert!(copies.get(owner, 1, &Following::default()).is_none());
    }
}
