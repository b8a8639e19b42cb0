//! Who is barred: erased, and adding nothing any more.
//!
//! Everybody who writes in an area has one document there. What they add changes it in its own transaction, and barring
//! them changes it, too: so one of the two comes first. Either barring is seen, and the write refused, or the write is
//! there for whoever erases after barring. To read the document would not do, because a transaction sees it as it was
//! when the transaction began.

use bson::{Document, doc};
use echo_domain::{UserId, auth::account_deleted};
use mongodb::options::ReturnDocument;

use crate::{Mongo, documents::oid, error::Outcome, indexes::Declared, transaction::Tx};

/// Counts one more in the field `what` of the user's document, unless they are barred.
///
/// # Errors
/// [`echo_domain::Error::Unauthenticated`] `account_deleted`.
pub(crate) async fn pass(tx: &mut Tx<'_>, writers: &Declared, user: UserId, what: &str) -> Outcome<()> {
    pass_counting(tx, writers, user, doc! { what: 1_i64 }).await.map(drop)
}

/// The same for several fields, each with how many more; the document as it is then.
pub(crate) async fn pass_counting(
    tx: &mut Tx<'_>,
    writers: &Declared,
    user: UserId,
    counts: Document,
) -> Outcome<Document> {
    let writers = tx.mongo.collection::<Document>(writers);
    let counting = writers
        .find_one_and_update(doc! { "_id": oid(user) }, doc! { "$inc": counts })
        .upsert(true)
        .return_document(ReturnDocument::After)
        .session(&mut *tx.session);
    let writer = counting.await?.unwrap_or_default();
    if writer.get_bool("barred").unwrap_or(false) { Err(account_deleted().into()) } else { Ok(writer) }
}

/// From now on the user passes no more.
pub(crate) async fn bar(mongo: &Mongo, writers: &Declared, user: UserId) -> Outcome<()> {
    let writers = mongo.collection::<Document>(writers);
    writers.update_one(doc! { "_id": oid(user) }, doc! { "$set": { "barred": true } }).upsert(true).await?;
    Ok(())
}
