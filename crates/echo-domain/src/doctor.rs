//! Whether what is kept is as it should be, and mending what is not.

use async_trait::async_trait;

use crate::{MediaId, Result, Timestamp};

/// The check for records that cannot be read. While it finds one, nobody knows which blobs are named.
pub const UNREADABLE: &str = "unreadable";

/// Looks through all records, also while they are used.
#[async_trait]
pub trait Doctor: Send + Sync {
    /// Every check, on the records of one moment. Takes its time: it reads everything.
    async fn examine(&self, now: Timestamp) -> Result<Examination>;

    /// Mends what can be mended, a bounded batch at a time, whatever else goes on. Returns which checks it mended
    /// something for, and how many.
    async fn mend(&self, now: Timestamp) -> Result<Vec<(&'static str, u64)>>;

    /// The blobs that images' records name.
    async fn named_blobs(&self) -> Result<Vec<NamedBlob>>;
}

/// What a doctor found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Examination {
    pub checks: Vec<Checked>,
    pub lags: Vec<Lag>,
}

impl Examination {
    /// Whether every record can be read.
    #[must_use]
    pub fn is_readable(&self) -> bool {
        !self.checks.iter().any(|check| check.name == UNREADABLE && check.wrong > 0)
    }
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checked {
    /// Names the check: never change it.
    pub name: &'static str,
    /// What would be wrong, in words that follow a number.
    pub what: &'static str,
    /// How many are wrong.
    pub wrong: u64,
    /// A few of them.
    pub examples: Vec<String>,
    pub cure: Cure,
}

impl Checked {
    /// As many examples as are shown.
    pub const EXAMPLES: usize = 5;
}

/// Who can mend it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cure {
    /// [`Doctor::mend`], or the command that asks it.
    Mend,
    /// The server, by itself, as long as it runs: a finding only then.
    Server,
    /// A person.
    Person,
}

/// How far a consumer of events is behind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lag {
    pub consumer: String,
    /// How many events wait for it.
    pub events: u64,
    /// When the first of these happened.
    pub oldest: Option<Timestamp>,
}

/// A blob that an image's record names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedBlob {
    pub image: MediaId,
    pub name: String,
    /// Whether it must be there: something shows the image. Else it may be on its way in or out.
    pub needed: bool,
}
