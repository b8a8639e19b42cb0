//! The newest posts of single authors, of whom timelines pull.

use std::{sync::Arc, time::Duration};

use futures_util::future::{BoxFuture, try_join_all};

use crate::{Cache, Clock, Page, PageRequest, PostId, Result, UserId};

use super::PostStore;

type Head = Arc<Page<PostId, PostId>>;

/// Remembers the newest few posts of an author, for as many authors as are asked for.
pub(super) struct Heads(Cache<UserId, Head>);

impl Heads {
    /// So many posts of each: a page of a timeline has seldom as many by one author.
    const POSTS: usize = 32;
    /// Of more authors at once, the store finds the newest with less work than each by each.
    const AUTHORS: usize = 16;

    /// Remembers up to about `bytes`, for `lifetime` in case a change is not heard of.
    pub(super) fn new(bytes: u64, lifetime: Duration, clock: Arc<dyn Clock>) -> Self {
        Self(Cache::new("newest_by_author", bytes, lifetime, clock, |head| head.items.len() * size_of::<PostId>()))
    }

    /// As [`PostStore::newest_by`].
    ///
    /// # Errors
    /// Of the store.
    pub(super) async fn newest_by(
        &self,
        posts: &dyn PostStore,
        authors: &[UserId],
        page: PageRequest<PostId>,
    ) -> Result<Page<PostId, PostId>> {
        if authors.len() <= Self::AUTHORS {
            let load = |unknown: Vec<UserId>| -> BoxFuture<'_, _> {
                Box::pin(async move {
                    let heads = unknown.iter().map(|author| head(posts, *author));
                    Ok(unknown.iter().copied().zip(try_join_all(heads).await?).collect())
                })
            };
            let heads: Vec<_> = self.0.get(authors, load).await?.into_iter().flatten().collect();
            if let Some(known) = merged(&heads, page) {
                return Ok(known);
            }
        }
        posts.newest_by(authors, page).await
    }

    pub(super) fn forget(&self, author: UserId) {
        self.0.forget(&author);
    }

    pub(super) fn forget_all(&self) {
        self.0.forget_all();
    }
}

async fn head(posts: &dyn PostStore, author: UserId) -> Result<Head> {
    Ok(Arc::new(posts.newest_by(&[author], PageRequest::first(Heads::POSTS)).await?))
}

/// `None` when the page reaches beyond what is known of one of them.
fn merged(heads: &[Head], page: PageRequest<PostId>) -> Option<Page<PostId, PostId>> {
    // All posts are known down to here.
    let floor = heads.iter().filter_map(|head| head.next).max();
    let is_wanted = |post: &PostId| page.before.is_none_or(|before| *post < before);
    let is_known = |post: &PostId| floor.is_none_or(|floor| *post >= floor);
    let posts = heads.iter().flat_map(|head| head.items.iter().copied());
    let mut posts: Vec<_> = posts.filter(|post| is_wanted(post) && is_known(post)).collect();
    posts.sort_unstable_by(|one, other| other.cmp(one));
    posts.dedup();
    (floor.is_none() || posts.len() > page.limit).then(|| Page::cut(posts, page.limit, |post| *post))
}
