//! Lists on their way.

use echo_domain::{Page, PageRequest};
use serde::{Deserialize, Serialize};

/// Which part of a list is wanted.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct PageRequestBody<Id> {
    before: Option<Id>,
    limit: usize,
}

/// A part of a list.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct PageBody<T, Id> {
    items: Vec<T>,
    next: Option<Id>,
}

impl<Id> From<PageRequest<Id>> for PageRequestBody<Id> {
    fn from(PageRequest { before, limit }: PageRequest<Id>) -> Self {
        Self { before, limit }
    }
}

impl<Id> From<PageRequestBody<Id>> for PageRequest<Id> {
    fn from(PageRequestBody { before, limit }: PageRequestBody<Id>) -> Self {
        Self { before, limit }
    }
}

impl<T, Id> PageBody<T, Id> {
    pub(crate) fn of<U: Into<T>>(Page { items, next }: Page<U, Id>) -> Self {
        Self { items: items.into_iter().map(Into::into).collect(), next }
    }

    pub(crate) fn into_page<U: From<T>>(self) -> Page<U, Id> {
        Page { items: self.items.into_iter().map(U::from).collect(), next: self.next }
    }
}
