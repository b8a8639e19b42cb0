//! Databases of an older Echo are brought up to date when they are opened.

use bson::{Document, doc, oid::ObjectId};
use echo_domain::{
    RawId,
    media::{Digest, DoomedBlobs, MediaStore},
};
use echo_mongo::{Area, MongoMedia};
use mongodb::Client;

use crate::fixture::{Guard, another};

fn image(id: ObjectId, location: &str, doomed: bool) -> Document {
    let variant = doc! { "width": 640, "location": format!("{location}-640") };
    let image = doc! {
        "id": id, "location": location, "width": 800, "height": 600, "blurhash": "b", "alt": "a",
        "variants": [variant],
    };
    doc! { "_id": id, "account": ObjectId::from_bytes([9; 12]), "image": image, "doomed": doomed }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn images_that_were_there_have_blobs_of_their_own() {
    let guard = Guard::new();
    let ids = [1, 2, 3, 4].map(|n| ObjectId::from_bytes([n; 12]));
    let images = [
        image(ids[0], "a.png", false),
        image(ids[1], "b.png", true),
        image(ids[2], "https://example.com/c.png", false),
        image(ids[3], "https://example.com/d.png", true),
    ];
    let client = Client::with_uri_str(&guard.uri).await.unwrap();
    let base = client.default_database().unwrap();
    let database = client.database(&format!("{}_{}", base.name(), Area::Media));
    database.collection("media").insert_many(images).await.unwrap();

    for _ in 0..2 {
        let media = MongoMedia::new(another(&guard).await).unwrap();

        let raw = |n: u8| RawId::from_bytes([n; 12]);
        let [kept, linked] = [media.find(raw(1).into()).await.unwrap(), media.find(raw(3).into()).await.unwrap()];
        assert_eq!(kept.map(|it| (it.blobs, it.bytes)), Some((Some(Digest::unknown(raw(1).into())), 0)));
        assert_eq!(linked.map(|it| (it.blobs, it.bytes)), Some((None, 0)));
        assert_eq!(media.find(raw(2).into()).await.unwrap(), None);
        let doomed =
            |n, names: [&str; 2]| DoomedBlobs { stem: raw(n).into(), names: names.map(str::to_owned).to_vec() };
        let file = doomed(2, ["b.png", "b.png-640"]);
        let address = doomed(4, ["https://example.com/d.png", "https://example.com/d.png-640"]);
        assert_eq!(media.doomed(None, 10).await.unwrap(), [file, address]);
        let unmeasured = media.unmeasured(10).await.unwrap();
        assert_eq!(unmeasured.iter().map(|blobs| blobs.location.as_str()).collect::<Vec<_>>(), ["a.png"]);
    }
}
