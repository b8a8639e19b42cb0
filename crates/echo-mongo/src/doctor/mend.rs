//! Mends what checks find: through the stores where there is a method for it, so that counts and events come with it.

use std::{error::Error as _, sync::Arc};

use bson::{Document, doc, oid::ObjectId};
use echo_domain::{
    Error, Event, PostId, Result, Timestamp, UserId,
    auth::AccountStore,
    doctor::{Cure, Mended},
    posts::PostStore,
    users::{Profile, ProfileChange, ProfileStore},
};
use futures_util::{FutureExt, StreamExt, stream};

use crate::{
    Mongo, MongoAccounts, MongoPosts, MongoProfiles,
    collections::{MEDIA_WRITERS, POST_TOTALS, POST_WRITERS, POSTS, SESSIONS},
    documents::id,
    error::Outcome,
    media,
    posts::{Kind, key_of},
    transaction::Tx,
    users,
};

use super::{
    checks::{self, Check, Mend},
    counts::{says_and_has, uploads},
    images,
    look::{Moment, look_through},
};

/// As many as are mended at a time.
const AT_ONCE: usize = 8;
/// As many documents as one write removes.
const ROWS: usize = 100;
/// Mending one thing may show another: a profile that is opened has no follows counted.
const ROUNDS: usize = 5;

/// Mends what all checks find, until a round mends nothing more.
pub(super) async fn all(mongo: &Arc<Mongo>, readable: bool, now: Timestamp) -> Vec<Mended> {
    let checks: Vec<_> = checks::possible(readable).filter(|check| check.cure() == Cure::Mend).collect();
    let mut all: Vec<_> = checks.iter().map(|check| Mended::nothing(check.name)).collect();
    for _ in 0..ROUNDS {
        let mut done = 0;
        for (check, mended) in checks.iter().zip(&mut all) {
            let this_time = found_by(mongo, check, now).await;
            done += this_time.done;
            // What failed before may have been mended now.
            *mended = Mended { done: mended.done + this_time.done, ..this_time };
        }
        if done == 0 {
            break;
        }
    }
    all.retain(|mended| !mended.is_nothing());
    all
}

/// Mends what one check finds.
async fn found_by(mongo: &Arc<Mongo>, check: &'static Check, now: Timestamp) -> Mended {
    let mut mended = Mended::nothing(check.name);
    if let Err(error) = try_found_by(mongo, check, now, &mut mended).await {
        mended.fail(why(&error));
    }
    mended
}

async fn try_found_by(mongo: &Arc<Mongo>, check: &'static Check, now: Timestamp, mended: &mut Mended) -> Result<()> {
    let found = keys(mongo, check, now).await?;
    let mending = found.iter().copied().map(|key| async move { (key, one(mongo, check.mend, key, now).await) });
    let mut mending = stream::iter(mending).buffer_unordered(AT_ONCE);
    while let Some((key, outcome)) = mending.next().await {
        if let Err(error) = outcome {
            mended.fail(format!("{key}: {}", why(&error)));
        }
    }
    drop(mending);
    if !found.is_empty() {
        let left = keys(mongo, check, now).await?.len();
        mended.done = found.len().saturating_sub(left) as u64;
    }
    Ok(())
}

async fn keys(mongo: &Mongo, check: &'static Check, now: Timestamp) -> Result<Vec<ObjectId>> {
    let mut keys = Vec::new();
    look_through(mongo, check, now, |wrong| keys.push(wrong.key)).await?;
    Ok(keys)
}

async fn one(mongo: &Arc<Mongo>, mend: Mend, key: ObjectId, now: Timestamp) -> Result<()> {
    let (posts, profiles) = (MongoPosts(mongo.clone()), MongoProfiles(mongo.clone()));
    match mend {
        Mend::CountOnPost(kind) => count_on_post(mongo, kind, id(key)).await?,
        Mend::CountPosts => {
            mongo.transaction("doctor.count_posts", key, |tx, key| count_posts(tx, *key).boxed()).await?;
        }
        Mend::CountAllPosts => mongo.transaction("doctor.count_all", (), |tx, ()| count_all(tx).boxed()).await?,
        Mend::CountFollows => {
            mongo.transaction("doctor.count_follows", key, |tx, key| users::count_again(tx, *key).boxed()).await?;
        }
        Mend::IndexProfile => {
            mongo.transaction("doctor.index", key, |tx, key| users::index_again(tx, *key).boxed()).await?;
        }
        Mend::PurgePost => while posts.purge(id(key), ROWS).await? > 0 {},
        Mend::EraseTraces => while posts.erase_traces(id(key), ROWS).await? > 0 {},
        Mend::EraseProfile => while profiles.erase(id(key), ROWS).await? > 0 {},
        Mend::RemovePost => remove_post(&posts, id(key)).await?,
        Mend::OpenProfile => open_profile(mongo, &profiles, id(key), now).await?,
        Mend::RenameProfile => rename_profile(mongo, &profiles, id(key), now).await?,
        Mend::EndSession => mongo.run("doctor.end_session", end_session(mongo, key)).await?,
        Mend::RemoveImage => {
            mongo.transaction("doctor.remove", key, |tx, key| images::remove(tx, *key).boxed()).await?;
        }
        Mend::CountImages => {
            mongo.transaction("doctor.count_images", key, |tx, key| media::count_again(tx, *key).boxed()).await?;
        }
        Mend::CountBytes => {
            mongo.transaction("doctor.count_bytes", key, |tx, key| count_bytes(tx, *key).boxed()).await?;
        }
        Mend::Server | Mend::Person => {}
    }
    Ok(())
}

