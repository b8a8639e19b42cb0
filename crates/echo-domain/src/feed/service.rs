//! The home timeline: what was pushed into it and what is pulled at read, as one list.

use std::sync::Arc;

use tracing::instrument;

use crate::{
    Clock, IdSource, Page, PageRequest, PostId, Result, UserId,
    auth::Viewer,
    posts::{Catalog, PostView},
    users::{Directory, Following},
};

use super::{Policy, Reads, Reason, Timeline, TimelineCopies, TimelineStore, sources::Sources};

/// What people do with their home timelines.
pub struct FeedService {
    pub posts: Arc<dyn Catalog>,
    pub directory: Arc<dyn Directory>,
    pub timelines: Arc<dyn TimelineStore>,
    /// In front of timelines that lie elsewhere.
    pub copies: Option<Arc<TimelineCopies>>,
    pub policy: Policy,
    pub clock: Arc<dyn Clock>,
    pub ids: Arc<IdSource>,
    pub reads: Reads,
}

impl FeedService {
    /// So many posts a timeline is begun with: most who read one read no further.
    pub const GATHERED: usize = 200;
    /// So often a page is gone on with when posts in it are gone, each time by [`PageRequest::MAX`] of them.
    const ROUNDS: usize = 10;

    /// Posts by the viewer and whom they follow, newest first. May end early, with `next` set, when it passed hundreds of
    /// posts that are gone.
    ///
    /// One index seek per followed account whose posts are pulled; one for each, of which there are at most
    /// [`crate::users::FOLLOWING_MAX`], where the timeline is made or what is kept of it ends.
    #[instrument(level = "debug", name = "feed.home", skip_all)]
    pub async fn home(&self, viewer: Viewer, page: PageRequest<PostId>) -> Result<Page<PostView, PostId>> {
        let following = self.directory.following(viewer.id).await?;
        let sources = self.sources(viewer.id, &following).await;
        let mut shown = Vec::with_capacity(page.one_more());
        let mut request = PageRequest { limit: page.one_more(), ..page };
        for _ in 0..Self::ROUNDS {
            let ids = sources.ids(&*self.posts, request).await?;
            let views = self.posts.views(&ids.items, Some(viewer.id)).await?;
            shown.extend(views.into_iter().filter(|view| sources.show(view.detail.post.author)));
            if shown.len() > page.limit || ids.next.is_none() {
                return Ok(Page::cut(shown, page.limit, |view| view.detail.post.id));
            }
            request = PageRequest { before: ids.next, limit: PageRequest::<()>::MAX };
        }
        Ok(Page { items: shown, next: request.before })
    }

    /// Why the post is in the viewer's home timeline or is not.
    #[instrument(level = "debug", name = "feed.explain", skip_all)]
    pub async fn explain(&self, viewer: Viewer, post: PostId) -> Result<Reason> {
        let Some(view) = self.posts.views(&[post], Some(viewer.id)).await?.pop() else { return Ok(Reason::PostGone) };
        if view.detail.post.author == viewer.id {
            return Ok(Reason::Own);
        }
        let following = self.directory.following(viewer.id).await?;
        let Some(author) = following.find(view.detail.post.author) else { return Ok(Reason::NotFollowed) };
        if self.policy.pulls(author.most_followers) {
            return Ok(Reason::FollowedPulled);
        }
        Ok(match self.sources(viewer.id, &following).await.kept {
            Some(kept) if kept.posts.contains(&post) => Reason::FollowedPushed,
            Some(kept) if kept.reaches(post) => Reason::OnItsWay,
            _ => Reason::FollowedPulled,
        })
    }

    /// Without what is kept when it cannot be had: all by pull is the same, only dearer.
    async fn sources<'a>(&self, viewer: UserId, following: &'a Following) -> Sources<'a> {
        let kept = self.kept(viewer, following).await.inspect_err(|error| {
            self.reads.pulled.increment(1);
            tracing::warn!(error = error as &dyn std::error::Error, "home timeline is pulled: none can be kept");
        });
        Sources { viewer, following, policy: self.policy, kept: kept.ok() }
    }

    /// The timeline as it is kept, or made anew when there is none of these follows.
    async fn kept(&self, viewer: UserId, following: &Following) -> Result<Timeline> {
        let version = self.policy.version(following);
        let copies = self.copies.as_deref();
        if let Some(copy) = copies.and_then(|copies| copies.get(viewer, version, following)) {
            self.reads.kept.increment(1);
            return Ok(copy);
        }
        let begun = copies.map(TimelineCopies::begin);
        match self.timelines.read(viewer).await? {
            Some(timeline) if timeline.version == version => {
                self.reads.kept.increment(1);
                let (Some(copies), Some(begun)) = (copies, begun) else { return Ok(timeline) };
                copies.keep(viewer, &timeline, begun);
                // With what was heard of and not pushed yet, as the next read has it.
                Ok(copies.get(viewer, version, following).unwrap_or(timeline))
            }
            _ => self.make(viewer, version, following).await,
        }
    }

    /// Begins before it gathers, and so misses nothing: the event of a post comes after the post. If it came before we
    /// began, or before they followed the author, the post is there to be gathered; else it is pushed.
    async fn make(&self, viewer: UserId, version: u64, following: &Following) -> Result<Timeline> {
        let small = following.iter().filter(|followee| !self.policy.pulls(followee.most_followers));
        let small: Vec<_> = small.map(|followee| followee.user).collect();
        let making = self.ids.next(self.clock.now());
        self.timelines.begin(viewer, making, version).await?;
        let gathered = self.posts.newest_ids_by(&small, PageRequest::first(Self::GATHERED)).await?;
        let timeline = Timeline { version, posts: gathered.items, more: gathered.next.is_some() };
        // Refused when it was lost, or another read of theirs makes it, too: the next one finds it or makes it.
        self.timelines.fill(viewer, making, &timeline.posts, timeline.more).await?;
        self.reads.rebuilt.increment(1);
        Ok(timeline)
    }
}
