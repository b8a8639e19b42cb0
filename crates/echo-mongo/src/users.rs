//! Profiles, and finding people.

mod follows;
mod search;

use std::sync::Arc;

use async_trait::async_trait;
use bson::{DateTime, Document, doc, oid::ObjectId};
use echo_domain::{
    Event, FollowId, IdMap, Page, PageRequest, Result, Timestamp, UserId,
    media::Picture,
    users::{Bio, Follow, Following, Name, Profile, ProfileChange, ProfileStore, Relation, Search, parts},
};
use futures_util::{FutureExt, TryStreamExt};
use mongodb::Collection;
use serde::{Deserialize, Serialize};

use crate::{
    Mongo,
    areas::{Area, NotOpened},
    collections::PROFILES,
    documents::{count, date, id, oid, oids, time},
    error::{Failure, Outcome},
    events,
    transaction::Tx,
};

pub(crate) use follows::{FollowRow, count_again, count_follows};

/// Keeps profiles and follows in MongoDB.
pub struct MongoProfiles(pub(crate) Arc<Mongo>);

impl MongoProfiles {
    /// # Errors
    /// [`NotOpened`] when the process has not opened the area's database.
    pub fn new(mongo: Arc<Mongo>) -> Result<Self, NotOpened> {
        mongo.with([Area::Users]).map(Self)
    }
}

/// A profile without what it is found by, which nobody reads.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct ProfileRow {
    #[serde(rename = "_id")]
    id: ObjectId,
    username: String,
    name: String,
    bio: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    picture: Option<PictureRow>,
    followers: i64,
    most_followers: i64,
    following: i64,
    created: DateTime,
    updated: DateTime,
}

#[derive(Debug, Serialize, Deserialize)]
struct PictureRow {
    media: ObjectId,
    location: String,
}

#[async_trait]
impl ProfileStore for MongoProfiles {
    async fn open(&self, profile: &Profile) -> Result<()> {
        self.0.run("profiles.open", insert(&self.0, profile)).await
    }

    async fn by_ids(&self, users: &[UserId]) -> Result<IdMap<UserId, Arc<Profile>>> {
        self.0.run("profiles.by_ids", by_ids(&self.0, users)).await
    }

    async fn update(&self, user: UserId, change: &ProfileChange, now: Timestamp) -> Result<Option<Profile>> {
        self.0
            .transaction("profiles.update", (user, change, now), |tx, &(user, change, now)| {
                update(tx, user, change, now).boxed()
            })
            .await
    }

    async fn search(&self, search: &Search, page: PageRequest<UserId>) -> Result<Page<Profile, UserId>> {
        self.0.run("profiles.search", search::find(&self.0, search, page, &search::ATTEMPTS)).await
    }

    async fn follow(&self, id: FollowId, follower: UserId, followee: UserId, max: u64) -> Result<()> {
        let work = async {
            let _turns = self.0.turns.take(&[oid(follower), oid(followee)]).await;
            let given = (id, follower, followee, max);
            let followed = self.0.together(given, |tx, &(id, follower, followee, max)| {
                follows::add(tx, id, follower, followee, max).boxed()
            });
            followed.await.map_err(follows::already)
        };
        self.0.run("profiles.follow", work).await
    }

    async fn unfollow(&self, follower: UserId, followee: UserId) -> Result<()> {
        let work = async {
            let _turns = self.0.turns.take(&[oid(follower), oid(followee)]).await;
            let given = (follower, followee);
            self.0.together(given, |tx, &(follower, followee)| follows::remove(tx, follower, followee).boxed()).await
        };
        self.0.run("profiles.unfollow", work).await
    }

    async fn relation(&self, viewer: UserId, other: UserId) -> Result<Relation> {
        let work = async {
            let (is_following, follows_you) =
                tokio::try_join!(follows::exists(&self.0, viewer, other), follows::exists(&self.0, other, viewer))?;
            Ok(Relation { is_following, follows_you })
        };
        self.0.run("profiles.relation", work).await
    }

    async fn followers(&self, user: UserId, page: PageRequest<FollowId>) -> Result<Page<Follow, FollowId>> {
        self.0.run("profiles.followers", follows::followers(&self.0, user, page)).await
    }

    async fn following(&self, user: UserId, page: PageRequest<FollowId>) -> Result<Page<Follow, FollowId>> {
        self.0.run("profiles.following", follows::following(&self.0, user, page)).await
    }

    async fn all_following(&self, user: UserId) -> Result<Arc<Following>> {
        self.0.run("profiles.all_following", follows::all_following(&self.0, user)).await
    }

    async fn erase(&self, user: UserId, limit: usize) -> Result<usize> {
        self.0
            .transaction("profiles.erase", (user, limit), |tx, &(user, limit)| follows::erase(tx, user, limit).boxed())
            .await
    }
}

