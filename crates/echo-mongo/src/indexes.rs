//! How a collection is declared (fields, indexes, shard key), and how the database is brought to be as declared.

use std::time::Duration;

use bson::{Document, doc};
use futures_util::TryStreamExt;
use mongodb::{
    IndexModel,
    error::ErrorKind,
    options::{IndexOptions, ValidationAction, ValidationLevel},
};

use crate::{Mongo, OpenError, collections::ALL, error};

/// A collection as Echo needs it.
#[derive(Debug)]
pub(crate) struct Declared {
    pub name: &'static str,
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

/// Makes what is missing and changes validators that are others. Several processes may do so at once, and again.
pub(crate) async fn ensure(mongo: &Mongo) -> Result<(), OpenError> {
    let failing = |cause| mongo.open_error(&cause);
    let mut kept = mongo.database().list_collections().await.map_err(failing)?;
    let mut validators = std::collections::HashMap::new();
    while let Some(it) = kept.try_next().await.map_err(failing)? {
        validators.insert(it.name, it.options.validator.unwrap_or_default());
    }
    for declared in ALL {
        let unprepared = |cause: mongodb::error::Error| match error::is_unauthorized(&cause) {
            true => mongo.open_error(&cause),
            false => OpenError::Unprepared { collection: declared.name, reason: error::describe(&cause) },
        };
        let validator = declared.validator();
        match validators.get(declared.name) {
            Some(kept) if *kept == validator => {}
            Some(_) => validate(mongo, declared.name, validator).await.map_err(unprepared)?,
            None => create(mongo, declared.name, validator).await.map_err(unprepared)?,
        }
        if !declared.indexes.is_empty() {
            let models = declared.indexes.iter().map(Index::model);
            let collection = mongo.collection::<Document>(declared);
            collection.create_indexes(models).await.map_err(unprepared)?;
        }
    }
    Ok(())
}

async fn create(mongo: &Mongo, name: &str, validator: Document) -> mongodb::error::Result<()> {
    const NAMESPACE_EXISTS: i32 = 48;
    let creating = mongo.database().create_collection(name).validator(validator.clone());
    let created = creating.validation_level(ValidationLevel::Strict).validation_action(ValidationAction::Error).await;
    match created {
        Err(error) if matches!(&*error.kind, ErrorKind::Command(it) if it.code == NAMESPACE_EXISTS) => {
            // Another process was faster; it may be one of another version.
            validate(mongo, name, validator).await
        }
        created => created,
    }
}

async fn validate(mongo: &Mongo, name: &str, validator: Document) -> mongodb::error::Result<()> {
    mongo.database().run_command(doc! { "collMod": name, "validator": validator }).await.map(drop)
}
