//! Whether profiles go with accounts, and are found by their names alone.

use std::collections::BTreeSet;

use bson::{Bson, doc, oid::ObjectId};
use echo_domain::users::parts;
use serde::Deserialize;

use crate::{
    collections::{ACCOUNTS, PROFILES},
    error::Outcome,
};

use super::look::{Moment, Wrong};

/// All of a profile that the search goes by.
#[derive(Debug, Deserialize)]
struct Found {
    #[serde(rename = "_id")]
    id: ObjectId,
    username: String,
    name: String,
    parts: BTreeSet<String>,
}

/// Accounts that have none.
pub(super) async fn missing(it: &mut Moment<'_>, accounts: &[ObjectId]) -> Outcome<Vec<Wrong>> {
    let there = it.there(&PROFILES, accounts).await?;
    let usernames = it.field(&ACCOUNTS, "username", accounts).await?;
    let missing = usernames.into_iter().filter(|(account, _)| !there.contains(account));
    Ok(missing.map(|(account, username)| Wrong::told(account, format!("{account} {}", text(&username)))).collect())
}

/// Those under another username than their account's.
pub(super) async fn misnamed(it: &mut Moment<'_>, profiles: &[ObjectId]) -> Outcome<Vec<Wrong>> {
    let shown = it.field(&PROFILES, "username", profiles).await?;
    let accounts = it.field(&ACCOUNTS, "username", profiles).await?;
    let misnamed = accounts.into_iter().filter_map(|(id, right)| {
        let shown = shown.get(&id).filter(|shown| **shown != right)?;
        Some(Wrong::told(id, format!("{id} is called {}, not {}", text(shown), text(&right))))
    });
    Ok(misnamed.collect())
}

/// Those that are not found by some part of their names.
pub(super) async fn not_found(it: &mut Moment<'_>, profiles: &[ObjectId]) -> Outcome<Vec<Wrong>> {
    let is_wrong = |profile: &Found| !parts(&profile.username, &profile.name).is_subset(&profile.parts);
    search(it, profiles, is_wrong).await
}

/// Those that are found by what is no part of their names.
pub(super) async fn found_wrongly(it: &mut Moment<'_>, profiles: &[ObjectId]) -> Outcome<Vec<Wrong>> {
    let is_wrong = |profile: &Found| !profile.parts.is_subset(&parts(&profile.username, &profile.name));
    search(it, profiles, is_wrong).await
}

async fn search(it: &mut Moment<'_>, profiles: &[ObjectId], is_wrong: fn(&Found) -> bool) -> Outcome<Vec<Wrong>> {
    let fields = doc! { "username": 1, "name": 1, "parts": 1 };
    let found: Vec<Found> = it.find(&PROFILES, doc! { "_id": { "$in": profiles } }, fields).await?;
    let wrong = found.into_iter().filter(is_wrong);
    Ok(wrong.map(|profile| Wrong::told(profile.id, profile.username)).collect())
}

fn text(value: &Bson) -> &str {
    value.as_str().unwrap_or_default()
}
