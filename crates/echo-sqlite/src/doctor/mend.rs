//! Mends what checks find: through the stores where there is a method for it, so that counts and events come with it.

use std::{error::Error as _, sync::Arc};

use echo_domain::{
    Error, Event, MediaId, PostId, RawId, Result, Timestamp, UserId,
    doctor::{Cure, Mended},
    media::Digest,
    posts::PostStore,
    users::{Profile, ProfileChange, ProfileStore},
};
use rusqlite::types::Value;
use tokio::task::JoinSet;

use crate::{
    Database, SqlitePosts, SqliteProfiles,
    blobs::shown,
    error::Outcome,
    media::{self, sets},
    sql::{Sql, key},
    users,
    writer::Tx,
};

use super::{Check, Mend, checks, find};

/// As many as are mended at a time. Those share commits.
const BATCH: usize = 500;
/// As many rows as one write removes.
const ROWS: usize = 500;
/// Mending one thing may show another: a profile that is opened has no follows counted.
const ROUNDS: usize = 5;

/// Mends what all checks find, until a round mends nothing more.
pub(super) async fn all(database: &Arc<Database>, readable: bool, now: Timestamp) -> Vec<Mended> {
    let checks: Vec<_> = checks::possible(readable).filter(|check| check.cure() == Cure::Mend).collect();
    let mut all: Vec<_> = checks.iter().map(|check| Mended::nothing(check.name)).collect();
    for _ in 0..ROUNDS {
        let mut done = 0;
        for (check, mended) in checks.iter().zip(&mut all) {
            let this_time = found_by(database, check, now).await;
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
async fn found_by(database: &Arc<Database>, check: &'static Check, now: Timestamp) -> Mended {
    let mut mended = Mended::nothing(check.name);
    if let Err(error) = try_found_by(database, check, now, &mut mended).await {
        mended.fail(why(&error));
    }
    mended
}

async fn try_found_by(
    database: &Arc<Database>,
    check: &'static Check,
    now: Timestamp,
    mended: &mut Mended,
) -> Result<()> {
    let mut found = keys(database, check, now).await?;
    let first = found.len();
    while !found.is_empty() {
        let mut tasks = JoinSet::new();
        for key in found.split_off(found.len().saturating_sub(BATCH)) {
            let database = database.clone();
            tasks.spawn(async move {
                let mended = one(&database, check.mend, &key, now).await;
                mended.map_err(|error| format!("{}: {}", told(&key), why(&error)))
            });
        }
        while let Some(outcome) = tasks.join_next().await {
            if let Err(why) = outcome.map_err(Error::internal)? {
                mended.fail(why);
            }
        }
    }
    if first > 0 {
        let left = keys(database, check, now).await?.len();
        mended.done = first.saturating_sub(left) as u64;
    }
    Ok(())
}

async fn keys(database: &Arc<Database>, check: &'static Check, now: Timestamp) -> Result<Vec<Value>> {
    database
        .read("doctor.find", move |conn| {
            let mut keys = Vec::new();
            find(conn, check, now, |row| {
                keys.push(row.get(0)?);
                Ok(())
            })?;
            Ok(keys)
        })
        .await
}

async fn one(database: &Arc<Database>, mend: Mend, key: &Value, now: Timestamp) -> Result<()> {
    let (posts, profiles) = (SqlitePosts(database.clone()), SqliteProfiles(database.clone()));
    match mend {
        Mend::With(statements) => {
            let key = key.clone();
            database.write("doctor.mend", move |tx| with(tx, statements, &key)).await?;
        }
        Mend::IndexProfile => {
            let account = UserId(id(key)?);
            database.write("doctor.index", move |tx| users::index_again(tx, account)).await?;
        }
        Mend::RecountImages => {
            let digest = digest(key)?;
            database.write("doctor.recount", move |tx| sets::recount(tx, digest)).await?;
        }
        Mend::RemoveImage => {
            let image = MediaId(id(key)?);
            database.write("doctor.remove", move |tx| remove_image(tx, image)).await?;
        }
        Mend::PurgePost => while posts.purge(PostId(id(key)?), ROWS).await? > 0 {},
        Mend::EraseTraces => while posts.erase_traces(UserId(id(key)?), ROWS).await? > 0 {},
        Mend::EraseProfile => while profiles.erase(UserId(id(key)?), ROWS).await? > 0 {},
        Mend::RemovePost => remove_post(&posts, PostId(id(key)?)).await?,
        Mend::OpenProfile => open_profile(database, &profiles, UserId(id(key)?), now).await?,
        Mend::RenameProfile => rename_profile(database, &profiles, UserId(id(key)?), now).await?,
        Mend::Server | Mend::Person => {}
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

fn remove_image(tx: &Tx<'_>, image: MediaId) -> Outcome<()> {
    let unshown = concat!("SELECT 1 FROM media WHERE id = ?1 AND expires IS NULL AND NOT ", shown!());
    if tx.prepare_cached(unshown)?.exists([key(image)])? { media::remove(tx, image) } else { Ok(()) }
}

fn digest(key: &Value) -> Result<Digest> {
    match key {
        Value::Blob(bytes) => bytes.as_slice().try_into().map(Digest::from_bytes).map_err(Error::internal),
        _ => Err(Error::internal("what was found has no digest")),
    }
}

fn id(key: &Value) -> Result<RawId> {
    match key {
        Value::Blob(bytes) => bytes.as_slice().try_into().map(RawId::from_bytes).map_err(Error::internal),
        _ => Err(Error::internal("what was found has no id")),
    }
}

/// Ids as clients know them.
fn told(key: &Value) -> String {
    match key {
        Value::Blob(bytes) => bytes.iter().map(|byte| format!("{byte:02x}")).collect(),
        Value::Integer(number) => number.to_string(),
        other => format!("{other:?}"),
    }
}

/// Of our bugs and damaged data, only the source says what is the matter.
fn why(error: &Error) -> String {
    error.source().map_or_else(|| error.to_string(), ToString::to_string)
}
