//! Profiles, who follows whom, and finding people by any part of a name.

use std::{fmt::Write, sync::Arc};

use async_trait::async_trait;
use echo_domain::{
    Error, Event, FollowId, IdMap, Page, PageRequest, Result, Timestamp, UserId,
    media::Picture,
    users::{Bio, Follow, Name, Profile, ProfileChange, ProfileStore, Relation, Search, grams, user_not_found},
};
use rusqlite::{Connection, Row, params};

use crate::{
    Database,
    error::Outcome,
    events,
    sql::{self, Sql, key},
    writer::Tx,
};

/// Keeps profiles and follows in SQLite.
pub struct SqliteProfiles(pub Arc<Database>);

/// How many people one search looks at before it gives what it has.
const CANDIDATES: usize = 1000;

const BY_ID: &str = "SELECT id, username, name, bio, picture_media, picture_location, followers, following, created,
         updated FROM profiles WHERE id = ?1";

#[async_trait]
impl ProfileStore for SqliteProfiles {
    async fn open(&self, profile: &Profile) -> Result<()> {
        let profile = profile.clone();
        self.0.write("profiles.open", move |tx| insert(tx, &profile)).await
    }

    async fn by_ids(&self, users: &[UserId]) -> Result<IdMap<UserId, Arc<Profile>>> {
        let users = users.to_vec();
        self.0
            .read("profiles.by_ids", move |conn| {
                let profiles = users
                    .into_iter()
                    .filter_map(|user| profile(conn, user).map(|it| it.map(|it| (user, Arc::new(it)))).transpose());
                profiles.collect()
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
        self.0.read("profiles.search", move |conn| find(conn, &search, page)).await
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

    async fn all_following(&self, user: UserId) -> Result<Vec<UserId>> {
        self.0
            .read("profiles.all_following", move |conn| {
                let sql = "SELECT followee FROM follows WHERE follower = ?1";
                Ok(conn.all(sql, [key(user)], |row| sql::id(row, 0))?)
            })
            .await
    }

    async fn erase(&self, user: UserId, limit: usize) -> Result<usize> {
        self.0.write("profiles.erase", move |tx| erase(tx, user, limit)).await
    }
}

fn insert(tx: &Tx<'_>, profile: &Profile) -> Outcome<()> {
    let number = free_number(tx, profile.id)?;
    let added = tx.run(
        "INSERT INTO profiles (id, username, name, bio, picture_media, picture_location, followers, following, created,
             updated, n)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, 0, 0, ?7, ?8, ?9) ON CONFLICT DO NOTHING",
        params![
            key(profile.id),
            profile.username,
            profile.name,
            profile.bio,
            profile.picture.as_ref().map(|picture| key(picture.media)),
            profile.picture.as_ref().map(|picture| &picture.location),
            profile.created.millis(),
            profile.updated.millis(),
            number
        ],
    )?;
    if added > 0 { index(tx, number, profile) } else { Ok(()) }
}

/// The row id of a profile, which must be an integer and order as the ids do: the text index lists by it. It has the
/// id's 32 bits of seconds, the first 7 of its process and the 24 of its counter.
fn number(user: UserId) -> i64 {
    let [s0, s1, s2, s3, process, _, _, _, _, c0, c1, c2] = key(user);
    i64::from(u32::from_be_bytes([s0, s1, s2, s3])) << 31
        | i64::from(process >> 1) << 24
        | i64::from(u32::from_be_bytes([0, c0, c1, c2]))
}

/// Two processes may, in the same second, come to the same number. Their profiles then are neighbours in either order.
fn free_number(tx: &Tx<'_>, user: UserId) -> Outcome<i64> {
    let mut number = number(user);
    while tx.any("SELECT 1 FROM profiles WHERE n = ?1 AND id <> ?2", params![number, key(user)])? {
        number = number.wrapping_add(1);
    }
    Ok(number)
}

/// Makes the profile findable under its names of now.
fn index(tx: &Tx<'_>, number: i64, profile: &Profile) -> Outcome<()> {
    let tokens = tokens(grams(&profile.username, &profile.name), " ");
    tx.run("INSERT OR REPLACE INTO profile_grams (rowid, grams) VALUES (?1, ?2)", params![number, tokens])?;
    Ok(())
}

/// Makes a profile findable whose names were not indexed.
pub(crate) fn index_again(tx: &Tx<'_>, user: UserId) -> Outcome<()> {
    let number = tx.one("SELECT n FROM profiles WHERE id = ?1", [key(user)], |row| row.get(0))?;
    match (number, profile(tx, user)?) {
        (Some(number), Some(profile)) => index(tx, number, &profile),
        _ => Ok(()),
    }
}

/// One token per gram, in hexadecimal: the tokenizer finds no other boundary in it, and FTS5 no syntax.
fn tokens(grams: impl IntoIterator<Item = String>, separator: &str) -> String {
    let mut text = String::new();
    for gram in grams {
        if !text.is_empty() {
            text.push_str(separator);
        }
        for byte in gram.bytes() {
            // Writing to a string cannot fail.
            let _ = write!(text, "{byte:02x}");
        }
    }
    text
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
    let number = tx.one(
        "UPDATE profiles SET username = ?2, name = ?3, bio = ?4, picture_media = ?5, picture_location = ?6, updated = ?7
         WHERE id = ?1 RETURNING n",
        params![
            key(new.id),
            new.username,
            new.name,
            new.bio,
            new.picture.as_ref().map(|picture| key(picture.media)),
            new.picture.as_ref().map(|picture| &picture.location),
            new.updated.millis()
        ],
        |row| row.get(0),
    )?;
    if let Some(number) = number
        && (&old.username, &old.name) != (&new.username, &new.name)
    {
        index(tx, number, new)?;
    }
    let media = |profile: &Profile| profile.picture.as_ref().map(|picture| picture.media);
    if media(old) != media(new) {
        events::append(tx, &Event::PictureChanged { account: new.id, new: media(new), old: media(old) })?;
    }
    Ok(())
}

fn profile(conn: &Connection, user: UserId) -> Outcome<Option<Profile>> {
    Ok(conn.one(BY_ID, [key(user)], profile_of)?)
}

/// Goes through those who share the text's grams, newest first, until the page is full or it has seen enough.
fn find(conn: &Connection, search: &Search, page: PageRequest<UserId>) -> Outcome<Page<Profile, UserId>> {
    const FIND: &str = "SELECT p.id, p.username, p.name, p.bio, p.picture_media, p.picture_location, p.followers,
             p.following, p.created, p.updated
         FROM profile_grams CROSS JOIN profiles AS p ON p.n = profile_grams.rowid
         WHERE profile_grams MATCH ?1 AND profile_grams.rowid < ?2
         ORDER BY profile_grams.rowid DESC LIMIT ?3";
    let mut statement = sql::prepare(conn, FIND)?;
    let all_grams = tokens(search.grams(), " AND ");
    let mut candidates = statement.query(params![all_grams, start(conn, page)?, sql::limit(CANDIDATES + 1)])?;

    let mut items = Vec::new();
    let mut last = None;
    let mut seen = 0;
    while let Some(row) = candidates.next()? {
        // There is at least this one more, whether it matches or not.
        if seen == CANDIDATES {
            return Ok(Page { items, next: last });
        }
        let candidate = profile_of(row)?;
        seen += 1;
        last = Some(candidate.id);
        if search.matches(&candidate.username, &candidate.name) {
            items.push(candidate);
        }
        if items.len() > page.limit {
            break;
        }
    }
    Ok(Page::cut(items, page.limit, |profile| profile.id))
}

/// The number that everyone on the page is below.
fn start(conn: &Connection, page: PageRequest<UserId>) -> Outcome<i64> {
    let Some(before) = page.before else { return Ok(i64::MAX) };
    let kept = conn.one("SELECT n FROM profiles WHERE id = ?1", [key(before)], |row| row.get(0))?;
    Ok(kept.unwrap_or_else(|| number(before)))
}

/// Adds the follow and counts it at both ends.
fn add_follow(tx: &Tx<'_>, id: FollowId, follower: UserId, followee: UserId) -> Outcome<()> {
    if tx.run("UPDATE profiles SET followers = followers + 1 WHERE id = ?1", [key(followee)])? == 0 {
        return Err(user_not_found().into());
    }
    tx.run("UPDATE profiles SET following = following + 1 WHERE id = ?1", [key(follower)])?;
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
    let profile: Option<i64> =
        tx.one("DELETE FROM profiles WHERE id = ?1 RETURNING n", [key(user)], |row| row.get(0))?;
    if let Some(number) = profile {
        tx.run("DELETE FROM profile_grams WHERE rowid = ?1", [number])?;
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

fn profile_of(row: &Row<'_>) -> rusqlite::Result<Profile> {
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
    })
}

#[cfg(test)]
mod tests {
    use echo_domain::{RawId, Timestamp};

