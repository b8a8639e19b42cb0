//! What spreads the collections over the shards of a cluster, as they are declared.

use bson::{Document, doc};

use crate::{
    collections::ALL,
    indexes::{Declared, Sharding},
};

/// The commands that spread the collections of `database`, for the database `admin`. Those that must lie on one shard
/// have none.
pub fn shard_commands(database: &str) -> Vec<Document> {
    let command = |declared: &&Declared| {
        let collection = format!("{database}.{}", declared.name);
        Some(doc! { "shardCollection": collection, "key": key(declared.sharding)? })
    };
    ALL.iter().filter_map(command).collect()
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
        let commands = shard_commands("echo");

        assert!(commands.contains(&doc! { "shardCollection": "echo.sessions", "key": { "_id": "hashed" } }));
        assert!(
            commands.contains(&doc! { "shardCollection": "echo.follows", "key": { "follower": 1, "followee": 1 } })
        );
        assert!(!commands.iter().any(|it| it.get_str("shardCollection").unwrap() == "echo.accounts"));
    }
}
