//! Profiles, who follows whom, and finding people.

mod search;

use std::{collections::BTreeSet, sync::Arc};

use async_trait::async_trait;
use echo_domain::{
    Error, Event, FollowId, IdMap, Page, PageRequest, Result, Timestamp, UserId,
    media::Picture,
    users::{
        Bio, Follow, Followee, Following, Name, Profile, ProfileChange, ProfileStore, Relation, Search, user_not_found,
    },
};
use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::{
    Database,
    error::Outcome,
    events,
    sql::{self, Sql, key},
    writer::Tx,
};

pub(crate) use search::index_again;
use search::{ATTEMPTS, find, index, parts_of};

/// Keeps profiles and follows in SQLite.
pub struct SqliteProfiles(pub Arc<Database>);

const BY_ID: &str = "SELECT id, username, name, bio, picture_media, picture_location, followers, following, created,
         updated, most_followers FROM profiles WHERE id = ?1";

#[async_trait]
impl ProfileStore for SqliteProfiles {
    async fn open(&self, profile: &Profile) -> Result<()> {
        let profile = profile.clone();
        self.0.write("profiles.open", move |tx| insert(tx, &profile).map(drop)).await
    }

    async fn by_ids(&self, users: &[UserId]) -> Result<IdMap<UserId, Arc<Profile>>> {
        let users = users.to_vec();
        self.0
            .read("profiles.by_ids", move |conn| {
                let mut profile = profiles(conn)?;
                let found = users
                    .into_iter()
                    .filter_map(|user| profile(user).map(|it| it.map(|it| (user, Arc::new(it)))).transpose());
                found.collect()
            })
            .await
    }

    async fn update(&self, user: UserId, change: &ProfileChange, now: Timestamp) -> Result<Option<Profile>> {
        let change = change.clone();
        self.0
            .write("profiles.update", move |tx| {
                let Some(old) = profile(tx, user)? else { return Ok(None) };
                let new = changed(&old, change, now);
                if new != old {
                    update(tx, &old, &new)?;
                }
                Ok(Some(new))
            })
            .await
    }

    async fn search(&self, search: &Search, page: PageRequest<UserId>) -> Result<Page<Profile, UserId>> {
        let search = search.clone();
        self.0.read("profiles.search", move |conn| find(conn, &search, page, &ATTEMPTS)).await
    }

    async fn follow(&self, id: FollowId, follower: UserId, followee: UserId, max: u64) -> Result<()> {
        self.0
            .write("profiles.follow", move |tx| {
                let sql = "SELECT following FROM profiles WHERE id = ?1";
                let following = tx.one(sql, [key(follower)], |row| sql::count(row, 0))?;
                let following = following.ok_or_else(user_not_found)?;
                add_follow(tx, id, follower, followee)?;
                if following >= max {
                    let message = format!("You cannot follow more than {max} people");
                    return Err(Error::conflict("following_too_many", message).into());
                }
                Ok(())
            })
            .await
    }

    async fn unfollow(&self, follower: UserId, followee: UserId) -> Result<()> {
        self.0
            .write("profiles.unfollow", move |tx| {
                if remove_follow(tx, follower, followee)? {
                    Ok(())
                } else {
                    Err(Error::conflict("not_following", "You do not follow this user").into())
                }
            })
            .await
    }

    async fn relation(&self, viewer: UserId, other: UserId) -> Result<Relation> {
        const FOLLOWS: &str = "SELECT 1 FROM follows WHERE follower = ?1 AND followee = ?2";
        self.0
            .read("profiles.relation", move |conn| {
                Ok(Relation {
                    is_following: conn.any(FOLLOWS, [key(viewer), key(other)])?,
                    follows_you: conn.any(FOLLOWS, [key(other), key(viewer)])?,
                })
            })
            .await
    }

    async fn followers(&self, user: UserId, page: PageRequest<FollowId>) -> Result<Page<Follow, FollowId>> {
        const FOLLOWERS: &str =
            "SELECT id, follower FROM follows WHERE followee = ?1 AND id < ?2 ORDER BY id DESC LIMIT ?3";
        self.0.read("profiles.followers", move |conn| follows(conn, FOLLOWERS, user, page)).await
    }

