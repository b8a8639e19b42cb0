//! Who follows whom, counted at both ends.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use bson::{Document, doc, oid::ObjectId};
use echo_domain::{
    Error, FollowId, Page, PageRequest, UserId,
    users::{Follow, Followee, Following, user_not_found},
};
use futures_util::TryStreamExt;
use mongodb::Collection;
use serde::{Deserialize, Serialize};

use crate::{
    Mongo,
    collections::{FOLLOWS, PROFILES},
    documents::{before, count, id, limit as at_most, oid, one_more},
    error::{Failure, Outcome},
    transaction::Tx,
};

use super::{profiles, visible};

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct FollowRow {
    #[serde(rename = "_id")]
    pub id: ObjectId,
    pub follower: ObjectId,
    pub followee: ObjectId,
}

/// How many followed somebody at most.
#[derive(Debug, Deserialize)]
struct Popularity {
    #[serde(rename = "_id")]
    id: ObjectId,
    most_followers: i64,
}

/// Adds the follow and counts it at both ends. First where most come together: who comes second is told so before it has
/// done anything in vain.
pub(super) async fn add(tx: Tx<'_>, id: FollowId, follower: UserId, followee: UserId, max: u64) -> Outcome<()> {
    let profiles = profiles(tx.mongo);
    let counted =
        profiles.update_one(doc! { "_id": oid(followee) }, more_followers(1)).session(&mut *tx.session).await?;
    if counted.matched_count == 0 {
        return Err(user_not_found().into());
    }
    let counted = profiles.find_one_and_update(doc! { "_id": oid(follower) }, doc! { "$inc": { "following": 1_i64 } });
    let before = counted.projection(visible()).session(&mut *tx.session).await?.ok_or_else(user_not_found)?;
    let row = FollowRow { id: oid(id), follower: oid(follower), followee: oid(followee) };
    follows(tx.mongo).insert_one(row).session(&mut *tx.session).await?;
    if count(before.following)? >= max {
        let message = format!("You cannot follow more than {max} people");
        return Err(Error::conflict("following_too_many", message).into());
    }
    Ok(())
}

/// Counts follows at those ends that are there: how many each account has more.
pub(crate) async fn count_follows(
    tx: &mut Tx<'_>,
    followers: &BTreeMap<ObjectId, i64>,
    followees: &BTreeMap<ObjectId, i64>,
) -> Outcome<()> {
    let profiles = profiles(tx.mongo);
    for (follower, more) in followers {
        let counted = profiles.update_one(doc! { "_id": follower }, doc! { "$inc": { "following": more } });
        counted.session(&mut *tx.session).await?;
    }
    for (followee, more) in followees {
        profiles.update_one(doc! { "_id": followee }, more_followers(*more)).session(&mut *tx.session).await?;
    }
    Ok(())
}

/// Counts both ends of a profile's follows again, if it is there.
pub(crate) async fn count_again(tx: Tx<'_>, user: ObjectId) -> Outcome<()> {
    let follows = follows(tx.mongo);
    let mut count = async |end: &str| {
        let n = follows.count_documents(doc! { end: user }).session(&mut *tx.session).await?;
        Outcome::Ok(i64::try_from(n).unwrap_or(i64::MAX))
    };
    let (followers, following) = (count("followee").await?, count("follower").await?);
    let most = doc! { "$max": ["$most_followers", followers] };
    let counts = doc! { "$set": { "followers": followers, "following": following, "most_followers": most } };
    profiles(tx.mongo).update_one(doc! { "_id": user }, vec![counts]).session(&mut *tx.session).await?;
    Ok(())
}

/// So many more, and the most ever if that is more than ever.
fn more_followers(by: i64) -> Vec<Document> {
    let more = doc! { "$add": ["$followers", by] };
    let most = doc! { "$max": ["$most_followers", &more] };
    vec![doc! { "$set": { "followers": more, "most_followers": most } }]
}

/// What a refusal of [`add`] by its unique index means.
pub(super) fn already(failure: Failure) -> Failure {
    match failure.duplicate() {
        Some("pair") => Error::conflict("already_following", "You already follow this user").into(),
        _ => failure,
    }
}

pub(super) async fn remove(mut tx: Tx<'_>, follower: UserId, followee: UserId) -> Outcome<()> {
    let deleted = follows(tx.mongo).delete_one(pair(follower, followee)).session(&mut *tx.session).await?;
    if deleted.deleted_count == 0 {
        return Err(Error::conflict("not_following", "You do not follow this user").into());
    }
    count_by(&mut tx, "followers", &[oid(followee)], -1).await?;
    count_by(&mut tx, "following", &[oid(follower)], -1).await
}

