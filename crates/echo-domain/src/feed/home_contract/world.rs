//! Some people who follow and publish, whose events are handed over when the test says so.

use std::sync::Arc;

use crate::{
    Change, Clock, Consumer, Event, EventLog, Hears, IdSource, Page, PageRequest, PostId, Result, Timestamp, UserId,
    auth::{Role, Viewer},
    contract::{Dice, assert_list, assert_pages, at_once, sample, walk},
    feed::{FanOut, FeedKeeper, FeedService, Policy, Reads, Reason, TimelineCopies, TimelineStore},
    posts::{Post, PostCatalog, PostStore},
    users::{Directory, FOLLOWING_MAX, Profile, ProfileDirectory, ProfileStore},
};

use super::Shape;

pub(super) struct World {
    pub(super) people: Vec<UserId>,
    /// Everything published so far, and by whom.
    pub(super) published: Vec<(PostId, UserId)>,
    pub(super) feed: FeedService,
    pub(super) timelines: Arc<dyn TimelineStore>,
    pub(super) keeper: Arc<FeedKeeper>,
    pub(super) posts: Arc<dyn PostStore>,
    profiles: Arc<dyn ProfileStore>,
    pub(super) events: Arc<dyn EventLog>,
    /// News that nobody was told yet.
    waiting: Vec<Event>,
}

pub(super) struct Noon;

impl Clock for Noon {
    fn now(&self) -> Timestamp {
        sample::NOW
    }
}

impl World {
    pub(super) async fn new(shape: &Shape, people: usize, policy: Policy) -> Self {
        let Shape { backend, timelines } = shape.clone();
        let mut opened = Vec::new();
        for _ in 0..people {
            let profile: Profile = sample::profile("somebody", "Somebody");
            backend.profiles.open(&profile).await.unwrap();
            opened.push(profile.id);
        }
        let directory: Arc<dyn Directory> = Arc::new(ProfileDirectory { profiles: backend.profiles.clone() });
        let feed = FeedService {
            posts: Arc::new(PostCatalog { posts: backend.posts.clone(), directory: directory.clone() }),
            directory: directory.clone(),
            timelines: timelines.clone(),
            copies: None,
            policy,
            clock: Arc::new(Noon),
            ids: Arc::new(IdSource::new(*b"hom", 0)),
            reads: Reads::default(),
        };
        Self {
            people: opened,
            published: Vec::new(),
            feed,
            keeper: Arc::new(FeedKeeper {
                timelines: timelines.clone(),
                directory,
                policy,
                figures: FanOut::default(),
            }),
            timelines,
            posts: backend.posts,
            profiles: backend.profiles,
            events: backend.events,
            waiting: Vec::new(),
        }
    }

    /// With copies of timelines in front of these.
    pub(super) fn with_copies(mut self) -> Self {
        self.feed.copies = Some(Arc::new(TimelineCopies::new(1 << 20, Arc::new(Noon))));
        self
    }

    /// Timelines are read, and made, through these; events still go to the others.
    pub(super) fn read_from(&mut self, timelines: Arc<dyn TimelineStore>) {
        self.feed.timelines = timelines;
    }

    pub(super) async fn publish(&mut self, author: UserId) -> PostId {
        self.publish_as(sample::id(), author).await
    }

    /// Under an id that may have been made long before, as for a request that is sent again.
    pub(super) async fn publish_as(&mut self, id: PostId, author: UserId) -> PostId {
        let post = Post { id, ..sample::post(author, "hello") };
        self.posts.add(&post, &sample::published(&post)).await.unwrap();
        if let Some(copies) = &self.feed.copies {
            copies.hear(&Change::PostAdded { post: id, author });
        }
        self.published.push((id, author));
        id
    }

    /// So many posts by these in turn.
    pub(super) async fn publish_many(&mut self, authors: &[UserId], count: usize) {
        let posts: Vec<_> = authors.iter().cycle().take(count).map(|author| sample::post(*author, "hello")).collect();
        self.published.extend(posts.iter().map(|post| (post.id, post.author)));
        at_once(posts.into_iter().map(|post| {
            let store = self.posts.clone();
            async move { store.add(&post, &sample::published(&post)).await.unwrap() }
        }))
        .await;
    }

    pub(super) async fn remove(&self, (post, author): (PostId, UserId)) {
        self.posts.remove(post, &Event::PostDeleted { post, author, media: Vec::new() }).await.unwrap();
    }

