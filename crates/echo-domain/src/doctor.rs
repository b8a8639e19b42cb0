//! Whether what is kept is as it should be, and mending what is not.

use std::fmt::Display;

use async_trait::async_trait;

use crate::{Result, Timestamp};

/// The check of the database itself. While it finds something, no other check says anything true.
pub const DATABASE: &str = "database";

/// The check for records that cannot be read. While it finds one, nobody knows which images are shown, and which blobs
/// are named.
pub const UNREADABLE: &str = "unreadable";

/// Looks through all records, also while they are used.
#[async_trait]
pub trait Doctor: Send + Sync {
    /// Every check; one that fails is a finding. Takes its time: it reads everything. What is held against one another is
    /// of one moment, so that nothing is wrong only because it was just being changed.
    ///
    /// Nothing but [`DATABASE`] when that finds something, and nothing about images when [`UNREADABLE`] does.
    async fn examine(&self, now: Timestamp) -> Result<Examination>;

    /// Mends what can be mended of what [`Doctor::examine`] would look at, a bounded batch at a time, whatever else goes
    /// on. What cannot be mended keeps nothing else from it. Returns what became of the checks that found something.
    async fn mend(&self, now: Timestamp) -> Result<Vec<Mended>>;

    /// The blobs that records name.
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
        !self.checks.iter().any(|check| [DATABASE, UNREADABLE].contains(&check.name) && check.wrong > 0)
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

    /// One that could not be made. What it would have found, nobody knows: that is a finding, too.
    #[must_use]
    pub fn failed(name: &'static str, why: impl Display) -> Self {
        let examples = vec![format!("could not be looked at: {why}")];
        Self { name, what: "check that failed", wrong: 1, examples, cure: Cure::Person }
    }
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
    /// A backup: what is kept cannot be trusted.
    Restore,
}

/// What became of mending what a check finds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Mended {
    pub check: &'static str,
    /// How many are mended.
    pub done: u64,
    /// How many could not be.
    pub failed: u64,
    /// More about it: why the first one failed, or where things went.
    pub told: Vec<String>,
}

impl Mended {
    #[must_use]
    pub fn nothing(check: &'static str) -> Self {
        Self { check, ..Self::default() }
    }

    /// Notes one that could not be mended.
    pub fn fail(&mut self, why: impl Display) {
        self.failed += 1;
        if self.failed == 1 {
            self.told.push(why.to_string());
        }
    }

    /// Whether the check found nothing to mend.
    #[must_use]
    pub const fn is_nothing(&self) -> bool {
        self.done == 0 && self.failed == 0
    }
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

/// A blob that a record names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedBlob {
    pub name: String,
    /// Whether it must be there: something shows an image of it. Else it may be on its way in or out.
    pub needed: bool,
}
