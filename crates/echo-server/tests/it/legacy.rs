//! Databases as the first Echo left them, on the MongoDB that `ECHO_TEST_MONGODB` names.

use std::sync::OnceLock;

use mongodb::{
    Client, Database,
    bson::{Bson, DateTime, Document, doc, oid::ObjectId},
};

use crate::app::{PASSWORD, unique};

/// A database of a test's own, which goes with [`LegacyDatabase::drop`].
pub struct LegacyDatabase {
    /// Its address, as `echod import-legacy` takes it.
    pub address: String,
    database: Database,
}

/// A moment of the first Echo, so many seconds after the first.
pub fn moment(seconds: i64) -> DateTime {
    DateTime::from_millis(1_620_000_000_123 + seconds * 1000)
}

/// An id that Mongoose made at that moment; `n` tells apart.
pub fn id(seconds: u32, n: u32) -> ObjectId {
    let mut bytes = [0x1e; 12];
    bytes[..4].copy_from_slice(&(1_620_000_000 + seconds).to_be_bytes());
    bytes[8..].copy_from_slice(&n.to_be_bytes());
    ObjectId::from_bytes(bytes)
}

/// What bcrypt made of everyone's password.
fn password() -> &'static str {
    static HASH: OnceLock<String> = OnceLock::new();
    HASH.get_or_init(|| bcrypt::hash_with_salt(PASSWORD, 4, [7; 16]).unwrap().to_string())
}

/// A user as the first Echo kept them.
pub fn user(id: ObjectId, username: &str, followers: &[ObjectId], following: &[ObjectId]) -> Document {
    doc! {
        "_id": id, "name": format!("Name of {username}"), "username": username,
        "email": format!("{username}@example.com"), "password": password(), "bio": "¡Hola!",
        "profilePicture": { "public_id": "", "secure_url": "" }, "followers": followers, "following": following,
        "refreshToken": "eyJ…", "createdAt": moment(1), "updatedAt": moment(2), "__v": 3,
    }
}

/// A post of one text.
pub fn post(id: ObjectId, user: ObjectId, text: &str, likes: &[ObjectId]) -> Document {
    let block = doc! { "_id": ObjectId::from_bytes(id.bytes().map(|byte| byte ^ 0x55)), "type": "text", "value": text };
    doc! {
        "_id": id, "user": user, "content": [block], "likes": likes, "comments": [], "createdAt": moment(3),
        "updatedAt": moment(4), "__v": 0,
    }
}

impl LegacyDatabase {
    pub async fn new() -> Self {
        let server = server();
        let name = unique("legacy");
        let database = Client::with_uri_str(server).await.unwrap().database(&name);
        let (hosts, options) = server.rsplit_once('/').unwrap();
        Self { address: format!("{hosts}/{name}{options}"), database }
    }

    pub async fn insert(&self, collection: &str, documents: impl IntoIterator<Item = Document>) {
        self.database.collection(collection).insert_many(documents).await.unwrap();
    }

    /// Everything in it.
    pub async fn contents(&self) -> Vec<Bson> {
        let mut contents = Vec::new();
        for collection in ["users", "posts", "chats", "messages"] {
            let mut found = self.database.collection::<Document>(collection).find(doc! {}).await.unwrap();
            while found.advance().await.unwrap() {
                contents.push(found.deserialize_current().unwrap().into());
            }
        }
        contents
    }

    pub async fn drop(self) {
        self.database.drop().await.unwrap();
    }
}

/// With a slash after its hosts.
fn server() -> &'static str {
    static SERVER: OnceLock<String> = OnceLock::new();
    #[expect(clippy::disallowed_methods, reason = "the tests' own setting, no server's")]
    SERVER.get_or_init(|| {
        std::env::var("ECHO_TEST_MONGODB").expect(
            "ECHO_TEST_MONGODB must name a MongoDB, such as mongodb://127.0.0.1:27017/?directConnection=true; \
             scripts/test starts one",
        )
    })
}