    /// Unless it is so already.
    pub(super) async fn follow(&self, follower: UserId, followee: UserId) {
        if follower != followee {
            let _ = self.profiles.follow(sample::id(), follower, followee, FOLLOWING_MAX).await;
        }
    }

    pub(super) async fn unfollow(&self, follower: UserId, followee: UserId) {
        let _ = self.profiles.unfollow(follower, followee).await;
    }

    /// Takes what was left in the log.
    async fn listen(&mut self) {
        loop {
            let left = self.events.pending("feed", 1000).await.unwrap();
            if left.is_empty() {
                return;
            }
            self.events.confirm("feed", &left).await.unwrap();
            self.waiting.extend(left.into_iter().map(|recorded| recorded.event));
        }
    }

    /// Hands over one of the events that wait, whichever, perhaps twice.
    pub(super) async fn hand_over_one(&mut self, dice: &mut Dice) {
        self.listen().await;
        if self.waiting.is_empty() {
            return;
        }
        let event = self.waiting.swap_remove(dice.below(self.waiting.len()));
        for _ in 0..=dice.below(2) {
            self.keeper.handle(&event).await.unwrap();
        }
    }

    /// Hands over all events that wait, in any order.
    pub(super) async fn hand_over_all(&mut self, dice: &mut Dice) {
        self.listen().await;
        while !self.waiting.is_empty() {
            self.hand_over_one(dice).await;
        }
    }

    /// The timeline as all by pull makes it, straight from the stores.
    pub(super) async fn pulled(&self, viewer: UserId) -> Vec<PostId> {
        let following = self.profiles.all_following(viewer).await.unwrap();
        let authors: Vec<_> = following.iter().map(|followee| followee.user).chain([viewer]).collect();
        walk(100, async |page| self.posts.newest_by(&authors, page).await).await
    }

    pub(super) async fn home(&self, viewer: UserId, page: PageRequest<PostId>) -> Result<Page<PostId, PostId>> {
        home(&self.feed, viewer, page).await
    }

    /// All events are handed over: the timeline is the pulled one, page by page, and explains itself.
    pub(super) async fn assert_equal(&self, viewer: UserId) {
        let pulled = self.pulled(viewer).await;
        assert_list(&pulled, |page| self.home(viewer, page)).await;
        for (post, _) in &self.published {
            let reason = self.feed.explain(signed_in(viewer), *post).await.unwrap();
            assert_eq!(reason.shown(), pulled.contains(post), "{reason:?}");
        }
    }

    /// The same for long ones, in pages of so many.
    pub(super) async fn assert_equal_in_pages(&self, viewer: UserId, limits: &[usize]) {
        let pulled = self.pulled(viewer).await;
        for limit in limits {
            assert_pages(&pulled, *limit, &async |page| self.home(viewer, page).await).await;
        }
    }

    /// While events wait: nothing is shown that should not be, and only posts are missing of which nobody was told yet.
    pub(super) async fn assert_nothing_lost(&mut self, viewer: UserId) {
        self.listen().await;
        let pulled = self.pulled(viewer).await;
        let shown = walk(2, async |page| self.home(viewer, page).await).await;

        assert!(shown.is_sorted_by(|one, next| one > next), "not newest first, or twice: {shown:?}");
        assert!(shown.iter().all(|post| pulled.contains(post)), "{shown:?} has others than {pulled:?}");
        for missing in pulled.iter().filter(|post| !shown.contains(post)) {
            let untold = |event: &Event| matches!(event, Event::PostPublished { post, author, .. } if post == missing && *author != viewer);
            assert!(self.waiting.iter().any(untold), "{missing:?} is missing from {shown:?}");
            assert_eq!(self.explained(viewer, *missing).await, Reason::OnItsWay);
        }
    }

    pub(super) async fn explained(&self, viewer: UserId, post: PostId) -> Reason {
        self.feed.explain(signed_in(viewer), post).await.unwrap()
    }
}

pub(super) async fn home(
    feed: &FeedService,
    viewer: UserId,
    page: PageRequest<PostId>,
) -> Result<Page<PostId, PostId>> {
    Ok(feed.home(signed_in(viewer), page).await?.map(|view| view.detail.post.id))
}

fn signed_in(id: UserId) -> Viewer {
    Viewer { id, session: sample::id(), role: Role::User }
}
