//! What the room for images goes to.

use std::time::Duration;

use crate::{
    Result, Timestamp, UserId,
    transfer::{Kind, Record, Source},
};

use super::{Holder, Media, MediaStore};

/// How many records are looked at at a time.
const PAGE: usize = 500;

/// How many images there are, and what they count for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Heap {
    pub images: u64,
    /// As often as there are images of the same blobs.
    pub bytes: u64,
}

/// What the room for images goes to, at about one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Usage {
    pub by_shown: Vec<(Shown, Heap)>,
    pub by_age: Vec<(Age, Heap)>,
    /// Whose images count for most, in bytes.
    pub heaviest: Vec<(UserId, u64)>,
    /// Images that another service delivers: they take no room here.
    pub elsewhere: u64,
    /// How many sets of blobs there are.
    pub sets: u64,
    /// The length of all blobs together.
    pub bytes: u64,
    /// How much longer they would be if each image had blobs of its own.
    pub saved: u64,
    /// How many sets nobody has measured yet: they count for nothing.
    pub unmeasured: u64,
}

/// What an image is there for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shown {
    InPost,
    AsPicture,
    /// By nothing yet.
    Nowhere,
}

/// How long ago an image came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Age {
    Day,
    Week,
    Month,
    Year,
    Older,
}

impl Shown {
    pub const ALL: [Self; 3] = [Self::InPost, Self::AsPicture, Self::Nowhere];

    const fn of(media: &Media) -> Self {
        match media.holder {
            Some(Holder::Post(_)) => Self::InPost,
            Some(Holder::Profile(_)) => Self::AsPicture,
            None => Self::Nowhere,
        }
    }
}

impl Age {
    pub const ALL: [Self; 5] = [Self::Day, Self::Week, Self::Month, Self::Year, Self::Older];

    const DAY: Duration = Duration::from_secs(24 * 3600);

    fn of(media: &Media, now: Timestamp) -> Self {
        let age = now.since(media.image.id.0.created());
        let is_within = |days: u32| age <= Self::DAY * days;
        match () {
            () if is_within(1) => Self::Day,
            () if is_within(7) => Self::Week,
            () if is_within(30) => Self::Month,
            () if is_within(365) => Self::Year,
            () => Self::Older,
        }
    }
}

impl Usage {
    fn new(heaviest: Vec<(UserId, u64)>) -> Self {
        Self {
            by_shown: Shown::ALL.map(|shown| (shown, Heap::default())).to_vec(),
            by_age: Age::ALL.map(|age| (age, Heap::default())).to_vec(),
            heaviest,
            elsewhere: 0,
            sets: 0,
            bytes: 0,
            saved: 0,
            unmeasured: 0,
        }
    }

    fn note(&mut self, record: &Record, now: Timestamp) {
        match record {
            Record::Image(media) if media.blobs.is_none() => self.elsewhere += 1,
            Record::Image(media) => {
                put_on(&mut self.by_shown, &Shown::of(media), media.bytes);
                put_on(&mut self.by_age, &Age::of(media, now), media.bytes);
            }
            Record::Blobs { blobs, images } => {
                self.sets += 1;
                match blobs.bytes {
                    Some(bytes) => {
                        self.bytes += bytes;
                        self.saved += bytes * images.saturating_sub(1);
                    }
                    None => self.unmeasured += 1,
                }
            }
            _ => {}
        }
    }
}

fn put_on<K: PartialEq>(heaps: &mut [(K, Heap)], at: &K, bytes: u64) {
    if let Some((_, heap)) = heaps.iter_mut().find(|(key, _)| key == at) {
        heap.images += 1;
        heap.bytes += bytes;
    }
}

/// Looks at all images and blobs once, a page at a time, whatever else goes on; names so many of the heaviest accounts.
///
/// # Errors
/// Of either.
pub async fn usage(source: &dyn Source, media: &dyn MediaStore, now: Timestamp, heaviest: usize) -> Result<Usage> {
    let mut usage = Usage::new(media.heaviest(heaviest).await?);
    for kind in [Kind::Images, Kind::Blobs] {
        let mut after = None;
        loop {
            let page = source.page(kind, after.as_ref(), PAGE).await?;
            page.iter().for_each(|record| usage.note(record, now));
            let Some(last) = page.last() else { break };
            after = Some(last.key());
        }
    }
    Ok(usage)
}
