//! Databases on the MongoDB that `ECHO_TEST_MONGODB` names.

use std::sync::OnceLock;

use mongodb::{
    Client, Database,
    bson::{Document, doc},
};

use crate::app::unique;

/// A database of a test's own, empty at first, and those of Echo's areas that are called after it. They go with
/// [`OwnDatabase::drop`]; else they are left behind.
pub struct OwnDatabase {
    /// `mongodb://` with its name.
    pub address: String,
    client: Client,
    database: Database,
}

/// What each area's database ends with.
pub const AREAS: [&str; 4] = ["auth", "users", "posts", "media"];

impl OwnDatabase {
    pub async fn new() -> Self {
        let name = unique("echo_test");
        let client = Client::with_uri_str(server()).await.unwrap();
        let (hosts, options) = server().rsplit_once('/').unwrap();
        Self { address: format!("{hosts}/{name}{options}"), database: client.database(&name), client }
    }

    pub fn name(&self) -> &str {
        self.database.name()
    }

    /// What an area of Echo keeps here.
    pub fn of(&self, area: &str) -> Self {
        assert!(AREAS.contains(&area), "{area}");
        let database = self.client.database(&format!("{}_{area}", self.name()));
        Self { address: self.address.clone(), client: self.client.clone(), database }
    }

    pub async fn insert(&self, collection: &str, documents: impl IntoIterator<Item = Document>) {
        self.database.collection(collection).insert_many(documents).await.unwrap();
    }

    /// Changes all documents of a collection, past whoever keeps them.
    pub async fn set(&self, collection: &str, fields: Document) {
        let all = self.database.collection::<Document>(collection);
        all.update_many(doc! {}, doc! { "$set": fields }).await.unwrap();
    }

    pub async fn count(&self, collection: &str) -> u64 {
        self.database.collection::<Document>(collection).count_documents(doc! {}).await.unwrap()
    }

    /// Every document of these collections.
    pub async fn contents(&self, collections: &[&str]) -> Vec<Document> {
        let mut contents = Vec::new();
        for collection in collections {
            let mut found = self.database.collection::<Document>(collection).find(doc! {}).await.unwrap();
            while found.advance().await.unwrap() {
                contents.push(found.deserialize_current().unwrap());
            }
        }
        contents
    }

    pub async fn drop(self) {
        for area in AREAS {
            self.of(area).database.drop().await.unwrap();
        }
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
