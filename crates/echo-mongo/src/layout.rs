//! Which database what lies in, and what it is called.

use mongodb::{Client, Database};

use crate::{OpenError, areas::Area};

/// What the database is called when the address does not say.
const DEFAULT: &str = "echo";

/// MongoDB's limit for the name of a database, in bytes.
const LONGEST: usize = 63;

/// The databases of one Echo. Nobody has to make them: MongoDB does with the first collection.
pub(crate) struct Layout {
    base: Database,
    areas: [Database; Area::ALL.len()],
}

impl Layout {
    pub(crate) fn new(client: &Client, base: &str) -> Self {
        let database = |area| client.database(&name_of(base, Some(area)));
        Self { base: client.database(base), areas: Area::ALL.map(database) }
    }

    /// The one of the area or, for none, the one that all areas share.
    pub(crate) const fn database(&self, area: Option<Area>) -> &Database {
        match area {
            Some(area) => &self.areas[area as usize],
            None => &self.base,
        }
    }
}

/// The same by its name.
pub(crate) fn name_of(base: &str, area: Option<Area>) -> String {
    area.map_or_else(|| base.to_owned(), |area| format!("{base}_{area}"))
}

/// What the shared database is called, with which the names of the others begin.
///
/// # Errors
/// [`OpenError::LongName`] when one of those would be longer than MongoDB allows.
pub(crate) fn base_name(named: Option<String>) -> Result<String, OpenError> {
    let base = named.unwrap_or_else(|| DEFAULT.to_owned());
    let added = Area::ALL.iter().map(|area| name_of("", Some(*area)).len()).max().unwrap_or(0);
    if base.len() + added > LONGEST {
        return Err(OpenError::LongName { length: base.len(), longest: LONGEST - added, name: base });
    }
    Ok(base)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_leaves_room_for_those_of_the_areas() {
        let name = |length| base_name(Some("n".repeat(length)));

        assert_eq!(name_of(&name(57).unwrap(), Some(Area::Posts)).len(), LONGEST);
        let refused = name(58).unwrap_err().to_string();
        assert!(
            refused.contains("MONGODB_URI") && refused.contains("58") && refused.contains("at most 57"),
            "{refused}"
        );
        // Bytes count, not characters.
        assert!(base_name(Some("é".repeat(29))).is_err());
    }
}
