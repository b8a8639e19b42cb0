//! The areas that keep records here, each in a database of its own.

use std::{fmt, sync::Arc};

use crate::Mongo;

/// A part of Echo, and what it keeps. No other part reads or writes that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Area {
    Auth,
    Users,
    Posts,
    Media,
}

/// Some of the areas.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Areas([bool; Area::ALL.len()]);

/// A store was asked for whose area this process has not opened.
#[derive(Debug, thiserror::Error)]
#[error("the area {0} was not opened")]
pub struct NotOpened(pub Area);

impl Area {
    pub const ALL: [Self; 4] = [Self::Auth, Self::Users, Self::Posts, Self::Media];

    /// What the name of its database ends with.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Auth => "auth",
            Self::Users => "users",
            Self::Posts => "posts",
            Self::Media => "media",
        }
    }
}

impl fmt::Display for Area {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Areas {
    pub const ALL: Self = Self([true; Area::ALL.len()]);

    pub const fn contains(self, area: Area) -> bool {
        self.0[area as usize]
    }

    /// These, after what all areas share, which is nobody's.
    pub(crate) fn and_shared(self) -> impl Iterator<Item = Option<Area>> {
        let these = Area::ALL.into_iter().filter(move |area| self.contains(*area));
        std::iter::once(None).chain(these.map(Some))
    }
}

impl FromIterator<Area> for Areas {
    fn from_iter<I: IntoIterator<Item = Area>>(areas: I) -> Self {
        let mut some = Self::default();
        for area in areas {
            some.0[area as usize] = true;
        }
        some
    }
}

impl Mongo {
    /// Hands itself on to whoever needs these areas.
    pub(crate) fn with(self: Arc<Self>, areas: impl IntoIterator<Item = Area>) -> Result<Arc<Self>, NotOpened> {
        match areas.into_iter().find(|area| !self.options.areas.contains(*area)) {
            Some(area) => Err(NotOpened(area)),
            None => Ok(self),
        }
    }
}
