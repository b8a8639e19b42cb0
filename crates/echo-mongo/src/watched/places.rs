//! What a command reads or writes, as it says itself.

use std::collections::BTreeSet;

use bson::{Bson, Document};

/// A collection or, without one, a database as a whole.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    pub(crate) database: String,
    pub(crate) collection: Option<String>,
}

impl Place {
    fn new(database: &str, collection: Option<&str>) -> Self {
        Self { database: database.to_owned(), collection: collection.map(str::to_owned) }
    }

    /// `database.collection`, in one word.
    fn named(namespace: &str) -> Self {
        match namespace.split_once('.') {
            Some((database, collection)) => Self::new(database, Some(collection)),
            None => Self::new(namespace, None),
        }
    }
}

/// Every place that a command names, wherever in it.
pub(crate) fn places(database: &str, command: &Document) -> BTreeSet<Place> {
    let mut places = BTreeSet::new();
    let Some((name, subject)) = command.iter().next() else { return places };
    let ns_info = command.get_array("nsInfo").into_iter().flatten().filter_map(Bson::as_document);
    places.extend(ns_info.filter_map(|it| Some(Place::named(it.get_str("ns").ok()?))));
    match (name.as_str(), subject) {
        ("explain", Bson::Document(explained)) => places.extend(self::places(database, explained)),
        ("shardCollection" | "renameCollection", Bson::String(namespace)) => {
            places.insert(Place::named(namespace));
            places.extend(command.get_str("to").ok().map(Place::named));
        }
        (_, Bson::String(collection)) => drop(places.insert(Place::new(database, Some(collection)))),
        // A later part of what was found: the subject is a number.
        _ => drop(places.insert(Place::new(database, command.get_str("collection").ok()))),
    }
    for stage in command.get_array("pipeline").into_iter().flatten() {
        reached(database, stage, &mut places);
    }
    places
}

/// The places that a stage of an aggregation, or one within it, takes documents from or brings them to.
fn reached(database: &str, stage: &Bson, places: &mut BTreeSet<Place>) {
    match stage {
        Bson::Array(stages) => stages.iter().for_each(|stage| reached(database, stage, places)),
        Bson::Document(stage) => {
            for (name, value) in stage {
                let other = match (name.as_str(), value) {
                    ("$lookup" | "$graphLookup", Bson::Document(lookup)) => lookup.get("from"),
                    ("$merge", Bson::Document(merge)) => merge.get("into"),
                    ("$unionWith" | "$out" | "$merge", other) => Some(other),
                    _ => None,
                };
                places.extend(other.and_then(|other| place(database, other)));
                reached(database, value, places);
            }
        }
        _ => {}
    }
}

/// A collection by its name alone, or with its database.
fn place(database: &str, other: &Bson) -> Option<Place> {
    match other {
        Bson::String(collection) => Some(Place::new(database, Some(collection))),
        Bson::Document(other) => {
            Some(Place::new(other.get_str("db").unwrap_or(database), Some(other.get_str("coll").ok()?)))
        }
        _ => None,
    }
}

mod tests {
    use bson::doc;

    use super::*;

    #[test]
    fn every_place_that_a_command_names_is_seen() {
        let joined = doc! {
            "aggregate": "posts", "pipeline": [
                { "$lookup": { "from": "likes", "pipeline": [{ "$unionWith": { "coll": "old", "pipeline": [] } }] } },
                { "$facet": { "a": [{ "$graphLookup": { "from": { "db": "d", "coll": "follows" } } }] } },
                { "$unionWith": "new" },
                { "$merge": { "into": { "db": "e", "coll": "kept" } } },
            ],
        };
        let cases = [
            (doc! { "find": "posts", "filter": { "a": 1 } }, vec!["b.posts"]),
            (doc! { "getMore": 7_i64, "collection": "posts" }, vec!["b.posts"]),
            (doc! { "listCollections": 1 }, vec!["b"]),
            (doc! { "explain": { "count": "posts" }, "verbosity": "queryPlanner" }, vec!["b.posts"]),
            (doc! { "bulkWrite": 1, "nsInfo": [{ "ns": "c.x" }, { "ns": "d.y.z" }] }, vec!["b", "c.x", "d.y.z"]),
            (doc! { "renameCollection": "c.x", "to": "d.x" }, vec!["c.x", "d.x"]),
            (joined, vec!["b.likes", "b.new", "b.old", "b.posts", "d.follows", "e.kept"]),
        ];
        for (command, expected) in cases {
            let expected: BTreeSet<_> = expected.into_iter().map(Place::named).collect();

            assert_eq!(places("b", &command), expected, "{command}");
        }
    }
}
