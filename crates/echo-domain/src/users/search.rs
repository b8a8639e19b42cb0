//! Finding people by any part of a name, without a scan (ADR 0003).

use std::collections::BTreeSet;

use crate::{Error, Result};

/// How many characters a query has at most, and so how many of a part are worth keeping.
const LONGEST: usize = 50;

/// What somebody looks for: text, never a pattern. Lower-cased.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Search(String);

impl Search {
    /// # Errors
    /// [`Error::Invalid`] on `query` unless it has 1 to 50 characters.
    pub fn parse(query: &str) -> Result<Self> {
        let needle = lower(query.trim());
        if !(1..=LONGEST).contains(&needle.chars().count()) {
            return Err(Error::invalid("query", "must have 1 to 50 characters"));
        }
        Ok(Self(needle))
    }

    /// The least and the greatest part that begins with the text. By the order of code points, which is that of the
    /// bytes of UTF-8, nothing else lies between the two.
    pub fn range(&self) -> (String, String) {
        let rest = LONGEST - self.0.chars().count();
        (self.0.clone(), self.0.chars().chain(std::iter::repeat_n(char::MAX, rest)).collect())
    }

    /// Whether either name has the text in it: exactly when one of their [`parts`] begins with it.
    pub fn matches(&self, username: &str, name: &str) -> bool {
        self.is_in(username) || self.is_in(name)
    }

    fn is_in(&self, text: &str) -> bool {
        if !text.is_ascii() {
            return lower(text).contains(&self.0);
        }
        // The same, without the copy: a search may look at thousands of people.
        let needle = self.0.as_bytes();
        let begins = |part: &[u8]| part[0].eq_ignore_ascii_case(&needle[0]) && part.eq_ignore_ascii_case(needle);
        text.as_bytes().windows(needle.len()).any(begins)
    }
}

/// What to keep a person under: each name from each of its characters on, lower-cased, as far as a query reaches.
pub fn parts(username: &str, name: &str) -> BTreeSet<String> {
    let mut parts = BTreeSet::new();
    for text in [lower(username), lower(name)] {
        parts.extend(text.char_indices().map(|(start, _)| text[start..].chars().take(LONGEST).collect::<String>()));
    }
    parts
}

/// Each character by itself, so that a part is lower-cased as it is in the whole: at the end of a word, too, a sigma is
/// one.
fn lower(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    text.chars().flat_map(char::to_lowercase).map(|c| if c == 'ς' { 'σ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One, two, three and four bytes, the ends of what UTF-8 can say and of the gap in it, and what changes with case.
    const LETTERS: [char; 16] = [
        'a',
        'B',
        '_',
        '%',
        '\u{7f}',
        '\u{80}',
        'é',
        'İ',
        'Σ',
        'ς',
        '이',
        '\u{d7ff}',
        '\u{e000}',
        '🦀',
        '\u{10fffe}',
        char::MAX,
    ];

    /// Names as if by chance, yet always the same ones.
    fn names() -> impl Iterator<Item = (String, String)> {
        let mut state = 1_u64;
        let mut below = move |bound: usize| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            usize::try_from(state >> 33).unwrap() % bound
        };
        let mut text = move |longest: usize| -> String {
            // Of few letters or of many: with few, much of a text is in it more than once.
            let letters = 1 + below(LETTERS.len());
            (0..=below(longest)).map(|_| LETTERS[below(letters)]).collect()
        };
        std::iter::repeat_with(move || (text(12), text(24))).take(80)
    }

    fn found(search: &Search, parts: &BTreeSet<String>) -> bool {
        let (first, last) = search.range();
        parts.range(first..=last).next().is_some()
    }

    /// A search for each part of the text that one can search for.
    fn queries(text: &str) -> Vec<Search> {
        let letters: Vec<char> = text.chars().collect();
        let starts = 0..letters.len();
        let parts = starts.flat_map(|start| (start + 1..=letters.len()).map(move |end| start..end));
        parts.filter_map(|part| Search::parse(&letters[part].iter().collect::<String>()).ok()).collect()
    }

    #[test]
    fn every_part_of_a_name_is_found_by_its_range() {
        for (username, name) in names() {
            let parts = parts(&username, &name);
            for search in [queries(&username), queries(&name)].concat() {
                assert!(found(&search, &parts), "{search:?} in {username:?}, {name:?}");
                assert!(search.matches(&username, &name), "{search:?} in {username:?}, {name:?}");
            }
        }
    }

    #[test]
    fn a_range_holds_exactly_those_who_match() {
        let people: Vec<_> = names().collect();
        let (mut hits, mut misses) = (0, 0);
        for (text, _) in &people {
            for search in queries(text) {
                for (username, name) in &people {
                    let matches = search.matches(username, name);
                    assert_eq!(found(&search, &parts(username, name)), matches, "{search:?} in {username:?}, {name:?}");
                    if matches { hits += 1 } else { misses += 1 }
                }
            }
        }
        assert!(hits > 1000 && misses > 1000, "{hits} and {misses}");
    }

    #[test]
    fn a_part_is_kept_once_and_as_far_as_a_query_reaches() {
        let long = "x".repeat(48) + "YZ0";

        assert_eq!(parts("Ana", "nana"), ["a", "ana", "na", "nana"].map(str::to_owned).into());
        assert_eq!(parts(&long, "").len(), 51);
        assert!(parts(&long, "").iter().all(|part| part.len() <= 50));
        assert!(found(&Search::parse(&long[1..]).unwrap(), &parts(&long, "")));
        assert!(found(&Search::parse(&long[..50]).unwrap(), &parts(&long, "")));
        // The greatest of all that begin with it.
        assert!(found(&Search::parse("a").unwrap(), &parts(&format!("a{}", char::MAX.to_string().repeat(60)), "")));
    }

    #[test]
    fn case_does_not_matter_wherever_a_part_begins_and_ends() {
        let name = "ΟΔΟΣΑΣ İpek Straße";
        for part in ["οσ", "ΟΣ", "ος", "σασ", "σας", "Σ", "ς", "İ", "i", "pek", "STRASS", "strasse", "ß", "ẞ"]
        {
            let search = Search::parse(part).unwrap();
            // A sharp s is no double s, whatever its capital.
            let expected = !part.to_lowercase().contains("ss");
            assert_eq!(search.matches("", name), expected, "{part}");
            assert_eq!(found(&search, &parts("", name)), expected, "{part}");
        }
    }

    #[test]
    fn a_query_has_one_to_fifty_characters() {
        for (query, good) in [("", false), (" \t", false), (" é ", true)] {
            assert_eq!(Search::parse(query).is_ok(), good, "{query:?}");
        }
        assert!(Search::parse(&"🦀".repeat(50)).is_ok());
        assert!(Search::parse(&"🦀".repeat(51)).is_err());
    }
}
