//! What belongs to somebody or something that is gone.

use bson::{Document, doc, oid::ObjectId};

use crate::{
    collections::{ACCOUNTS, POSTS, SESSIONS},
    error::Outcome,
    indexes::Declared,
};

use super::look::{Moment, Wrong, id_in};

/// Those of the ids that have no document.
pub(super) async fn without(it: &mut Moment<'_>, declared: &Declared, ids: &[ObjectId]) -> Outcome<Vec<Wrong>> {
    let there = it.there(declared, ids).await?;
    Ok(ids.iter().filter(|id| !there.contains(id)).copied().map(Wrong::of).collect())
}

/// Posts whose author is gone.
pub(super) async fn posts(it: &mut Moment<'_>, posts: &[ObjectId]) -> Outcome<Vec<Wrong>> {
    owned(it, &POSTS, doc! { "_id": { "$in": posts } }, "author").await
}

/// Sessions that go on, of accounts that do not.
pub(super) async fn sessions(it: &mut Moment<'_>, sessions: &[ObjectId]) -> Outcome<Vec<Wrong>> {
    owned(it, &SESSIONS, doc! { "_id": { "$in": sessions }, "revoked": null }, "account").await
}

/// Those whose account, which the field names, is gone.
async fn owned(it: &mut Moment<'_>, declared: &Declared, filter: Document, field: &str) -> Outcome<Vec<Wrong>> {
    let rows: Vec<Document> = it.find(declared, filter, doc! { field: 1 }).await?;
    let owners = rows.iter().map(|row| id_in(row, field)).collect::<Outcome<Vec<_>>>()?;
    let there = it.there(&ACCOUNTS, &owners).await?;
    let mut wrong = Vec::new();
    for (row, owner) in rows.iter().zip(owners) {
        if !there.contains(&owner) {
            wrong.push(Wrong { about: vec![owner], ..Wrong::of(id_in(row, "_id")?) });
        }
    }
    Ok(wrong)
}