async fn insert(mongo: &Mongo, profile: &Profile) -> Outcome<()> {
    let document = unfollowed(&Profile { most_followers: 0, ..profile.clone() })?;
    let inserted = mongo.collection::<Document>(&PROFILES).insert_one(document).await.map_err(Failure::from);
    match inserted {
        Err(refused) if refused.duplicate() == Some("_id_") => Ok(()),
        inserted => inserted.map(drop),
    }
}

/// The profile's document while nobody follows it, nor it anybody.
pub(crate) fn unfollowed(profile: &Profile) -> Outcome<Document> {
    let row = Profile { followers: 0, following: 0, ..profile.clone() };
    let mut document = bson::serialize_to_document(&ProfileRow::of(&row))?;
    document.insert("parts", parts_of(profile));
    Ok(document)
}

async fn by_ids(mongo: &Mongo, users: &[UserId]) -> Outcome<IdMap<UserId, Arc<Profile>>> {
    let asked = doc! { "_id": { "$in": oids(users) } };
    let rows: Vec<_> = profiles(mongo).find(asked).projection(visible()).await?.try_collect().await?;
    rows.into_iter().map(|row| row.read().map(|profile| (profile.id, Arc::new(profile)))).collect()
}

async fn update(mut tx: Tx<'_>, user: UserId, change: &ProfileChange, now: Timestamp) -> Outcome<Option<Profile>> {
    let profiles = profiles(tx.mongo);
    let kept = profiles.find_one(doc! { "_id": oid(user) }).projection(visible()).session(&mut *tx.session).await?;
    let Some(row) = kept else { return Ok(None) };
    let old = row.read()?;
    let new = changed(&old, change, now);
    if new != old {
        replace(&mut tx, &old, &new).await?;
    }
    Ok(Some(new))
}

fn changed(old: &Profile, change: &ProfileChange, now: Timestamp) -> Profile {
    let mut new = old.clone();
    new.picture = change.picture.clone().or(new.picture);
    new.username = change.username.clone().unwrap_or(new.username);
    new.name = change.name.clone().map_or(new.name, Name::into_string);
    new.bio = change.bio.as_ref().map(Bio::as_str).map_or(new.bio, str::to_owned);
    if new != *old {
        new.updated = now;
    }
    new
}

async fn replace(tx: &mut Tx<'_>, old: &Profile, new: &Profile) -> Outcome<()> {
    let mut fields = bson::serialize_to_document(&ProfileRow::of(new))?;
    fields.remove("_id");
    if (&old.username, &old.name) != (&new.username, &new.name) {
        fields.insert("parts", parts_of(new));
    }
    let kept = doc! { "_id": oid(new.id) };
    profiles(tx.mongo).update_one(kept, doc! { "$set": fields }).session(&mut *tx.session).await?;
    let media = |profile: &Profile| profile.picture.as_ref().map(|picture| picture.media);
    if media(old) != media(new) {
        events::append(tx, &Event::PictureChanged { account: new.id, new: media(new), old: media(old) }).await?;
    }
    Ok(())
}

/// Lets the profile, if it is there, be found by its names and nothing else.
pub(crate) async fn index_again(tx: Tx<'_>, user: ObjectId) -> Outcome<()> {
    let (profiles, kept) = (profiles(tx.mongo), doc! { "_id": user });
    let found = profiles.find_one(kept.clone()).projection(visible()).session(&mut *tx.session).await?;
    if let Some(row) = found {
        let parts = parts_of(&row.read()?);
        profiles.update_one(kept, doc! { "$set": { "parts": parts } }).session(&mut *tx.session).await?;
    }
    Ok(())
}

/// What the profile is to be found by.
fn parts_of(profile: &Profile) -> Vec<String> {
    parts(&profile.username, &profile.name).into_iter().collect()
}

fn profiles(mongo: &Mongo) -> Collection<ProfileRow> {
    mongo.collection(&PROFILES)
}

/// All fields of a [`ProfileRow`], without the parts, which are most of a document.
fn visible() -> Document {
    doc! { "parts": 0 }
}

impl ProfileRow {
    fn of(profile: &Profile) -> Self {
        let picture = profile.picture.as_ref();
        Self {
            id: oid(profile.id),
            username: profile.username.clone(),
            name: profile.name.clone(),
            bio: profile.bio.clone(),
            picture: picture.map(|it| PictureRow { media: oid(it.media), location: it.location.clone() }),
            followers: column(profile.followers),
            most_followers: column(profile.most_followers),
            following: column(profile.following),
            created: date(profile.created),
            updated: date(profile.updated),
        }
    }

    pub(crate) fn read(self) -> Outcome<Profile> {
        Ok(Profile {
            id: id(self.id),
            username: self.username,
            name: self.name,
            bio: self.bio,
            picture: self.picture.map(|it| Picture { media: id(it.media), location: it.location }),
            followers: count(self.followers)?,
            most_followers: count(self.most_followers)?,
            following: count(self.following)?,
            created: time(self.created),
            updated: time(self.updated),
        })
    }
}

fn column(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
