//! The ids of the newest posts: what everyone's first pages are made of.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use crate::{Clock, Page, PageRequest, PostId, Timestamp};

/// The newest posts' ids, newest first. Posts come and go in place, so that a busy day does not mean reading them again and
/// again.
pub(super) struct Newest {
    state: Mutex<State>,
    lifetime: Duration,
    clock: Arc<dyn Clock>,
}

#[derive(Default)]
struct State {
    /// `None` until they were read.
    known: Option<Ids>,
    /// Counts changes, so that what was read before one is not taken for what is true after it.
    changes: u64,
}

struct Ids {
    /// Newest first, without gaps down to the last one.
    ids: VecDeque<PostId>,
    /// Whether there are older ones than the last.
    more: bool,
    until: Timestamp,
}

/// What is known of a page.
pub(super) enum Head {
    Known(Page<PostId, PostId>),
    /// Nothing: read the head, then [`Newest::fill`] it in.
    Unknown {
        started: u64,
    },
    /// It lies further back.
    Beyond,
}

impl Newest {
    /// How many to read; as many as one page may ever have, and one more.
    pub(super) const READ: usize = 500;
    const MAX: usize = 1000;

    pub(super) fn new(lifetime: Duration, clock: Arc<dyn Clock>) -> Self {
        Self { state: Mutex::default(), lifetime, clock }
    }

    pub(super) fn page(&self, page: PageRequest<PostId>) -> Head {
        let now = self.clock.now();
        let state = self.lock();
        let Some(known) = state.known.as_ref().filter(|known| known.until > now) else {
            return Head::Unknown { started: state.changes };
        };
        let start = page.before.map_or(0, |before| known.ids.partition_point(|id| *id >= before));
        let items: Vec<_> = known.ids.range(start..).take(page.one_more()).copied().collect();
        if items.len() <= page.limit && known.more {
            return Head::Beyond;
        }
        Head::Known(Page::cut(items, page.limit, |id| *id))
    }

    /// Takes what was read since [`Head::Unknown`], unless something changed meanwhile.
    pub(super) fn fill(&self, started: u64, read: &Page<PostId, PostId>) {
        let until = self.clock.now() + self.lifetime;
        let mut state = self.lock();
        if state.changes == started {
            let ids = read.items.iter().copied().collect();
            state.known = Some(Ids { ids, more: read.next.is_some(), until });
        }
    }

    pub(super) fn add(&self, post: PostId) {
        let mut state = self.lock();
        state.changes += 1;
        let Some(Ids { ids, more, .. }) = &mut state.known else { return };
        let place = ids.partition_point(|id| *id > post);
        if ids.get(place) == Some(&post) || (place == ids.len() && *more) {
            return;
        }
        ids.insert(place, post);
        if ids.len() > Self::MAX {
            ids.truncate(Self::READ);
            *more = true;
        }
    }

    pub(super) fn remove(&self, post: PostId) {
        let mut state = self.lock();
        state.changes += 1;
        let Some(Ids { ids, .. }) = &mut state.known else { return };
        let place = ids.partition_point(|id| *id > post);
        if ids.get(place) == Some(&post) {
            ids.remove(place);
        }
    }

    /// Anything may have changed.
    pub(super) fn forget(&self) {
        let mut state = self.lock();
        state.changes += 1;
        state.known = None;
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
