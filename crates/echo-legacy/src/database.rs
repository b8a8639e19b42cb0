//! The database of the first Echo, of which nothing is ever changed.

use std::{collections::HashSet, time::Duration};

use bson::{Bson, Document, RawDocumentBuf, doc, oid::ObjectId};
use echo_domain::{Error, Result};
use futures_util::TryStreamExt;
use mongodb::{
    Client, Cursor, Database,
    error::ErrorKind,
    options::{ClientOptions, ReadConcern},
};

/// The first Echo's database.
pub struct Legacy {
    database: Database,
}

/// Why it did not open. Each is one line that says what to change; none holds a password.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error("the address of the first Echo's database is not understood: {0}")]
    Malformed(String),
    #[error("the address must end with the name of the first Echo's database: mongodb://localhost:27017/echo")]
    Nameless,
    #[error("the first Echo's database does not answer: {0}; check the address, and that the server runs")]
    Unreachable(String),
    #[error("the first Echo's database refuses the user: correct the user, password or authSource in the address")]
    Unauthenticated,
    #[error("the database {0} has no users: it is not the first Echo's; check the name at the end of the address")]
    Empty(String),
}

impl Legacy {
    /// Opens the database that the address names.
    ///
    /// # Errors
    /// [`OpenError`], which reads as one line for an operator.
    pub async fn open(address: &str) -> Result<Self, OpenError> {
        let malformed = |error: mongodb::error::Error| match *error.kind {
            ErrorKind::InvalidArgument { message, .. } => OpenError::Malformed(message),
            _ => OpenError::Unreachable("its name is not known".to_owned()),
        };
        let mut options = ClientOptions::parse(address).await.map_err(malformed)?;
        let name = options.default_database.clone().ok_or(OpenError::Nameless)?;
        options.app_name = Some("echod import-legacy".to_owned());
        options.server_selection_timeout = Some(Duration::from_secs(10));
        // What is read must not be undone by an election.
        options.read_concern = Some(ReadConcern::majority());
        let client = Client::with_options(options).map_err(malformed)?;
        let legacy = Self { database: client.database(&name) };
        match legacy.oldest_user().await.map_err(refused)? {
            Some(_) => Ok(legacy),
            None => Err(OpenError::Empty(name)),
        }
    }

    /// A name that no other first Echo has: by its first user, whose id nobody else made.
    ///
    /// # Errors
    /// When it does not answer.
    pub async fn name(&self) -> Result<String> {
        let oldest = self.oldest_user().await.map_err(failed)?;
        Ok(oldest.map_or_else(|| "a first Echo without users".to_owned(), |id| format!("the first Echo of {id}")))
    }

    /// How many documents there are.
    ///
    /// # Errors
    /// When it does not answer.
    pub async fn count(&self, collection: &str) -> Result<u64> {
        self.of(collection).count_documents(doc! {}).await.map_err(failed)
    }

    /// Those in order of their ids, after this one. What has another kind of id, Mongoose has not made.
    pub(crate) async fn documents(&self, collection: &str, after: Option<ObjectId>) -> Result<Cursor<RawDocumentBuf>> {
        let range = match after {
            Some(after) => doc! { "_id": { "$gt": after } },
            // Whatever an id is compared with, only ids are found.
            None => doc! { "_id": { "$gte": ObjectId::from_bytes([0; 12]) } },
        };
        let documents = self.database.collection::<RawDocumentBuf>(collection);
        documents.find(range).sort(doc! { "_id": 1 }).await.map_err(failed)
    }

    /// How many of the documents have an id that is no ObjectId.
    pub(crate) async fn strangers(&self, collection: &str) -> Result<u64> {
        let ids = doc! { "_id": { "$gte": ObjectId::from_bytes([0; 12]) } };
        let known = self.of(collection).count_documents(ids).await.map_err(failed)?;
        Ok(self.count(collection).await?.saturating_sub(known))
    }

    /// Which of the users say that they follow this one.
    pub(crate) async fn those_following(&self, users: &[ObjectId], followee: ObjectId) -> Result<HashSet<ObjectId>> {
        let filter = doc! { "_id": { "$in": users }, "following": followee };
        let found = self.of("users").find(filter).projection(doc! { "_id": 1 }).await.map_err(failed)?;
        found.map_err(failed).try_filter_map(async |user| Ok(user.get_object_id("_id").ok())).try_collect().await
    }

    async fn oldest_user(&self) -> Result<Option<Bson>, mongodb::error::Error> {
        let users = self.of("users");
        let oldest = users.find_one(doc! {}).sort(doc! { "_id": 1 }).projection(doc! { "_id": 1 }).await?;
        Ok(oldest.and_then(|user| user.get("_id").cloned()))
    }

    fn of(&self, collection: &str) -> mongodb::Collection<Document> {
        self.database.collection(collection)
    }
}

fn refused(error: mongodb::error::Error) -> OpenError {
    match *error.kind {
        ErrorKind::Authentication { .. } => OpenError::Unauthenticated,
        // Of the server, that somebody without a password asks for more than hello.
        ErrorKind::Command(command) if command.code == 13 => OpenError::Unauthenticated,
        other => OpenError::Unreachable(other.to_string()),
    }
}

/// It stopped answering while it was read.
pub(crate) fn failed(error: mongodb::error::Error) -> Error {
    let source = Some(error.to_string().into());
    Error::Unavailable { what: "the first Echo's database", retry_after: Duration::from_secs(1), source }
}
