//! Finding people by any part of a name, without a scan (ADR 0003).

use std::collections::BTreeSet;

use crate::{Error, Result};

/// What somebody looks for: text, never a pattern. Lower-cased.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Search(String);

impl Search {
    /// # Errors
    /// [`Error::Invalid`] on `query` unless it has 1 to 50 characters.
    pub fn parse(query: &str) -> Result<Self> {
        let needle = query.trim().to_lowercase();
        if !(1..=50).contains(&needle.chars().count()) {
            return Err(Error::invalid("query", "must have 1 to 50 characters"));
        }
        Ok(Self(needle))
    }

    /// The grams that every match has: all of three characters, or the whole of a shorter text.
    pub fn grams(&self) -> BTreeSet<String> {
        let length = self.0.chars().count().min(3);
        windows(&self.0, length).collect()
    }

    /// Whether the text itself is there, which the grams alone do not prove.
    pub fn matches(&self, username: &str, name: &str) -> bool {
        username.to_lowercase().contains(&self.0) || name.to_lowercase().contains(&self.0)
    }
}

/// What to index a person under: each run of one to three characters of either name, lower-cased.
pub fn grams(username: &str, name: &str) -> BTreeSet<String> {
    let mut grams = BTreeSet::new();
    for text in [username.to_lowercase(), name.to_lowercase()] {
        for length in 1..=3 {
            grams.extend(windows(&text, length));
        }
    }
    grams
}

fn windows(text: &str, length: usize) -> impl Iterator<Item = String> {
    let characters: Vec<char> = text.chars().collect();
    (0..(characters.len() + 1).saturating_sub(length))
        .map(move |start| characters[start..start + length].iter().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_of_a_name_is_found_by_its_grams() {
        let indexed = grams("dana_99", "Zoë Ñandú");

        for part in ["d", "an", "dana_99", "99", "zoë", "Ë ñ", "ñandú", "ú"] {
            let search = Search::parse(part).unwrap();
            assert!(search.grams().is_subset(&indexed), "{part}");
            assert!(search.matches("dana_99", "Zoë Ñandú"), "{part}");
        }
    }

    #[test]
    fn grams_alone_do_not_match() {
        let search = Search::parse("abcab").unwrap();

        assert!(search.grams().is_subset(&grams("cabca", "bcab abca")));
        assert!(!search.matches("cabca", "bcab abca"));
    }
}
