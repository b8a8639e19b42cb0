//! Whether counts, and the copies of the newest, are what is counted and copied.

use bson::{Bson, Document, doc, oid::ObjectId};

use crate::{
    collections::{FOLLOWS, POST_TOTALS, POST_WRITERS, POSTS, PROFILES},
    documents::limit,
    error::Outcome,
    posts::Kind,
};

use super::look::{Moment, Wrong, id_in};

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