    async fn following(&self, user: UserId, page: PageRequest<FollowId>) -> Result<Page<Follow, FollowId>> {
        const FOLLOWING: &str =
            "SELECT id, followee FROM follows WHERE follower = ?1 AND id < ?2 ORDER BY id DESC LIMIT ?3";
        self.0.read("profiles.following", move |conn| follows(conn, FOLLOWING, user, page)).await
    }

    async fn all_following(&self, user: UserId) -> Result<Arc<Following>> {
        // Of a profile that is just being erased, the follows are still there.
        const FOLLOWEES: &str = "SELECT follows.id, followee, coalesce(most_followers, 0)
             FROM follows LEFT JOIN profiles ON profiles.id = followee WHERE follower = ?1";
        self.0
            .read("profiles.all_following", move |conn| {
                let followee = |row: &Row<'_>| {
                    let followee = Followee { user: sql::id(row, 1)?, most_followers: sql::count(row, 2)? };
                    Ok((sql::id(row, 0)?, followee))
                };
                Ok(Arc::new(Following::of(conn.all(FOLLOWEES, [key(user)], followee)?)))
            })
            .await
    }

    async fn erase(&self, user: UserId, limit: usize) -> Result<usize> {
        self.0.write("profiles.erase", move |tx| erase(tx, user, limit)).await
    }
}

/// Adds the profile, whom nobody follows yet; `false` when its id is there.
pub(crate) fn insert(tx: &Tx<'_>, profile: &Profile) -> Outcome<bool> {
    let added = tx.run(
        "INSERT INTO profiles (id, username, name, bio, picture_media, picture_location, followers, following, created,
             updated)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, 0, 0, ?7, ?8) ON CONFLICT DO NOTHING",
        params![
            key(profile.id),
            profile.username,
            profile.name,
            profile.bio,
            profile.picture.as_ref().map(|picture| key(picture.media)),
            profile.picture.as_ref().map(|picture| &picture.location),
            profile.created.millis(),
            profile.updated.millis()
        ],
    )?;
    if added > 0 {
        index(tx, profile.id, &BTreeSet::new(), &parts_of(profile))?;
    }
    Ok(added > 0)
}

fn changed(old: &Profile, change: ProfileChange, now: Timestamp) -> Profile {
    let mut new = old.clone();
    new.picture = change.picture.or(new.picture);
    new.username = change.username.unwrap_or(new.username);
    new.name = change.name.map_or(new.name, Name::into_string);
    new.bio = change.bio.as_ref().map(Bio::as_str).map_or(new.bio, str::to_owned);
    if new != *old {
        new.updated = now;
    }
    new
}

fn update(tx: &Tx<'_>, old: &Profile, new: &Profile) -> Outcome<()> {
    tx.run(
        "UPDATE profiles SET username = ?2, name = ?3, bio = ?4, picture_media = ?5, picture_location = ?6, updated = ?7
         WHERE id = ?1",
        params![
            key(new.id),
            new.username,
            new.name,
            new.bio,
            new.picture.as_ref().map(|picture| key(picture.media)),
            new.picture.as_ref().map(|picture| &picture.location),
            new.updated.millis()
        ],
    )?;
    index(tx, new.id, &parts_of(old), &parts_of(new))?;
    let media = |profile: &Profile| profile.picture.as_ref().map(|picture| picture.media);
    if media(old) != media(new) {
        events::append(tx, &Event::PictureChanged { account: new.id, new: media(new), old: media(old) })?;
    }
    Ok(())
}

fn profile(conn: &Connection, user: UserId) -> Outcome<Option<Profile>> {
    profiles(conn)?(user)
}

/// Looks up one profile after another, by one statement.
fn profiles(conn: &Connection) -> Outcome<impl FnMut(UserId) -> Outcome<Option<Profile>>> {
    let mut statement = sql::prepare(conn, BY_ID)?;
    Ok(move |user| Ok(statement.query_row([key(user)], profile_of).optional()?))
}

