//! Profiles, who follows whom, and finding people by any part of a name.

use std::{cmp::Reverse, collections::BTreeSet, sync::Arc};

use async_trait::async_trait;
use echo_domain::{
    Error, Event, FollowId, IdMap, Page, PageRequest, Result, Timestamp, UserId,
    media::Picture,
    users::{Bio, Follow, Name, Profile, ProfileChange, ProfileStore, Relation, Search, parts, user_not_found},
};
use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::{
    Database,
    error::Outcome,
    events,
    sql::{self, Sql, key},
    writer::Tx,
};

/// Keeps profiles and follows in SQLite.
pub struct SqliteProfiles(pub Arc<Database>);

/// How many rows of the index a search reads, and then how many people it looks at, in each of its attempts. No search
/// does more than all of them, 2 ms of a processor, however many people there are. The first is enough for a name that
/// one person has, and for ten of a name that one in eight has.
const ATTEMPTS: [(usize, usize); 3] = [(20, 200), (1000, 1000), (10_000, 4000)];

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
    if added > 0 { index(tx, profile.id, &BTreeSet::new(), &parts_of(profile)) } else { Ok(()) }
}

/// What the profile is to be found by.
fn parts_of(profile: &Profile) -> BTreeSet<String> {
    parts(&profile.username, &profile.name)
}

/// Makes the account findable by its new parts, and no longer by what was only among the old.
fn index(tx: &Tx<'_>, account: UserId, old: &BTreeSet<String>, new: &BTreeSet<String>) -> Outcome<()> {
    for part in old.difference(new) {
        tx.run("DELETE FROM name_parts WHERE part = ?1 AND account = ?2", params![part, key(account)])?;
    }
    for part in new.difference(old) {
        tx.run(
            "INSERT INTO name_parts (part, account) VALUES (?1, ?2) ON CONFLICT DO NOTHING",
            params![part, key(account)],
        )?;
    }
    Ok(())
}

