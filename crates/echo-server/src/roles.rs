//! What a process of Echo does: everything, or the work of some areas.

use std::{fmt, str::FromStr};

/// A part of Echo's work that a process can have for itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// Accounts and sessions.
    Auth,
    /// Profiles and follows.
    Users,
    /// Posts, and feeds of them.
    Posts,
    /// Images.
    Media,
    /// What nobody waits for: it pushes posts into home timelines.
    Worker,
}

/// The roles of one process: at least one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Roles([bool; Role::ALL.len()]);

impl Role {
    pub(crate) const ALL: [Self; 5] = [Self::Auth, Self::Users, Self::Posts, Self::Media, Self::Worker];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Auth => "auth",
            Self::Users => "users",
            Self::Posts => "posts",
            Self::Media => "media",
            Self::Worker => "worker",
        }
    }

    /// Whom it asks for what is not its own. Everybody who lets people in has to know which sessions have ended.
    pub(crate) const fn neighbours(self) -> &'static [Self] {
        match self {
            Self::Auth | Self::Worker => &[Self::Users],
            Self::Users => &[Self::Auth, Self::Posts, Self::Media],
            Self::Posts => &[Self::Auth, Self::Users, Self::Media],
            Self::Media => &[Self::Auth, Self::Users, Self::Posts],
        }
    }
}

impl Roles {
    pub(crate) const ALL: Self = Self([true; Role::ALL.len()]);

    pub(crate) const fn has(self, role: Role) -> bool {
        self.0[role as usize]
    }

    pub(crate) fn iter(self) -> impl Iterator<Item = Role> {
        Role::ALL.into_iter().filter(move |role| self.has(*role))
    }

    /// Whether others do the rest.
    pub(crate) fn is_split(self) -> bool {
        self != Self::ALL
    }

    /// Who is asked and is not in this process.
    pub(crate) fn peers(self) -> impl Iterator<Item = Role> {
        Role::ALL
            .into_iter()
            .filter(move |peer| !self.has(*peer) && self.iter().any(|role| role.neighbours().contains(peer)))
    }
}

impl fmt::Display for Roles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.iter().map(Role::name).collect::<Vec<_>>().join(","))
    }
}

impl FromStr for Roles {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut roles = Self([false; Role::ALL.len()]);
        for name in text.split(',').map(str::trim) {
            let role = Role::ALL.into_iter().find(|role| role.name() == name).ok_or_else(|| match name {
                "chat" => "chat is not there yet".to_owned(),
                _ => format!("must be some of {}, comma-separated", Self::ALL),
            })?;
            roles.0[role as usize] = true;
        }
        Ok(roles)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_are_read_in_any_order_and_told_in_one() {
        let roles: Roles = "users, auth,users".parse().unwrap();

        assert_eq!(roles.to_string(), "auth,users");
        assert!(roles.is_split() && roles.has(Role::Users) && !roles.has(Role::Posts));
        assert_eq!(Roles::ALL.to_string().parse(), Ok(Roles::ALL));
    }

    #[test]
    fn what_is_no_role_is_refused() {
        for wrong in ["", "auth,", "everything", "chat"] {
            assert!(wrong.parse::<Roles>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn whoever_is_in_the_same_process_is_no_peer() {
        let peers = |roles: &str| roles.parse::<Roles>().unwrap().peers().map(Role::name).collect::<Vec<_>>();

        assert_eq!(peers("worker"), ["users"]);
        assert_eq!(peers("users,posts,worker"), ["auth", "media"]);
        assert!(Roles::ALL.peers().next().is_none());
    }
}
