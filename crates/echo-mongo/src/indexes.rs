//! How a collection is declared (fields, indexes, shard key), and how the databases are brought to be as declared.

use std::{collections::HashMap, time::Duration};

use bson::{Document, doc};
use futures_util::TryStreamExt;
use mongodb::{
    Database, IndexModel,
    error::ErrorKind,
    options::{IndexOptions, ValidationAction, ValidationLevel},
};

use crate::{
    Mongo, OpenError,
    areas::Area,
    collections::{ACCOUNTS, ALL},
    error,
};

/// A collection as Echo needs it.
#[derive(Debug)]
pub(crate) struct Declared {
    pub name: &'static str,
    /// Whose database it lies in; none for what all areas share.
    pub area: Option<Area>,
    /// The fields that every document has, with their BSON types (`$jsonSchema`, `bsonType`).
    pub required: &'static [(&'static str, &'static str)],
    /// The fields that some documents have.
    pub optional: &'static [(&'static str, &'static str)],
    /// Those beside the one on `_id`.
    pub indexes: &'static [Index],
    pub sharding: Sharding,
}

/// Where the documents of a collection lie in a sharded cluster. A unique index has the shard key as its prefix: only
/// the documents of one shard are seen when it refuses one.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Sharding {
    /// All on one shard: it has a unique index over all of them, or is small.
    Unsharded,
    /// Spread by the hash of this field.
    Hashed(&'static str),
    /// Spread by ranges of these fields.
    Ranged(&'static [&'static str]),
}

/// An index; a unique one is known by its name to whoever is refused.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Index {
    pub name: &'static str,
    pub keys: &'static [(&'static str, i32)],
    pub unique: bool,
    having: Option<&'static str>,
    expires: Option<Duration>,
}

impl Index {
    pub(crate) const fn on(name: &'static str, keys: &'static [(&'static str, i32)]) -> Self {
        Self { name, keys, unique: false, having: None, expires: None }
    }

    pub(crate) const fn unique(self) -> Self {
        Self { unique: true, ..self }
    }

    /// Holds only documents that have the field.
    pub(crate) const fn having(self, field: &'static str) -> Self {
        Self { having: Some(field), ..self }
    }

    /// MongoDB deletes documents this long after the time that is their key.
    pub(crate) const fn expiring(self, after: Duration) -> Self {
        Self { expires: Some(after), ..self }
    }

    #[cfg(test)]
    pub(crate) const fn is_partial(&self) -> bool {
        self.having.is_some()
    }

    fn model(&self) -> IndexModel {
        let keys: Document = self.keys.iter().map(|(field, order)| ((*field).to_owned(), (*order).into())).collect();
        let options = IndexOptions::builder()
            .name(self.name.to_owned())
            .unique(self.unique.then_some(true))
            .partial_filter_expression(self.having.map(|field| doc! { field: { "$exists": true } }))
            .expire_after(self.expires)
            .build();
        IndexModel::builder().keys(keys).options(options).build()
    }
}

impl Declared {
    /// What MongoDB checks of every document that is written.
    fn validator(&self) -> Document {
        let types = self.required.iter().chain(self.optional);
        let properties: Document =
            types.map(|(field, bson)| ((*field).to_owned(), doc! { "bsonType": *bson }.into())).collect();
        let required: Vec<_> = self.required.iter().map(|(field, _)| *field).collect();
        doc! { "$jsonSchema": { "bsonType": "object", "required": required, "properties": properties } }
    }
}

/// Makes what is missing of what this process opens, and changes validators that are others. Several processes may do so
/// at once, and again.
pub(crate) async fn ensure(mongo: &Mongo) -> Result<(), OpenError> {
    for area in mongo.options.areas.and_shared() {
        let kept = validators(mongo.database_of(area)).await.map_err(|cause| mongo.open_error(&cause))?;
        if area.is_none() && kept.contains_key(ACCOUNTS.name) {
            return Err(OpenError::OneDatabase { name: mongo.database_of(None).name().to_owned() });
        }
        for declared in ALL.iter().filter(|declared| declared.area == area) {
            let unprepared = |cause: mongodb::error::Error| match error::is_unauthorized(&cause) {
                true => mongo.open_error(&cause),
                false => OpenError::Unprepared { collection: declared.name, reason: error::describe(&cause) },
            };
            ensure_one(mongo, declared, kept.get(declared.name)).await.map_err(unprepared)?;
        }
    }
    Ok(())
}

/// What the collections of a database have, by their names.
async fn validators(database: &Database) -> mongodb::error::Result<HashMap<String, Document>> {
    let kept = database.list_collections().await?;
    kept.map_ok(|it| (it.name, it.options.validator.unwrap_or_default())).try_collect().await
}

/// `kept` is the validator that it has, if it is there.
async fn ensure_one(mongo: &Mongo, declared: &Declared, kept: Option<&Document>) -> mongodb::error::Result<()> {
    let (database, validator) = (mongo.database_of(declared.area), declared.validator());
    match kept {
        Some(kept) if *kept == validator => {}
        Some(_) => validate(database, declared.name, validator).await?,
        None => create(database, declared.name, validator).await?,
    }
    if !declared.indexes.is_empty() {
        let models = declared.indexes.iter().map(Index::model);
        mongo.collection::<Document>(declared).create_indexes(models).await?;
    }
    Ok(())
}

async fn create(database: &Database, name: &str, validator: Document) -> mongodb::error::Result<()> {
    const NAMESPACE_EXISTS: i32 = 48;
    let creating = database.create_collection(name).validator(validator.clone());
    let created = creating.validation_level(ValidationLevel::Strict).validation_action(ValidationAction::Error).await;
    match created {
        Err(error) if matches!(&*error.kind, ErrorKind::Command(it) if it.code == NAMESPACE_EXISTS) => {
            // Another process was faster; it may be one of another version.
            validate(database, name, validator).await
        }
        created => created,
    }
}

async fn validate(database: &Database, name: &str, validator: Document) -> mongodb::error::Result<()> {
    database.run_command(doc! { "collMod": name, "validator": validator }).await.map(drop)
}
