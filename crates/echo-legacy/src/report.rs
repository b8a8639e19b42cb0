//! What became of everything that the first Echo kept.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// What was read, kept, mended and left out, of each kind.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    pub users: Tally,
    pub follows: Tally,
    pub posts: Tally,
    pub images: Tally,
    pub likes: Tally,
    pub comments: Tally,
    pub chats: Tally,
    pub messages: Tally,
}

/// What became of one kind. What was mended is among what was kept.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Tally {
    pub read: u64,
    pub kept: u64,
    /// By what was wrong.
    pub mended: BTreeMap<String, Noted>,
    /// By why.
    pub left_out: BTreeMap<String, Noted>,
}

/// How many, and the first of them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Noted {
    pub count: u64,
    pub examples: Vec<String>,
}

impl Report {
    /// Each kind with its name.
    pub fn tallies(&self) -> [(&'static str, &Tally); 8] {
        [
            ("users", &self.users),
            ("follows", &self.follows),
            ("posts", &self.posts),
            ("images", &self.images),
            ("likes", &self.likes),
            ("comments", &self.comments),
            ("chats", &self.chats),
            ("messages", &self.messages),
        ]
    }
}

impl Tally {
    pub(crate) fn mend(&mut self, what: &str, example: impl ToString) {
        note(&mut self.mended, what, 1, Some(example.to_string()));
    }

    pub(crate) fn leave_out(&mut self, why: &str, example: impl ToString) {
        note(&mut self.left_out, why, 1, Some(example.to_string()));
    }

    pub(crate) fn mend_some(&mut self, what: &str, count: u64) {
        note(&mut self.mended, what, count, None);
    }

    pub(crate) fn leave_some_out(&mut self, why: &str, count: u64) {
        note(&mut self.left_out, why, count, None);
    }
}

impl Noted {
    const EXAMPLES: usize = 5;
}

fn note(among: &mut BTreeMap<String, Noted>, what: &str, count: u64, example: Option<String>) {
    if count == 0 {
        return;
    }
    let noted = among.entry(what.to_owned()).or_default();
    noted.count += count;
    if noted.examples.len() < Noted::EXAMPLES {
        noted.examples.extend(example);
    }
}
