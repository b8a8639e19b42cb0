//! An account, and the rules for what names it.

use std::fmt;

use crate::{Error, Result, Timestamp, UserId};

/// Who may sign in, and with what.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Account {
    pub id: UserId,
    pub username: Username,
    pub email: Email,
    pub password: super::PasswordHash,
    pub role: Role,
    pub state: State,
    pub created: Timestamp,
}

/// An account as its neighbours know it: without what proves whose it is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Identity {
    pub id: UserId,
    pub username: Username,
    pub email: Email,
    pub role: Role,
    pub state: State,
    pub created: Timestamp,
}

impl From<Account> for Identity {
    fn from(account: Account) -> Self {
        let Account { id, username, email, password: _, role, state, created } = account;
        Self { id, username, email, role, state, created }
    }
}

/// What an account may do beyond its own things.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    User,
    /// May remove anyone's posts and comments.
    Moderator,
    /// A moderator; what else it may do comes with the operator's interface.
    Admin,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum State {
    Active,
    /// Cannot sign in; what it made stays.
    Suspended,
}

impl Role {
    pub const ALL: [Self; 3] = [Self::User, Self::Moderator, Self::Admin];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Moderator => "moderator",
            Self::Admin => "admin",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.as_str() == text)
    }

    /// Whether it may remove what others wrote.
    pub const fn moderates(self) -> bool {
        matches!(self, Self::Moderator | Self::Admin)
    }
}

impl State {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Suspended => "suspended",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        [Self::Active, Self::Suspended].into_iter().find(|state| state.as_str() == text)
    }
}

/// 4 to 32 of `[A-Za-z0-9_]`, shown as written, unique without regard to case.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Username(String);

impl Username {
    /// # Errors
    /// [`Error::Invalid`] on `username`.
    pub fn parse(text: &str) -> Result<Self> {
        let text = text.trim();
        let allowed = text.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'_');
        if !allowed || !(4..=32).contains(&text.len()) {
            return Err(Error::invalid("username", "must have 4 to 32 characters out of A-Z, a-z, 0-9 and _"));
        }
        Ok(Self(text.to_owned()))
    }

    /// A username as a store kept it: parsed once, long ago, maybe under older rules.
    pub fn from_store(text: String) -> Self {
        Self(text)
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What must be unique.
    pub fn key(&self) -> String {
        self.0.to_lowercase()
    }
}

/// An e-mail address, trimmed and lower-cased.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Email(String);

impl Email {
    /// Checks the shape `local@host.tld`, within RFC 5321's lengths; whether mail arrives, only mail can tell.
    ///
    /// # Errors
    /// [`Error::Invalid`] on `email`.
    pub fn parse(text: &str) -> Result<Self> {
        let text = text.trim().to_lowercase();
        if Self::well_formed(&text) {
            Ok(Self(text))
        } else {
            Err(Error::invalid("email", "must be an e-mail address such as ana@example.com"))
        }
    }

    fn well_formed(text: &str) -> bool {
        let Some((local, host)) = text.rsplit_once('@') else { return false };
        let label = |label: &str| {
            (1..=63).contains(&label.len())
                && !label.starts_with('-')
                && !label.ends_with('-')
                && label.chars().all(|c| c == '-' || c.is_alphanumeric())
        };
        let local_char = |c: char| !c.is_whitespace() && !c.is_control() && !"@<>()[]\\,;:\"".contains(c);
        text.len() <= 254
            && (1..=64).contains(&local.len())
            && local.chars().all(local_char)
            && !local.starts_with('.')
            && !local.ends_with('.')
            && !local.contains("..")
            && host.contains('.')
            && host.split('.').all(label)
    }

    /// An address as a store kept it.
    pub fn from_store(text: String) -> Self {
        Self(text)
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Addresses stay out of logs, also by accident.
impl fmt::Debug for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Email(***)")
    }
}

/// What someone types to say which account is theirs.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Login {
    Email(Email),
    /// What is unique of it ([`Username::key`]), whatever the rules were when it was chosen.
    Username(String),
}

impl Login {
    /// Reads either; `None` when it can be neither, and so names nobody.
    pub fn parse(text: &str) -> Option<Self> {
        if text.contains('@') {
            Email::parse(text).ok().map(Self::Email)
        } else {
            let key = text.trim().to_lowercase();
            (1..=64).contains(&key.len()).then_some(Self::Username(key))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_trimmed_and_lower_cased() {
        assert_eq!(Email::parse("  Ana.Lima+echo@Example.COM ").unwrap().as_str(), "ana.lima+echo@example.com");
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for text in [
            "",
            "ana",
            "ana@",
            "@example.com",
            "ana@example",
            "a na@example.com",
            "ana@exa mple.com",
            "ana@-a.com",
            "ana@a..com",
            ".a@b.com",
            "a@b@c",
            "a\0@b.com",
        ] {
            assert!(Email::parse(text).is_err(), "{text:?}");
        }
        assert!(Email::parse(&format!("{}@example.com", "a".repeat(65))).is_err());
    }

    #[test]
    fn usernames_have_4_to_32_plain_characters() {
        for text in ["ana_", "Ana9", &"a".repeat(32)] {
            assert!(Username::parse(text).is_ok(), "{text:?}");
        }
        for text in ["", "ana", "ana lima", "ana-lima", "añaa", "ana\0a", &"a".repeat(33)] {
            assert!(Username::parse(text).is_err(), "{text:?}");
        }
    }
}