    use crate::Options;

    use super::*;

    fn user(second: u8, process: u8, counter: u8) -> UserId {
        UserId(RawId::from_bytes([0xff, 0, 0, second, process, 0, 0, 0, counter, 0, 0, counter]))
    }

    #[test]
    fn numbers_order_as_ids_do() {
        let users = [user(0, 0, 0), user(0, 0, 1), user(0, 2, 0), user(1, 0, 0), user(1, 0xff, 0xff)];

        assert!(users.is_sorted_by(|a, b| a < b && 0 <= number(*a) && number(*a) < number(*b)));
    }

    #[tokio::test]
    async fn two_with_the_same_number_are_both_found() {
        let folder = tempfile::tempdir().unwrap();
        let database = Database::open(&folder.path().join("echo.db"), Options::default()).unwrap();
        let store = SqliteProfiles(database);
        let users = [user(0, 2, 7), user(0, 3, 7)];
        for user in users {
            store.open(&Profile::new(user, "ana_", "Ana", Timestamp::from_millis(0))).await.unwrap();
        }

        let search = Search::parse("ana").unwrap();
        let first = store.search(&search, PageRequest::first(1)).await.unwrap();
        let second = store.search(&search, PageRequest { before: first.next, limit: 1 }).await.unwrap();

        assert_eq!([second.items[0].id, first.items[0].id], users);
        assert_eq!(second.next, None);
    }
}
