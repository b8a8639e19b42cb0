//! What the contracts of the stores share. The cases themselves lie beside their traits, `posts/contract.rs` and so on;
//! a backend runs them by `post_store_contract!(fresh)` and its like.

#![expect(clippy::unwrap_used, reason = "these are tests")]

mod figures;
pub mod sample;

pub use figures::Figures;

use std::{fmt::Debug, sync::Arc};

use crate::{
    Error, Event, EventLog, Page, PageRequest, Result,
    auth::{AccountStore, SessionStore},
    idempotency::IdempotencyStore,
    media::MediaStore,
    posts::PostStore,
    users::ProfileStore,
};

/// Empty stores of one database, so that what one leaves for another is seen. A case names those it needs.
#[derive(Clone)]
pub struct Backend {
    pub accounts: Arc<dyn AccountStore>,
    pub sessions: Arc<dyn SessionStore>,
    pub profiles: Arc<dyn ProfileStore>,
    pub posts: Arc<dyn PostStore>,
    pub media: Arc<dyn MediaStore>,
    pub events: Arc<dyn EventLog>,
    pub requests: Arc<dyn IdempotencyStore>,
}

/// Makes a `#[tokio::test]` of each case in `$cases`. `$fresh` is an async fn returning what the cases take, mostly a
/// [`Backend`], and a guard that cleans up.
#[doc(hidden)]
#[macro_export]
macro_rules! contract_tests {
    ($fresh:path, $cases:path; $($case:ident)+) => {
        use $cases as cases;
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
            async fn $case() {
                let (backend, _guard) = $fresh().await;
                cases::$case(backend).await;
            }
        )+
    };
}

/// Makes the calls at the same time, on several threads; what each returned, in order.
pub(crate) async fn at_once<F>(calls: impl IntoIterator<Item = F>) -> Vec<F::Output>
where
    F: Future<Output: Send + 'static> + Send + 'static,
{
    let tasks: Vec<_> = calls.into_iter().map(tokio::spawn).collect();
    let mut results = Vec::with_capacity(tasks.len());
    for task in tasks {
        results.push(task.await.unwrap());
    }
    results
}

/// Every event that was left so far.
pub(crate) async fn left(events: &Arc<dyn EventLog>) -> Vec<Event> {
    events.pending("contract", 1000).await.unwrap().into_iter().map(|recorded| recorded.event).collect()
}

/// The kind and the code of a refusal.
pub(crate) fn refusal<T: Debug>(result: Result<T>) -> (&'static str, String) {
    match result.unwrap_err() {
        Error::Unauthenticated(refusal) => ("unauthenticated", refusal.code.into_owned()),
        Error::Forbidden(refusal) => ("forbidden", refusal.code.into_owned()),
        Error::NotFound(refusal) => ("not found", refusal.code.into_owned()),
        Error::Conflict(refusal) => ("conflict", refusal.code.into_owned()),
        Error::OverQuota(refusal) => ("over quota", refusal.code.into_owned()),
        other => panic!("{other:?}"),
    }
}

/// Asserts that the list is `expected` in pages of whatever size, and that `next` is `None` exactly at the end.
pub(crate) async fn assert_list<T, Id>(expected: &[T], list: impl AsyncFn(PageRequest<Id>) -> Result<Page<T, Id>>)
where
    T: PartialEq + Debug,
    Id: Copy,
{
    for limit in [1, 2, 3, expected.len().clamp(1, PageRequest::<Id>::MAX), PageRequest::<Id>::MAX] {
        assert_pages(expected, limit, &list).await;
    }
}

/// Asserts that the list is `expected` in pages of `limit`, and that `next` is `None` exactly at the end.
pub(crate) async fn assert_pages<T, Id>(
    expected: &[T],
    limit: usize,
    list: &impl AsyncFn(PageRequest<Id>) -> Result<Page<T, Id>>,
) where
    T: PartialEq + Debug,
    Id: Copy,
{
    let mut request = PageRequest::first(limit);
    let mut rest = expected;
    loop {
        let (due, later) = rest.split_at(rest.len().min(limit));
        let page = list(request).await.unwrap();
        assert_eq!(page.items, due, "in pages of {limit}");
        assert_eq!(page.next.is_some(), !later.is_empty(), "in pages of {limit}, {} more", later.len());
        if page.next.is_none() {
            break;
        }
        (request.before, rest) = (page.next, later);
    }
}

/// Everything in the list, page by page, whatever happens to it in between.
pub(crate) async fn walk<T, Id>(
    limit: usize,
    mut list: impl AsyncFnMut(PageRequest<Id>) -> Result<Page<T, Id>>,
) -> Vec<T> {
    let mut request = PageRequest::first(limit);
    let mut walked = Vec::new();
    loop {
        let page = list(request).await.unwrap();
        assert!(page.items.len() <= limit);
        walked.extend(page.items);
        match page.next {
            Some(next) => request = PageRequest { before: Some(next), limit },
            None => return walked,
        }
    }
}

/// Calls until nothing is left to do; how much was done. Each call may do no more than `most`.
pub(crate) async fn drain(most: usize, mut call: impl AsyncFnMut() -> Result<usize>) -> usize {
    let mut done = 0;
    loop {
        let now = call().await.unwrap();
        assert!(now <= most, "{now} at once");
        if now == 0 {
            return done;
        }
        done += now;
    }
}

/// The items, in the order of their ids backwards: as lists have them.
pub(crate) fn newest_first<T>(items: impl IntoIterator<Item = T>) -> Vec<T> {
    let mut items: Vec<_> = items.into_iter().collect();
    items.reverse();
    items
}

/// Chooses at random, yet alike for the same seed (SplitMix64).
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((z ^ (z >> 31)) % bound as u64).unwrap()
    }

    pub(crate) fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }

    pub(crate) fn shuffled<T: Clone>(&mut self, items: &[T]) -> Vec<T> {
        let mut items = items.to_vec();
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last + 1));
        }
        items
    }
}

#[cfg(test)]
mod tests {
    /// A case that no list names would never run.
    #[test]
    fn every_case_is_in_its_list() {
        for source in [
            include_str!("auth/contract.rs"),
            include_str!("auth/lookup_contract.rs"),
            include_str!("users/contract.rs"),
            include_str!("users/directory_contract.rs"),
            include_str!("posts/contract.rs"),
            include_str!("posts/catalog_contract.rs"),
            include_str!("feed/contract.rs"),
            include_str!("feed/home_contract.rs"),
            include_str!("media/contract.rs"),
            include_str!("media/desk_contract.rs"),
            include_str!("event_contract.rs"),
            include_str!("idempotency_contract.rs"),
            include_str!("transfer/contract.rs"),
            include_str!("limits_contract.rs"),
            include_str!("outbox_contract.rs"),
        ] {
            for case in source.lines().filter_map(|line| line.strip_prefix("pub async fn ")) {
                let name = case.split('(').next().unwrap();
                assert!(source.lines().any(|line| line.trim() == name), "{name}");
            }
        }
    }
}