/// Makes an account findable by its names of now, whatever it was found by. Reads the whole index.
pub(crate) fn index_again(tx: &Tx<'_>, account: UserId) -> Outcome<()> {
    tx.prepare_cached("DELETE FROM name_parts WHERE account = ?1")?.execute([key(account)])?;
    match profile(tx, account)? {
        Some(profile) => index(tx, account, &BTreeSet::new(), &parts_of(&profile)),
        None => Ok(()),
    }
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

/// A text that few have is found by its rows in the index, one that many have among the newest people. Which it is shows
/// as it goes: each attempt costs more than those before it, so that they add little to the one that succeeds. When none
/// does, the page ends where the last one came to.
fn find(
    conn: &Connection,
    search: &Search,
    page: PageRequest<UserId>,
    attempts: &[(usize, usize)],
) -> Outcome<Page<Profile, UserId>> {
    let mut found = Page { items: Vec::new(), next: None };
    for &(rows, people) in attempts {
        if let Some(all) = by_parts(conn, search, page, rows)? {
            return Ok(all);
        }
        found = by_age(conn, search, page, people)?;
        if found.items.len() == page.limit || found.next.is_none() {
            break;
        }
    }
    Ok(found)
}

/// The page, if the index has no more than so many rows of those who match; else `None`.
fn by_parts(
    conn: &Connection,
    search: &Search,
    page: PageRequest<UserId>,
    rows: usize,
) -> Outcome<Option<Page<Profile, UserId>>> {
    const FIND: &str = "SELECT account FROM name_parts WHERE part BETWEEN ?1 AND ?2 LIMIT ?3";
    let (first, last) = search.range();
    let mut accounts: Vec<UserId> =
        conn.all(FIND, params![first, last, sql::limit(rows + 1)], |row| sql::id(row, 0))?;
    if accounts.len() > rows {
        return Ok(None);
    }
    accounts.retain(|account| page.before.is_none_or(|before| *account < before));
    accounts.sort_unstable_by_key(|account| Reverse(*account));
    accounts.dedup();
    let mut profile = profiles(conn)?;
    let found = accounts.into_iter().filter_map(|account| profile(account).transpose());
    let found = found.take(page.one_more()).collect::<Outcome<_>>()?;
    Ok(Some(Page::cut(found, page.limit, |profile| profile.id)))
}

/// The page, as far as so many people fill it, newest first.
fn by_age(
    conn: &Connection,
    search: &Search,
    page: PageRequest<UserId>,
    people: usize,
) -> Outcome<Page<Profile, UserId>> {
    const NEWEST: &str = "SELECT id, username, name FROM profiles WHERE id < ?1 ORDER BY id DESC LIMIT ?2";
    let mut statement = sql::prepare(conn, NEWEST)?;
    let mut rows = statement.query(params![sql::before(&page), sql::limit(people)])?;

    let mut profile = profiles(conn)?;
    let mut items = Vec::new();
    let mut seen = 0;
    while let Some(row) = rows.next()? {
        if matches(search, row)? {
            items.extend(profile(sql::id(row, 0)?)?);
        }
        if items.len() > page.limit {
            break;
        }
        seen += 1;
        if seen == people {
            return Ok(Page { items, next: Some(sql::id(row, 0)?) });
        }
    }
    Ok(Page::cut(items, page.limit, |profile| profile.id))
}

/// Without copying what it reads.
fn matches(search: &Search, row: &Row<'_>) -> rusqlite::Result<bool> {
    Ok(search.matches(row.get_ref(1)?.as_str()?, row.get_ref(2)?.as_str()?))
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

    const NOW: Timestamp = Timestamp::from_millis(0);

    fn user(number: u8) -> UserId {
        UserId(RawId::from_bytes([number; 12]))
    }

    /// Some have much of a name in common, some little, and most have the same part in it more than once.
    fn people(n: u8) -> Vec<Profile> {
        let name = |number: u8| ["ana", "nan", "ban"][usize::from(number % 3)].repeat(1 + usize::from(number % 4));
        (0..n).map(|number| Profile::new(user(number), &format!("p{}", number % 10), &name(number), NOW)).collect()
    }

    async fn opened(profiles: &[Profile]) -> (SqliteProfiles, tempfile::TempDir) {
        let folder = tempfile::tempdir().unwrap();
        let store = SqliteProfiles(Database::open(&folder.path().join("echo.db"), Options::default()).unwrap());
        for profile in profiles {
            store.open(profile).await.unwrap();
        }
        (store, folder)
    }

    async fn kept(store: &SqliteProfiles) -> Vec<(String, UserId)> {
        let sql = "SELECT part, account FROM name_parts WHERE part > '' ORDER BY part, account";
        store
            .0
            .read("test.kept", |conn| Ok(conn.all(sql, [], |row| Ok((row.get(0)?, sql::id(row, 1)?)))?))
            .await
            .unwrap()
    }

    #[tokio::test]
    async fn a_walk_meets_all_who_match_whatever_attempts_are_made() {
        const ATTEMPTS: [&[(usize, usize)]; 6] =
            [&[(1000, 0)], &[(0, 1)], &[(0, 3)], &[(0, 1000)], &[(5, 2), (20, 4)], &[(30, 7), (100, 9)]];
        let people = people(60);
        let (store, _folder) = opened(&people).await;

        for query in ["a", "an", "nana", "bb", "p", "p7", "7", "nb", "banban"] {
            let search = Search::parse(query).unwrap();
            let expected: Vec<_> =
                people.iter().rev().filter(|it| search.matches(&it.username, &it.name)).cloned().collect();
            for (attempts, limit) in ATTEMPTS.into_iter().flat_map(|attempts| [(attempts, 1), (attempts, 4)]) {
                let mut walked = Vec::new();
                let mut page = PageRequest::first(limit);
                loop {
                    let search = search.clone();
                    let found =
                        store.0.read("test.find", move |conn| find(conn, &search, page, attempts)).await.unwrap();
                    assert!(found.items.len() <= limit);
                    walked.extend(found.items);
                    if found.next.is_none() {
                        break;
                    }
                    page.before = found.next;
                }
                assert_eq!(walked, expected, "{query} by {attempts:?} in pages of {limit}");
            }
        }
    }

    #[tokio::test]
    async fn the_index_holds_the_names_of_now_and_nothing_else() {
        let [ana, ben] = [Profile::new(user(1), "Ana", "Zoë", NOW), Profile::new(user(2), "ben", "ana", NOW)];
        let (store, _folder) = opened(&[ana.clone(), ben.clone()]).await;
        let parts_of_both = |ana: &Profile| -> Vec<_> {
            let parts = [ana, &ben].map(|it| parts_of(it).into_iter().map(|part| (part, it.id)));
            parts.into_iter().flatten().collect::<BTreeSet<_>>().into_iter().collect()
        };
        assert_eq!(kept(&store).await, parts_of_both(&ana));

        let change = ProfileChange { username: Some("Joana".to_owned()), ..ProfileChange::default() };
        let ana = store.update(ana.id, &change, NOW).await.unwrap().unwrap();
        assert_eq!(kept(&store).await, parts_of_both(&ana));

        store.erase(ana.id, 10).await.unwrap();
        assert_eq!(kept(&store).await.len(), parts_of(&ben).len());
        store.erase(ben.id, 10).await.unwrap();
        assert_eq!(kept(&store).await, []);
    }
}
