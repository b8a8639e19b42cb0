//! What one viewer's home timeline is read from.

use crate::{Page, PageRequest, PostId, Result, UserId, posts::Catalog, users::Following};

use super::{Policy, Timeline};

/// Where a viewer's posts are found: those that are kept, those that are pulled beside them, and all of them by pull,
/// for what is older than the kept ones or when none are kept.
pub(super) struct Sources<'a> {
    pub(super) viewer: UserId,
    pub(super) following: &'a Following,
    pub(super) policy: Policy,
    pub(super) kept: Option<Timeline>,
}

impl Sources<'_> {
    /// The ids that come next, some perhaps of posts that are gone or of people no longer followed. A page may be short
    /// although there are more: `next` tells.
    pub(super) async fn ids(&self, posts: &dyn Catalog, page: PageRequest<PostId>) -> Result<Page<PostId, PostId>> {
        let Some(kept) = self.kept.as_ref().filter(|kept| kept.reaches_below(page.before)) else {
            return posts.newest_ids_by(&self.everybody(), page).await;
        };
        // As many as show whether there is more.
        let beside = PageRequest { limit: page.one_more(), ..page };
        let pulled = posts.known_ids_by(&self.pulled(), beside).await?;
        Ok(kept.merged(&pulled.items, page))
    }

    /// Whether the viewer follows the author, or is it. A post may be kept whose author was followed for a while since
    /// the timeline was made: all follows are again as they were then, but it was pushed meanwhile.
    pub(super) fn show(&self, author: UserId) -> bool {
        author == self.viewer || self.following.find(author).is_some()
    }

    fn everybody(&self) -> Vec<UserId> {
        let followees = self.following.iter().map(|followee| followee.user);
        followees.chain([self.viewer]).collect()
    }

    /// Those whose posts are pulled at each read. One's own are seen at once, without waiting for an event.
    fn pulled(&self) -> Vec<UserId> {
        let large = self.following.iter().filter(|followee| self.policy.pulls(followee.most_followers));
        large.map(|followee| followee.user).chain([self.viewer]).collect()
    }
}

impl Timeline {
    /// Down to which post it is complete; `None` is to the end.
    fn floor(&self) -> Option<PostId> {
        // With more, but without any post, it is complete down to nothing: no id is greater.
        let nothing = PostId(crate::RawId::from_bytes([0xff; 12]));
        self.more.then(|| self.posts.last().copied().unwrap_or(nothing))
    }

    /// Whether the post would be kept if it was pushed.
    pub(super) fn reaches(&self, post: PostId) -> bool {
        self.floor().is_none_or(|floor| post >= floor)
    }

    fn reaches_below(&self, before: Option<PostId>) -> bool {
        let Some(floor) = self.floor() else { return true };
        before.is_none_or(|before| before > floor)
    }

    /// A page of what is kept and what was `pulled` beside it. Where what is kept ends, the page does, too.
    fn merged(&self, pulled: &[PostId], page: PageRequest<PostId>) -> Page<PostId, PostId> {
        let start = page.before.map_or(0, |before| self.posts.partition_point(|post| *post >= before));
        let kept = self.posts[start..].iter().take(page.one_more());
        let mut ids: Vec<_> = kept.chain(pulled.iter().filter(|post| self.reaches(**post))).copied().collect();
        ids.sort_unstable_by(|one, other| other.cmp(one));
        ids.dedup();
        let page = Page::cut(ids, page.limit, |post| *post);
        Page { next: page.next.or(self.floor()), ..page }
    }
}
