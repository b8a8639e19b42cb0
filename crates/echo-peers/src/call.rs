//! What can be asked of a neighbour, as both sides know it.

use std::time::Duration;

use serde::{Serialize, de::DeserializeOwned};

/// A call with its arguments, in JSON.
pub(crate) trait Call: Serialize + DeserializeOwned + Send + Sync + 'static {
    const MANNER: Manner;
    type Answer: Serialize + DeserializeOwned + Send + 'static;
}

/// How a call is made.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Manner {
    /// Where it is, below `/internal`.
    pub(crate) path: &'static str,
    /// How long one try may take.
    pub(crate) patience: Duration,
    /// Whether doing it twice is once: only then is it tried again when it may have been done.
    pub(crate) repeatable: bool,
}

impl Manner {
    /// Of calls that read a page or less, or write as little.
    pub(crate) const fn quick(path: &'static str) -> Self {
        Self { path, patience: Duration::from_secs(2), repeatable: true }
    }

    /// The same, with more time.
    pub(crate) const fn within(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    /// The same, of which a second time is another matter.
    pub(crate) const fn once(self) -> Self {
        Self { repeatable: false, ..self }
    }
}
