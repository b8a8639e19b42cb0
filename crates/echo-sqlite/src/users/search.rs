//! Finding people by any part of a name (ADR 0003): the index of what names are made of, and how it is searched.

use std::{cmp::Reverse, collections::BTreeSet};

use echo_domain::{
    Page, PageRequest, UserId,
    users::{Profile, Search, parts},
};
use rusqlite::{Connection, Row, params};

use crate::{
    error::Outcome,
    sql::{self, Sql, key},
    writer::Tx,
};

use super::{profile, profiles};

/// How many rows of the index a search reads, and then how many people it looks at, in each of its attempts. No search
/// does more than all of them, 2 ms of a processor, however many people there are. The first is enough for a name that
/// one person has, and for ten of a name that one in eight has.
pub(super) const ATTEMPTS: [(usize, usize); 3] = [(20, 200), (1000, 1000), (10_000, 4000)];

/// What the profile is to be found by.
pub(super) fn parts_of(profile: &Profile) -> BTreeSet<String> {
    parts(&profile.username, &profile.name)
}

/// Makes the account findable by its new parts, and no longer by what was only among the old.
pub(super) fn index(tx: &Tx<'_>, account: UserId, old: &BTreeSet<String>, new: &BTreeSet<String>) -> Outcome<()> {
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

/// A text that few have is found by its rows in the index, one that many have among the newest people. Which it is shows
/// as it goes: each attempt costs more than those before it, so that they add little to the one that succeeds. When none
/// does, the page ends where the last one came to.
pub(super) fn find(
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

#[cfg(test)]
mod tests {
    use echo_domain::{
        RawId, Timestamp,
        users::{ProfileChange, ProfileStore},
    };

    use crate::{Database, Options, SqliteProfiles};

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