/// Counts a follow at both ends; `false` when nobody is there to be followed.
pub(crate) fn count_follow(tx: &Tx<'_>, follower: UserId, followee: UserId) -> Outcome<bool> {
    let sql = "UPDATE profiles SET followers = followers + 1, most_followers = max(most_followers, followers + 1)
         WHERE id = ?1";
    let is_there = tx.run(sql, [key(followee)])? > 0;
    tx.run("UPDATE profiles SET following = following + 1 WHERE id = ?1", [key(follower)])?;
    Ok(is_there)
}

/// Adds the follow and counts it at both ends.
fn add_follow(tx: &Tx<'_>, id: FollowId, follower: UserId, followee: UserId) -> Outcome<()> {
    if !count_follow(tx, follower, followee)? {
        return Err(user_not_found().into());
    }
    let sql = "INSERT INTO follows (id, follower, followee) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING";
    if tx.run(sql, [key(id), key(follower), key(followee)])? == 0 {
        // The error undoes the counting.
        return Err(Error::conflict("already_following", "You already follow this user").into());
    }
    Ok(())
}

/// Removes the follow and counts it down at both ends; `false` when there is none.
fn remove_follow(tx: &Tx<'_>, follower: UserId, followee: UserId) -> Outcome<bool> {
    let sql = "DELETE FROM follows WHERE follower = ?1 AND followee = ?2";
    if tx.run(sql, [key(follower), key(followee)])? == 0 {
        return Ok(false);
    }
    tx.run("UPDATE profiles SET followers = followers - 1 WHERE id = ?1", [key(followee)])?;
    tx.run("UPDATE profiles SET following = following - 1 WHERE id = ?1", [key(follower)])?;
    Ok(true)
}

fn follows(conn: &Connection, sql: &str, user: UserId, page: PageRequest<FollowId>) -> Outcome<Page<Follow, FollowId>> {
    let range = params![key(user), sql::before(&page), sql::one_more(&page)];
    let follows = conn.all(sql, range, |row| Ok(Follow { id: sql::id(row, 0)?, user: sql::id(row, 1)? }))?;
    Ok(Page::cut(follows, page.limit, |follow| follow.id))
}

fn erase(tx: &Tx<'_>, user: UserId, limit: usize) -> Outcome<usize> {
    let profile = profile(tx, user)?;
    if let Some(profile) = &profile {
        tx.run("DELETE FROM profiles WHERE id = ?1", [key(user)])?;
        index(tx, user, &parts_of(profile), &BTreeSet::new())?;
    }
    let followees = ends(tx, "SELECT followee FROM follows WHERE follower = ?1 LIMIT ?2", user, limit)?;
    let left = limit - followees.len();
    let followers = ends(tx, "SELECT follower FROM follows WHERE followee = ?1 LIMIT ?2", user, left)?;
    for followee in &followees {
        remove_follow(tx, user, *followee)?;
    }
    for follower in &followers {
        remove_follow(tx, *follower, user)?;
    }
    Ok(usize::from(profile.is_some()) + followees.len() + followers.len())
}

fn ends(tx: &Tx<'_>, sql: &str, user: UserId, limit: usize) -> Outcome<Vec<UserId>> {
    Ok(tx.all(sql, params![key(user), sql::limit(limit)], |row| sql::id(row, 0))?)
}

pub(crate) fn profile_of(row: &Row<'_>) -> rusqlite::Result<Profile> {
    let picture = match row.get(5)? {
        Some(location) => Some(Picture { media: sql::id(row, 4)?, location }),
        None => None,
    };
    Ok(Profile {
        id: sql::id(row, 0)?,
        username: row.get(1)?,
        name: row.get(2)?,
        bio: row.get(3)?,
        picture,
        followers: sql::count(row, 6)?,
        following: sql::count(row, 7)?,
        created: sql::time(row, 8)?,
        updated: sql::time(row, 9)?,
        most_followers: sql::count(row, 10)?,
    })
}
