//! Mends what checks find: through the stores where there is a method for it, so that counts and events come with it.

use std::sync::Arc;

use echo_domain::{
    Error, Event, PostId, RawId, Result, Timestamp, UserId,
    posts::PostStore,
    users::{Profile, ProfileChange, ProfileStore},
};
use rusqlite::types::Value;

use crate::{
    Database, SqlitePosts, SqliteProfiles,
    error::Outcome,
    sql::{Sql, key},
    users,
    writer::Tx,
};

use super::{Check, Found, Mend, find};

/// As many as are found at a time, and mended before looking again.
const BATCH: usize = 500;
/// As many rows as one write removes.
const ROWS: usize = 500;

/// Mends what the check finds, until it finds nothing or what it finds does not get less. Returns how many.
pub(super) async fn all(database: &Arc<Database>, check: &'static Check, now: Timestamp) -> Result<u64> {
    let look = || database.read("doctor.find", move |conn| Ok(find(conn, check, now, BATCH)?));
    let (first, mut found) = look().await?;
    let mut left = first;
    while left > 0 {
        batch(database, check.mend, found, now).await?;
        let (still, more) = look().await?;
        if still >= left {
            break;
        }
        (left, found) = (still, more);
    }
    Ok(first.saturating_sub(left))
}

async fn batch(database: &Arc<Database>, mend: Mend, found: Vec<Found>, now: Timestamp) -> Result<()> {
    let keys = found.into_iter().map(|found| found.key);
    match mend {
        Mend::With(statements) => {
            let keys: Vec<_> = keys.collect();
            return database
                .write("doctor.mend", move |tx| keys.iter().try_for_each(|key| with(tx, statements, key)))
                .await;
        }
        Mend::IndexProfile => {
            let keys = keys.map(|key| id(&key).map(UserId)).collect::<Result<Vec<_>>>()?;
            return database
                .write("doctor.index", move |tx| {
                    keys.into_iter().try_for_each(|account| users::index_again(tx, account))
                })
                .await;
        }
        _ => {}
    }
    for key in keys {
        one(database, mend, id(&key)?, now).await?;
    }
    Ok(())
}

async fn one(database: &Arc<Database>, mend: Mend, id: RawId, now: Timestamp) -> Result<()> {
    let (posts, profiles) = (SqlitePosts(database.clone()), SqliteProfiles(database.clone()));
    match mend {
        Mend::PurgePost => while posts.purge(PostId(id), ROWS).await? > 0 {},
        Mend::EraseTraces => while posts.erase_traces(UserId(id), ROWS).await? > 0 {},
        Mend::EraseProfile => while profiles.erase(UserId(id), ROWS).await? > 0 {},
        Mend::RemovePost => remove_post(&posts, PostId(id)).await?,
        Mend::OpenProfile => open_profile(database, &profiles, UserId(id), now).await?,
        Mend::RenameProfile => rename_profile(database, &profiles, UserId(id), now).await?,
        Mend::With(_) | Mend::IndexProfile | Mend::Server | Mend::Person => {}
    }
    Ok(())
}

/// With the event by which its likes, comments and images go.
async fn remove_post(posts: &SqlitePosts, post: PostId) -> Result<()> {
    for detail in posts.details(&[post]).await? {
        let news = Event::PostDeleted { post, author: detail.post.author, media: detail.post.media() };
        posts.remove(post, &news).await?;
    }
    Ok(())
}

/// Called by the username: nobody else knows the name. An account that is gone meanwhile takes the profile along, by the
/// event of its end.
async fn open_profile(
    database: &Arc<Database>,
    profiles: &SqliteProfiles,
    account: UserId,
    now: Timestamp,
) -> Result<()> {
    match username(database, account).await? {
        Some(username) => profiles.open(&Profile::new(account, &username, &username, now)).await,
        None => Ok(()),
    }
}

async fn rename_profile(
    database: &Arc<Database>,
    profiles: &SqliteProfiles,
    account: UserId,
    now: Timestamp,
) -> Result<()> {
    let change = ProfileChange { username: username(database, account).await?, ..ProfileChange::default() };
    profiles.update(account, &change, now).await.map(drop)
}

async fn username(database: &Arc<Database>, account: UserId) -> Result<Option<String>> {
    let sql = "SELECT username FROM accounts WHERE id = ?1";
    database.read("doctor.account", move |conn| Ok(conn.one(sql, [key(account)], |row| row.get(0))?)).await
}

fn with(tx: &Tx<'_>, statements: &[&str], key: &Value) -> Outcome<()> {
    for statement in statements {
        tx.prepare_cached(statement)?.execute([key])?;
    }
    Ok(())
}

fn id(key: &Value) -> Result<RawId> {
    match key {
        Value::Blob(bytes) => bytes.as_slice().try_into().map(RawId::from_bytes).map_err(Error::internal),
        _ => Err(Error::internal("what was found has no id")),
    }
}
