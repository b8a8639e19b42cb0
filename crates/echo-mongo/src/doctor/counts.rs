//! Whether counts, and the copies of the newest, are what is counted and copied.

use std::collections::{BTreeMap, HashMap};

use bson::{Binary, Bson, Document, doc, oid::ObjectId};
use serde::Deserialize;

use crate::{
    collections::{BLOBS, FOLLOWS, MEDIA, MEDIA_WRITERS, POST_TOTALS, POST_WRITERS, POSTS, PROFILES},
    documents::{binary, limit},
    error::Outcome,
    posts::Kind,
};

use super::look::{Moment, Wrong, id_in, summed};

/// How many likes or comments a post says that it has.
pub(super) async fn on_posts(it: &mut Moment<'_>, kind: &Kind, posts: &[ObjectId]) -> Outcome<Vec<Wrong>> {
    let says = it.field(&POSTS, kind.count, posts).await?;
    let has = it.tally(kind.declared, "post", posts).await?;
    let wrong = says.into_iter().filter_map(|(post, says)| {
        let (says, has) = (says.as_i64().unwrap_or_default(), has.get(&post).copied().unwrap_or(0));
        (says != has).then(|| Wrong::told(post, format!("{post} says {says}, has {has}")))
    });
    Ok(wrong.collect())
}

/// The newest likes or comments of a post, of which it has copies.
pub(super) async fn newest(it: &mut Moment<'_>, kind: &Kind, posts: &[ObjectId]) -> Outcome<Vec<Wrong>> {
    let copied = it.field(&POSTS, kind.newest, posts).await?;
    let top = doc! { "n": limit(kind.shown), "sortBy": { "_id": -1 }, "output": "$$ROOT" };
    let mut newest = it.grouped(kind.declared, "post", posts, doc! { "$topN": top }).await?;
    let wrong = copied.into_iter().filter_map(|(post, copied)| {
        let newest = newest.remove(&post).unwrap_or_else(|| Bson::Array(Vec::new()));
        (copied != newest).then(|| Wrong::of(post))
    });
    Ok(wrong.collect())
}

/// How many posts an author has.
pub(super) async fn of_authors(it: &mut Moment<'_>, authors: &[ObjectId]) -> Outcome<Vec<Wrong>> {
    let says = it.field(&POST_WRITERS, "posts", authors).await?;
    let has = it.tally(&POSTS, "author", authors).await?;
    let wrong = authors.iter().filter_map(|author| {
        let says = says.get(author).and_then(Bson::as_i64).unwrap_or(0);
        let has = has.get(author).copied().unwrap_or(0);
        (says != has).then(|| Wrong::told(*author, format!("{author} says {says}, has {has}")))
    });
    Ok(wrong.collect())
}

/// The id of what has none.
const NONE: ObjectId = ObjectId::from_bytes([0; 12]);

/// How many posts there are in all.
pub(super) async fn total(it: &mut Moment<'_>) -> Outcome<Vec<Wrong>> {
    let (says, has) = says_and_has(it).await?;
    let told = || format!("says {says}, there are {has}");
    Ok((says != has).then(|| Wrong::told(NONE, told())).into_iter().collect())
}

/// What the total says, and how many posts there are.
pub(super) async fn says_and_has(it: &mut Moment<'_>) -> Outcome<(i64, i64)> {
    let parts: Vec<Document> = it.find(&POST_TOTALS, doc! {}, doc! { "posts": 1 }).await?;
    let says = parts.iter().map(|part| part.get_i64("posts").unwrap_or_default()).sum();
    let posts = it.0.mongo.collection::<Document>(&POSTS);
    let has = posts.count_documents(doc! {}).session(&mut *it.0.session).await?;
    Ok((says, i64::try_from(has).unwrap_or(i64::MAX)))
}