pub(super) async fn exists(mongo: &Mongo, follower: UserId, followee: UserId) -> Outcome<bool> {
    Ok(follows(mongo).find_one(pair(follower, followee)).await?.is_some())
}

pub(super) async fn followers(
    mongo: &Mongo,
    user: UserId,
    page: PageRequest<FollowId>,
) -> Outcome<Page<Follow, FollowId>> {
    let rows = newest(mongo, doc! { "followee": oid(user) }, page).await?;
    let follows = rows.into_iter().map(|row| Follow { id: id(row.id), user: id(row.follower) });
    Ok(Page::cut(follows.collect(), page.limit, |follow: &Follow| follow.id))
}

pub(super) async fn following(
    mongo: &Mongo,
    user: UserId,
    page: PageRequest<FollowId>,
) -> Outcome<Page<Follow, FollowId>> {
    let rows = newest(mongo, doc! { "follower": oid(user) }, page).await?;
    let follows = rows.into_iter().map(|row| Follow { id: id(row.id), user: id(row.followee) });
    Ok(Page::cut(follows.collect(), page.limit, |follow: &Follow| follow.id))
}

pub(super) async fn all_following(mongo: &Mongo, user: UserId) -> Outcome<Arc<Following>> {
    let rows: Vec<_> = follows(mongo).find(doc! { "follower": oid(user) }).await?.try_collect().await?;
    let followees: Vec<_> = rows.iter().map(|row| row.followee).collect();
    let profiles = mongo.collection::<Popularity>(&PROFILES);
    let asked = profiles.find(doc! { "_id": { "$in": followees } }).projection(doc! { "most_followers": 1 });
    let known: Vec<_> = asked.await?.try_collect().await?;
    let known: HashMap<_, _> = known.into_iter().map(|it| (it.id, it.most_followers)).collect();
    let followee = |row: FollowRow| {
        // Of a profile that is just being erased, the follows are still there.
        let most_followers = count(known.get(&row.followee).copied().unwrap_or(0))?;
        Ok((id(row.id), Followee { user: id(row.followee), most_followers }))
    };
    Ok(Arc::new(Following::of(rows.into_iter().map(followee).collect::<Outcome<Vec<_>>>()?)))
}

/// Removes the profile and up to so many of its follows, in either direction.
pub(super) async fn erase(mut tx: Tx<'_>, user: UserId, limit: usize) -> Outcome<usize> {
    let profile = profiles(tx.mongo).delete_one(doc! { "_id": oid(user) }).session(&mut *tx.session).await?;
    let following = erase_end(&mut tx, doc! { "follower": oid(user) }, limit).await?;
    let followees: Vec<_> = following.iter().map(|row| row.followee).collect();
    count_by(&mut tx, "followers", &followees, -1).await?;
    let followed = erase_end(&mut tx, doc! { "followee": oid(user) }, limit - following.len()).await?;
    let followers: Vec<_> = followed.iter().map(|row| row.follower).collect();
    count_by(&mut tx, "following", &followers, -1).await?;
    Ok(usize::from(profile.deleted_count > 0) + following.len() + followed.len())
}

async fn erase_end(tx: &mut Tx<'_>, end: Document, limit: usize) -> Outcome<Vec<FollowRow>> {
    if limit == 0 {
        return Ok(Vec::new());
    }
    let follows = follows(tx.mongo);
    let mut found = follows.find(end).limit(at_most(limit)).session(&mut *tx.session).await?;
    let rows: Vec<_> = found.stream(&mut *tx.session).try_collect().await?;
    let gone: Vec<_> = rows.iter().map(|row| doc! { "follower": row.follower, "followee": row.followee }).collect();
    if !gone.is_empty() {
        follows.delete_many(doc! { "$or": gone }).session(&mut *tx.session).await?;
    }
    Ok(rows)
}

/// Counts at those profiles that are there.
async fn count_by(tx: &mut Tx<'_>, field: &str, users: &[ObjectId], by: i64) -> Outcome<()> {
    if !users.is_empty() {
        let change = doc! { "$inc": { field: by } };
        let profiles = profiles(tx.mongo);
        profiles.update_many(doc! { "_id": { "$in": users } }, change).session(&mut *tx.session).await?;
    }
    Ok(())
}

async fn newest(mongo: &Mongo, end: Document, page: PageRequest<FollowId>) -> Outcome<Vec<FollowRow>> {
    let follows = follows(mongo);
    let newest = follows.find(before(end, "_id", &page)).sort(doc! { "_id": -1 }).limit(one_more(&page)).await?;
    Ok(newest.try_collect().await?)
}

fn pair(follower: UserId, followee: UserId) -> Document {
    doc! { "follower": oid(follower), "followee": oid(followee) }
}

fn follows(mongo: &Mongo) -> Collection<FollowRow> {
    mongo.collection(&FOLLOWS)
}
