//! Compares two stores, record by record.

use std::{cmp::Ordering, hash::Hash, vec};

use xxhash_rust::xxh3::Xxh3;

use crate::{Result, Timestamp};

use super::{Key, Kind, Record, Source};

const PAGE: usize = 200;

/// What comparing one kind of records has found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Compared {
    pub kind: Kind,
    pub source: Side,
    pub target: Side,
    /// How many are not the same on both sides.
    pub differing: u64,
    /// The first of them.
    pub examples: Vec<Key>,
}

/// One store's records of a kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Side {
    pub count: u64,
    /// Of all their contents, in the order of their keys. The same on every machine of one kind.
    pub hash: u128,
}

impl Compared {
    const EXAMPLES: usize = 5;

    pub const fn is_equal(&self) -> bool {
        self.differing == 0 && self.source.count == self.target.count && self.source.hash == self.target.hash
    }

    fn note(&mut self, key: Key) {
        self.differing += 1;
        if self.examples.len() < Self::EXAMPLES {
            self.examples.push(key);
        }
    }
}

/// Compares all records of the kind that last until `until`; what is over by then, a store may forget at any moment.
/// `looked` hears how many records of the source came with each page.
///
/// # Errors
/// Of either store.
pub async fn compare(
    kind: Kind,
    source: &dyn Source,
    target: &dyn Source,
    until: Timestamp,
    looked: impl Fn(u64),
) -> Result<Compared> {
    let nothing = Side { count: 0, hash: 0 };
    let mut compared = Compared { kind, source: nothing, target: nothing, differing: 0, examples: Vec::new() };
    let (mut ours, mut theirs) = (Walk::new(source, kind, until), Walk::new(target, kind, until));
    let (mut our, mut their) = (ours.next(&looked).await?, theirs.next(|_| ()).await?);
    loop {
        let order = match (&our, &their) {
            (None, None) => break,
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some(our), Some(their)) => our.key().cmp(&their.key()),
        };
        if order.is_eq() && our != their || order.is_ne() {
            let first = if order.is_gt() { &their } else { &our };
            first.iter().for_each(|record| compared.note(record.key()));
        }
        if order.is_le() {
            our = ours.next(&looked).await?;
        }
        if order.is_ge() {
            their = theirs.next(|_| ()).await?;
        }
    }
    (compared.source, compared.target) = (ours.side(), theirs.side());
    Ok(compared)
}

/// Goes through the records of a kind, one by one, and sums them up.
struct Walk<'a> {
    source: &'a dyn Source,
    kind: Kind,
    until: Timestamp,
    page: vec::IntoIter<Record>,
    after: Option<Key>,
    count: u64,
    hash: Xxh3,
}

impl<'a> Walk<'a> {
    fn new(source: &'a dyn Source, kind: Kind, until: Timestamp) -> Self {
        Self { source, kind, until, page: Vec::new().into_iter(), after: None, count: 0, hash: Xxh3::new() }
    }

    async fn next(&mut self, looked: impl Fn(u64)) -> Result<Option<Record>> {
        loop {
            let until = self.until;
            if let Some(record) = self.page.find(|record| record.lasts_until(until)) {
                self.count += 1;
                record.hash(&mut self.hash);
                return Ok(Some(record));
            }
            let page = self.source.page(self.kind, self.after.as_ref(), PAGE).await?;
            let Some(last) = page.last() else { return Ok(None) };
            self.after = Some(last.key());
            looked(page.len() as u64);
            self.page = page.into_iter();
        }
    }

    fn side(&self) -> Side {
        Side { count: self.count, hash: self.hash.digest128() }
    }
}