/// How many follow a person, and how many that person follows.
pub(super) async fn of_follows(it: &mut Moment<'_>, people: &[ObjectId]) -> Outcome<Vec<Wrong>> {
    let fields = doc! { "followers": 1, "following": 1 };
    let profiles: Vec<Document> = it.find(&PROFILES, doc! { "_id": { "$in": people } }, fields).await?;
    let followers = it.tally(&FOLLOWS, "followee", people).await?;
    let following = it.tally(&FOLLOWS, "follower", people).await?;
    let mut wrong = Vec::new();
    for profile in profiles {
        let id = id_in(&profile, "_id")?;
        let says = ["followers", "following"].map(|field| profile.get_i64(field).unwrap_or_default());
        let has = [&followers, &following].map(|of| of.get(&id).copied().unwrap_or(0));
        if says != has {
            let ([a, b], [c, d]) = (says, has);
            wrong.push(Wrong::told(id, format!("{id} says {a} and {b}, has {c} and {d}")));
        }
    }
    Ok(wrong)
}

/// How many images an account has, and what they count for, in bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
pub(super) struct Uploads {
    #[serde(default)]
    pub(super) images: i64,
    #[serde(default)]
    pub(super) bytes: i64,
}

/// What is kept of each account's images.
pub(super) async fn of_uploads(it: &mut Moment<'_>, accounts: &[ObjectId]) -> Outcome<Vec<Wrong>> {
    let writers: Vec<Document> = it.find(&MEDIA_WRITERS, doc! { "_id": { "$in": accounts } }, doc! {}).await?;
    let says = writers.into_iter().map(|row| Ok((id_in(&row, "_id")?, bson::deserialize_from_document(row)?)));
    let says: HashMap<ObjectId, Uploads> = says.collect::<Outcome<_>>()?;
    let has = uploads(it, accounts).await?;
    let wrong = accounts.iter().filter_map(|account| {
        let [says, has] = [&says, &has].map(|of| of.get(account).copied().unwrap_or_default());
        let told = || format!("{account} says {} bytes, has {}", says.bytes, has.bytes);
        (says != has).then(|| Wrong::told(*account, told()))
    });
    Ok(wrong.collect())
}

/// What there is of each account's images.
pub(super) async fn uploads(it: &mut Moment<'_>, accounts: &[ObjectId]) -> Outcome<HashMap<ObjectId, Uploads>> {
    let images = it.tally(&MEDIA, "account", accounts).await?;
    let bytes = it.grouped(&MEDIA, "account", accounts, doc! { "$sum": "$bytes" }).await?;
    let bytes = |account: &ObjectId| bytes.get(account).map_or(0, summed);
    Ok(images.into_iter().map(|(account, images)| (account, Uploads { images, bytes: bytes(&account) })).collect())
}

/// The image whose blobs are asked for.
#[derive(Debug, Deserialize)]
struct OfBlobs {
    #[serde(rename = "_id")]
    image: ObjectId,
    #[serde(default)]
    blobs: Option<Binary>,
}

/// How many images there are of a set of blobs.
#[derive(Debug, Deserialize)]
struct Images {
    #[serde(rename = "_id")]
    digest: Binary,
    images: i64,
}

/// How many images are said to be of the same blobs as each of these. Of those that are of the same, one is told.
pub(super) async fn of_blobs(it: &mut Moment<'_>, images: &[ObjectId]) -> Outcome<Vec<Wrong>> {
    let asked: Vec<OfBlobs> = it.find(&MEDIA, doc! { "_id": { "$in": images } }, doc! { "blobs": 1 }).await?;
    let by_digest: BTreeMap<_, _> = asked.into_iter().filter_map(|row| Some((row.blobs?.bytes, row.image))).collect();
    let digests: Vec<_> = by_digest.keys().map(|digest| binary(digest)).collect();
    let says = by_bytes(it.find(&BLOBS, doc! { "_id": { "$in": &digests } }, doc! { "images": 1 }).await?);
    let has = by_bytes(it.counted(&MEDIA, "blobs", digests).await?);
    let wrong = by_digest.into_iter().filter_map(|(digest, image)| {
        let (says, has) = (says.get(&digest), has.get(&digest));
        let [told, there] = [says, has].map(|images| images.copied().unwrap_or(0));
        (says != has).then(|| Wrong::told(image, format!("the blobs of {image} say {told}, have {there}")))
    });
    Ok(wrong.collect())
}

fn by_bytes(rows: Vec<Images>) -> HashMap<Vec<u8>, i64> {
    rows.into_iter().map(|Images { digest, images }| (digest.bytes, images)).collect()
}
