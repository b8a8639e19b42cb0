//! Finding people by any part of a name (ADR 0003): each profile has an array of what it is found by, under an index.

use std::cmp::Reverse;

use bson::{doc, oid::ObjectId};
use echo_domain::{
    Page, PageRequest, UserId,
    users::{Profile, Search},
};
use futures_util::TryStreamExt;
use mongodb::options::Hint;
use serde::Deserialize;

use crate::{
    Mongo,
    collections::PROFILES,
    documents::{before, id, limit as at_most},
    error::Outcome,
};

use super::by_ids;

/// How many people a search looks at, and then how many it reads who match, in each of its attempts. No search does
/// more than all of them, however many people there are.
pub(super) const ATTEMPTS: [(usize, usize); 3] = [(200, 20), (1000, 1000), (4000, 10_000)];

/// What a search looks at in a profile.
#[derive(Debug, Deserialize)]
struct Names {
    #[serde(rename = "_id")]
    id: ObjectId,
    username: String,
    name: String,
}

#[derive(Debug, Deserialize)]
struct Found {
    #[serde(rename = "_id")]
    id: ObjectId,
}

/// A text that many have is found among the newest people, one that few have by the index. Which it is shows as it goes:
/// each attempt costs more than those before it, so that they add little to the one that succeeds. When none does, the
/// page ends where the last one came to.
pub(super) async fn find(
    mongo: &Mongo,
    search: &Search,
    page: PageRequest<UserId>,
    attempts: &[(usize, usize)],
) -> Outcome<Page<Profile, UserId>> {
    let mut found = Page { items: Vec::new(), next: None };
    for &(people, matching) in attempts {
        found = by_age(mongo, search, page, people).await?;
        if found.items.len() == page.limit || found.next.is_none() {
            break;
        }
        if let Some(all) = by_parts(mongo, search, page, matching).await? {
            found = all;
            break;
        }
    }
    profiles_of(mongo, found).await
}

/// The page, if no more than so many people match; else `None`.
async fn by_parts(
    mongo: &Mongo,
    search: &Search,
    page: PageRequest<UserId>,
    matching: usize,
) -> Outcome<Option<Page<UserId, UserId>>> {
    let (first, last) = search.range();
    let matches = doc! { "parts": { "$elemMatch": { "$gte": first, "$lte": last } } };
    let profiles = mongo.collection::<Found>(&PROFILES);
    let found = profiles.find(matches).projection(doc! { "_id": 1 }).limit(at_most(matching + 1)).await?;
    let rows: Vec<_> = found.try_collect().await?;
    if rows.len() > matching {
        return Ok(None);
    }
    let mut people: Vec<UserId> = rows.into_iter().map(|row| id(row.id)).collect();
    people.retain(|person| page.before.is_none_or(|before| *person < before));
    people.sort_unstable_by_key(|person| Reverse(*person));
    Ok(Some(Page::cut(people, page.limit, |person| *person)))
}

/// The page, as far as so many people fill it, newest first.
async fn by_age(
    mongo: &Mongo,
    search: &Search,
    page: PageRequest<UserId>,
    people: usize,
) -> Outcome<Page<UserId, UserId>> {
    let profiles = mongo.collection::<Names>(&PROFILES);
    let newest = profiles.find(before(doc! {}, "_id", &page)).sort(doc! { "_id": -1 }).limit(at_most(people));
    let names = newest.projection(doc! { "username": 1, "name": 1 });
    // Left to itself, MongoDB may take the index on `_id` alone, and read every profile.
    let mut rows = names.hint(Hint::Name("names".to_owned())).await?;

    let mut items = Vec::new();
    let mut seen = 0;
    while let Some(row) = rows.try_next().await? {
        if search.matches(&row.username, &row.name) {
            items.push(id(row.id));
        }
        if items.len() > page.limit {
            break;
        }
        seen += 1;
        if seen == people {
            return Ok(Page { items, next: Some(id(row.id)) });
        }
    }
    Ok(Page::cut(items, page.limit, |person| *person))
}

/// Whoever went meanwhile is left out.
async fn profiles_of(mongo: &Mongo, page: Page<UserId, UserId>) -> Outcome<Page<Profile, UserId>> {
    let mut profiles = by_ids(mongo, &page.items).await?;
    let items = page.items.iter().filter_map(|person| profiles.remove(person));
    Ok(Page { items: items.map(std::sync::Arc::unwrap_or_clone).collect(), next: page.next })
}
