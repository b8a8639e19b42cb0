//! What spreads the collections over the shards of a cluster, as they are declared.

use std::fmt;

use bson::{Document, doc};

use crate::{
    Mongo, OpenError,
    collections::ALL,
    error,
    indexes::{Declared, Sharding},
    layout::name_of,
};

/// A collection that lies on all shards, and by what it is spread. Displayed, it is what `mongosh` takes.
#[derive(Debug)]
pub struct Spread {
    database: String,
    collection: &'static str,
    key: Document,
    is_hashed: bool,
}

/// All collections of all areas that can be spread, where `base` is the database that the areas share. The others must
/// lie on one shard.
pub fn spreads(base: &str) -> Vec<Spread> {
    let spread = |declared: &&Declared| {
        let is_hashed = matches!(declared.sharding, Sharding::Hashed(_));
        let key = key(declared.sharding)?;
        Some(Spread { database: name_of(base, declared.area), collection: declared.name, key, is_hashed })
    };
    ALL.iter().filter_map(spread).collect()
}

impl Mongo {
    /// The collections that [`Self::spread`] can spread.
    ///
    /// # Errors
    /// [`OpenError::NotSharded`] when the server is no router of a sharded cluster.
    pub async fn spreads(&self) -> Result<Vec<Spread>, OpenError> {
        match self.is_router().await? {
            true => Ok(spreads(self.database_of(None).name())),
            false => Err(OpenError::NotSharded { hosts: self.hosts.clone() }),
        }
    }

    /// Spreads a collection over the shards, unless it is. Where documents are, that takes its time.
    ///
    /// # Errors
    /// [`OpenError::Unprepared`] when MongoDB does not do it.
    pub async fn spread(&self, spread: &Spread) -> Result<(), OpenError> {
        let unprepared =
            |cause| OpenError::Unprepared { collection: spread.collection, reason: error::describe(&cause) };
        if spread.is_hashed {
            self.client().database(&spread.database).run_command(spread.index()).await.map_err(unprepared)?;
        }
        self.client().database("admin").run_command(spread.command()).await.map_err(unprepared)?;
        Ok(())
    }
}

impl Spread {
    /// The collection and its shard key, for people.
    pub fn told(&self) -> String {
        format!("{}.{} by {}", self.database, self.collection, self.key)
    }

    /// For the database `admin`.
    fn command(&self) -> Document {
        doc! { "shardCollection": format!("{}.{}", self.database, self.collection), "key": &self.key }
    }

    /// The index that MongoDB makes by itself only where no document is.
    fn index(&self) -> Document {
        let name: Vec<_> = self.key.keys().map(|field| format!("{field}_hashed")).collect();
        doc! { "createIndexes": self.collection, "indexes": [{ "key": &self.key, "name": name.join("_") }] }
    }
}

impl fmt::Display for Spread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { database, collection, key, is_hashed } = self;
        if *is_hashed {
            writeln!(f, "db.getSiblingDB(\"{database}\").{collection}.createIndex({key})")?;
        }
        write!(f, "sh.shardCollection(\"{database}.{collection}\", {key})")
    }
}

fn key(sharding: Sharding) -> Option<Document> {
    match sharding {
        Sharding::Unsharded => None,
        Sharding::Hashed(field) => Some(doc! { field: "hashed" }),
        Sharding::Ranged(fields) => Some(fields.iter().map(|field| ((*field).to_owned(), 1.into())).collect()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Documents with the same shard key are on one shard, by its hash, too.
    #[test]
    fn a_shard_sees_all_that_a_unique_index_compares() {
        for declared in ALL {
            let Some(key) = key(declared.sharding) else { continue };
            for index in declared.indexes.iter().filter(|index| index.unique) {
                let fields = index.keys.iter().map(|(field, _)| *field).take(key.len());
                assert!(fields.eq(key.keys()), "{}.{} by {key}", declared.name, index.name);
            }
        }
    }

    #[test]
    fn what_is_spread_has_a_command() {
        let commands: Vec<_> = spreads("echo").iter().map(Spread::command).collect();

        assert!(commands.contains(&doc! { "shardCollection": "echo_auth.sessions", "key": { "_id": "hashed" } }));
        assert!(
            commands
                .contains(&doc! { "shardCollection": "echo_users.follows", "key": { "follower": 1, "followee": 1 } })
        );
        assert!(!commands.iter().any(|it| it.get_str("shardCollection").unwrap().ends_with(".accounts")));
    }
}
