//! The posts area, with the feeds of them.

use std::sync::Arc;

use anyhow::Result;
use echo_domain::{
    Broadcast, Hears, HereToo,
    feed::{FanOut, FeedKeeper, FeedService, Policy, Reads, TimelineCopies},
    posts::{self, CachedPosts, PostCatalog, PostKeeper, PostService},
};
use echo_http::{FeedApi, PostsApi};

use super::{Base, CACHE, Front, neighbours::Neighbours};

/// What the area keeps and remembers.
pub(super) struct Posts {
    posts: Arc<CachedPosts>,
    copies: Option<Arc<TimelineCopies>>,
}

/// Opens it, and tells its neighbours.
///
/// # Errors
/// Naming the setting that does not say where a neighbour is.
pub(super) fn area(base: &mut Base, neighbours: &mut Neighbours) -> Result<Posts> {
    let copies = base.shared.timeline_copies(&base.clock);
    let others = base.shared.others.clone();
    let told: Arc<dyn Broadcast> = match copies.clone() {
        Some(copies) => Arc::new(HereToo { here: copies, others }),
        None => others,
    };
    let kept = base.shared.posts(base.records.posts()?);
    let posts = Arc::new(CachedPosts::new(kept, CACHE / 2, &base.clock, told));
    base.hears.push(posts.clone());
    base.hears.extend(copies.iter().map(|it| it.clone() as Arc<dyn Hears>));
    neighbours.catalog = Some(Arc::new(PostCatalog { posts: posts.clone(), directory: neighbours.directory()? }));
    Ok(Posts { posts, copies })
}

impl Posts {
    pub(super) fn api(&self, base: &Base, front: &Front, neighbours: &Neighbours) -> Result<Arc<PostsApi>> {
        let posts = PostService::new(posts::Parts {
            posts: self.posts.clone(),
            catalog: neighbours.catalog()?,
            directory: neighbours.directory()?,
            media: neighbours.media()?,
            clock: base.clock.clone(),
            ids: base.ids.clone(),
        });
        Ok(Arc::new(PostsApi {
            posts: Arc::new(posts),
            cursors: front.cursors.clone(),
            links: front.links.clone(),
            ready: front.ready.clone(),
            ids: front.ids.clone(),
        }))
    }

    pub(super) fn feed(&self, base: &Base, front: &Front, neighbours: &Neighbours) -> Result<Arc<FeedApi>> {
        let feed = FeedService {
            posts: neighbours.catalog()?,
            directory: neighbours.directory()?,
            timelines: base.shared.timelines.clone(),
            copies: self.copies.clone(),
            policy: Policy::ECHO,
            clock: base.clock.clone(),
            ids: base.ids.clone(),
            reads: Reads::default(),
        };
        Ok(Arc::new(FeedApi { feed: Arc::new(feed), cursors: front.cursors.clone(), ready: front.ready.clone() }))
    }

    pub(super) fn keeper(&self) -> Arc<PostKeeper> {
        Arc::new(PostKeeper { posts: self.posts.clone() })
    }
}

/// Pushes posts into home timelines: the worker's.
///
/// # Errors
/// Naming the setting that does not say where a neighbour is.
pub(super) fn feed_keeper(base: &Base, neighbours: &Neighbours) -> Result<Arc<FeedKeeper>> {
    Ok(Arc::new(FeedKeeper {
        timelines: base.shared.timelines.clone(),
        directory: neighbours.kept_directory()?,
        policy: Policy::ECHO,
        figures: FanOut::default(),
    }))
}
