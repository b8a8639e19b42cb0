//! A profile, and the rules for what people write into it.

use crate::{Result, Timestamp, UserId, media::Picture, text};

/// What an account shows of itself.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Profile {
    pub id: UserId,
    /// A copy of the account's; the account says what is unique.
    pub username: String,
    pub name: String,
    pub bio: String,
    pub picture: Option<Picture>,
    pub followers: u64,
    /// The most that it ever had at once: never less than `followers`, and never falls.
    pub most_followers: u64,
    pub following: u64,
    pub created: Timestamp,
    pub updated: Timestamp,
}

impl Profile {
    /// About how many bytes it takes.
    pub(super) fn weight(&self) -> usize {
        160 + self.username.len() + self.name.len() + self.bio.len()
    }
}

/// What to change in a profile; `None` stays as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProfileChange {
    pub name: Option<Name>,
    pub bio: Option<Bio>,
    pub username: Option<String>,
    pub picture: Option<Picture>,
}

/// A name as people write it: 1 to 50 characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Name(String);

impl Name {
    /// # Errors
    /// [`crate::Error::Invalid`] on `name`.
    pub fn parse(text: &str) -> Result<Self> {
        text::parse("name", text, 1, 50).map(Self)
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub fn into_string(self) -> String {
        self.0
    }
}

/// Up to 300 characters about oneself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bio(String);

impl Bio {
    /// # Errors
    /// [`crate::Error::Invalid`] on `bio`.
    pub fn parse(text: &str) -> Result<Self> {
        text::parse("bio", text, 0, 300).map(Self)
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}
