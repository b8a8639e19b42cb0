//! Pages of lists: newest first, by key, never by offset.

/// Which part of a list is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PageRequest<Id> {
    /// Only what is older than this; `None` starts at the newest.
    pub before: Option<Id>,
    /// At most so many, 1 to 100.
    pub limit: usize,
}

/// A part of a list, newest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T, Id> {
    pub items: Vec<T>,
    /// Where the next page starts; `None` exactly when there is no more.
    pub next: Option<Id>,
}

impl<Id> PageRequest<Id> {
    pub const MAX: usize = 100;

    /// The newest `limit`.
    pub const fn first(limit: usize) -> Self {
        Self { before: None, limit }
    }

    /// How many to read so that [`Page::cut`] can tell whether there is more.
    pub const fn one_more(&self) -> usize {
        self.limit + 1
    }
}

impl<T, Id> Page<T, Id> {
    /// Makes the page out of up to `limit + 1` items as read; `key` is what the list is ordered by.
    pub fn cut(mut items: Vec<T>, limit: usize, key: impl Fn(&T) -> Id) -> Self {
        let next = if items.len() > limit {
            items.truncate(limit);
            items.last().map(key)
        } else {
            None
        };
        Self { items, next }
    }

    pub fn map<U>(self, f: impl FnMut(T) -> U) -> Page<U, Id> {
        Page { items: self.items.into_iter().map(f).collect(), next: self.next }
    }
}