async fn count_on_post(mongo: &Mongo, kind: &'static Kind, post: PostId) -> Result<()> {
    let Some(post) = mongo.run("doctor.post", key_of(mongo, post)).await? else { return Ok(()) };
    mongo
        .transaction("doctor.count", (kind, post), |mut tx, &(kind, post)| {
            async move { kind.count_again(&mut tx, post).await }.boxed()
        })
        .await
}

async fn count_posts(tx: Tx<'_>, author: ObjectId) -> Outcome<()> {
    let posts = tx.mongo.collection::<Document>(&POSTS);
    let n = posts.count_documents(doc! { "author": author }).session(&mut *tx.session).await?;
    let says = doc! { "$set": { "posts": i64::try_from(n).unwrap_or(i64::MAX) } };
    let writers = tx.mongo.collection::<Document>(&POST_WRITERS);
    writers.update_one(doc! { "_id": author }, says).upsert(true).session(&mut *tx.session).await?;
    Ok(())
}

async fn count_bytes(tx: Tx<'_>, account: ObjectId) -> Outcome<()> {
    let mut moment = Moment(tx);
    let has = uploads(&mut moment, &[account]).await?.remove(&account).unwrap_or_default();
    let says = doc! { "$set": { "images": has.images, "bytes": has.bytes } };
    let writers = moment.0.mongo.collection::<Document>(&MEDIA_WRITERS);
    writers.update_one(doc! { "_id": account }, says).upsert(true).session(&mut *moment.0.session).await?;
    Ok(())
}

/// Whoever publishes meanwhile changes both numbers alike, so that what is missing stays the same. Always added to one
/// part, so that two doctors do not both add it.
async fn count_all(tx: Tx<'_>) -> Outcome<()> {
    let mut moment = Moment(tx);
    let (says, has) = says_and_has(&mut moment).await?;
    let totals = moment.0.mongo.collection::<Document>(&POST_TOTALS);
    let missing = doc! { "$inc": { "posts": has - says } };
    totals.update_one(doc! { "_id": 0 }, missing).upsert(true).session(&mut *moment.0.session).await?;
    Ok(())
}

/// With the event by which its likes, comments and images go.
async fn remove_post(posts: &MongoPosts, post: PostId) -> Result<()> {
    for detail in posts.details(&[post]).await? {
        let news = Event::PostDeleted { post, author: detail.post.author, media: detail.post.media() };
        posts.remove(post, &news).await?;
    }
    Ok(())
}

/// Called by the username: nobody else knows the name. An account that is gone meanwhile takes the profile along, by the
/// event of its end.
async fn open_profile(mongo: &Arc<Mongo>, profiles: &MongoProfiles, user: UserId, now: Timestamp) -> Result<()> {
    match username(mongo, user).await? {
        Some(username) => profiles.open(&Profile::new(user, &username, &username, now)).await,
        None => Ok(()),
    }
}

async fn rename_profile(mongo: &Arc<Mongo>, profiles: &MongoProfiles, user: UserId, now: Timestamp) -> Result<()> {
    let change = ProfileChange { username: username(mongo, user).await?, ..ProfileChange::default() };
    profiles.update(user, &change, now).await.map(drop)
}

async fn username(mongo: &Arc<Mongo>, user: UserId) -> Result<Option<String>> {
    let account = MongoAccounts(mongo.clone()).find(user).await?;
    Ok(account.map(|account| account.username.as_str().to_owned()))
}

async fn end_session(mongo: &Mongo, session: ObjectId) -> Outcome<()> {
    mongo.collection::<Document>(&SESSIONS).delete_one(doc! { "_id": session }).await?;
    Ok(())
}

/// Of our bugs and damaged data, only the source says what is the matter.
pub(super) fn why(error: &Error) -> String {
    error.source().map_or_else(|| error.to_string(), ToString::to_string)
}
