//! Sessions, and the account's consent to each.

use async_trait::async_trait;
use bson::{Binary, DateTime, Document, doc, oid::ObjectId};
use echo_domain::{
    Error, Result, SessionId, Timestamp, UserId,
    auth::{PasswordHash, Role, Session, SessionStore, State},
};
use futures_util::{FutureExt, TryStreamExt};
use serde::{Deserialize, Serialize};

use crate::{
    Mongo,
    collections::{ACCOUNTS, SESSIONS},
    documents::{binary, count, date, id, limit as at_most, oid, time, word},
    error::Outcome,
    transaction::Tx,
};

use super::{AccountRow, MongoAccounts};

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct SessionRow {
    #[serde(rename = "_id")]
    id: ObjectId,
    account: ObjectId,
    generation: i64,
    rotated: DateTime,
    nonce: Binary,
    device: String,
    created: DateTime,
    expires: DateTime,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) revoked: Option<DateTime>,
}

#[async_trait]
impl SessionStore for MongoAccounts {
    async fn open(&self, session: &Session, verified: &PasswordHash) -> Result<Role> {
        self.0
            .transaction("sessions.open", (session, verified), |mut tx, &(session, verified)| {
                async move {
                    let role = consent(&mut tx, session, verified).await?;
                    insert(&mut tx, session).await?;
                    Ok(role)
                }
                .boxed()
            })
            .await
    }

    async fn find(&self, session: SessionId, now: Timestamp) -> Result<Option<Session>> {
        let work = async {
            let sessions = self.0.collection::<SessionRow>(&SESSIONS);
            let found = sessions.find_one(live(doc! { "_id": oid(session) }, now)).await?;
            found.map(SessionRow::read).transpose()
        };
        self.0.run("sessions.find", work).await
    }

    async fn rotate(&self, session: SessionId, generation: u32, now: Timestamp, expires: Timestamp) -> Result<bool> {
        let at = live(doc! { "_id": oid(session), "generation": i64::from(generation) }, now);
        let next = doc! { "$inc": { "generation": 1_i64 }, "$set": { "rotated": date(now), "expires": date(expires) } };
        self.0.run("sessions.rotate", update_one(&self.0, at, next)).await
    }

    async fn list(&self, account: UserId, now: Timestamp) -> Result<Vec<Session>> {
        let work = async {
            let sessions = self.0.collection::<SessionRow>(&SESSIONS);
            let of_account = live(doc! { "account": oid(account) }, now);
            let newest = sessions.find(of_account).sort(doc! { "_id": -1 }).limit(100).await?;
            newest.try_collect::<Vec<_>>().await?.into_iter().map(SessionRow::read).collect()
        };
        self.0.run("sessions.list", work).await
    }

    async fn revoke(&self, account: UserId, session: SessionId, now: Timestamp) -> Result<bool> {
        let its = live(doc! { "_id": oid(session), "account": oid(account) }, now);
        let revoked = doc! { "$set": { "revoked": date(now) } };
        self.0.run("sessions.revoke", update_one(&self.0, its, revoked)).await
    }

    async fn people(&self, expires: Timestamp) -> Result<u64> {
        let work = async {
            let later = doc! { "$match": { "expires": { "$gt": date(expires) } } };
            let people = [later, doc! { "$group": { "_id": "$account" } }, doc! { "$count": "people" }];
            let mut found = self.0.collection::<SessionRow>(&SESSIONS).aggregate(people).with_type::<Counted>().await?;
            match found.try_next().await? {
                Some(Counted { people }) => count(people),
                None => Ok(0),
            }
        };
        self.0.run("sessions.people", work).await
    }

    async fn revoked_since(&self, since: Timestamp) -> Result<Vec<(SessionId, Timestamp)>> {
        let work = async {
            let sessions = self.0.collection::<SessionRow>(&SESSIONS);
            let found = sessions.find(doc! { "revoked": { "$gte": date(since) } }).await?;
            let rows: Vec<_> = found.try_collect().await?;
            Ok(rows.into_iter().filter_map(|row| Some((id(row.id), time(row.revoked?)))).collect())
        };
        self.0.run("sessions.revoked_since", work).await
    }

    async fn forget(&self, before: Timestamp, limit: usize) -> Result<usize> {
        let work = async {
            let mut forgotten = 0;
            for over in ["revoked", "expires"] {
                let old = doc! { over: { "$lt": date(before) } };
                forgotten += forget(&self.0, old, limit - forgotten).await?;
            }
            Ok(forgotten)
        };
        self.0.run("sessions.forget", work).await
    }
}

#[derive(Deserialize)]
struct Counted {
    people: i64,
}

/// Whether the account lets the session be. Noted in the account itself, so that a change of its password, role or
/// state, which revokes sessions, and a session that it would not see cannot both be committed.
async fn consent(tx: &mut Tx<'_>, session: &Session, verified: &PasswordHash) -> Outcome<Role> {
    let accounts = tx.mongo.collection::<AccountRow>(&ACCOUNTS);
    let proof = doc! {
        "_id": oid(session.account), "state": State::Active.as_str(), "password": verified.as_str(),
    };
    let noted = doc! { "$set": { "last_session": oid(session.id) } };
    let account = accounts.find_one_and_update(proof, noted).session(&mut *tx.session).await?;
    let refused = || Error::unauthenticated("invalid_credentials", "Invalid credentials");
    word(&account.ok_or_else(refused)?.role, Role::parse)
}

/// Changes nothing when it is there already.
async fn insert(tx: &mut Tx<'_>, session: &Session) -> Outcome<()> {
    let sessions = tx.mongo.collection::<SessionRow>(&SESSIONS);
    let mut row = bson::serialize_to_document(&SessionRow::of(session))?;
    row.remove("_id");
    let inserted = doc! { "$setOnInsert": row };
    sessions.update_one(doc! { "_id": oid(session.id) }, inserted).upsert(true).session(&mut *tx.session).await?;
    Ok(())
}

/// Expired sessions, too: an access token may outlive its session.
pub(super) async fn revoke_all(
    tx: &mut Tx<'_>,
    account: UserId,
    keep: Option<SessionId>,
    now: Timestamp,
) -> Outcome<Vec<SessionId>> {
    let sessions = tx.mongo.collection::<SessionRow>(&SESSIONS);
    let mut going = doc! { "account": oid(account), "revoked": null };
    if let Some(keep) = keep {
        going.insert("_id", doc! { "$ne": oid(keep) });
    }
    let mut found = sessions.find(going).session(&mut *tx.session).await?;
    let rows: Vec<_> = found.stream(&mut *tx.session).try_collect().await?;
    let ids: Vec<_> = rows.iter().map(|row| row.id).collect();
    if !ids.is_empty() {
        let revoked = doc! { "$set": { "revoked": date(now) } };
        sessions.update_many(doc! { "_id": { "$in": &ids } }, revoked).session(&mut *tx.session).await?;
    }
    Ok(ids.into_iter().map(id).collect())
}

/// Adds to `filter` that the session is neither revoked nor expired.
fn live(mut filter: Document, now: Timestamp) -> Document {
    filter.insert("revoked", bson::Bson::Null);
    filter.insert("expires", doc! { "$gt": date(now) });
    filter
}

async fn update_one(mongo: &Mongo, filter: Document, change: Document) -> Outcome<bool> {
    let sessions = mongo.collection::<SessionRow>(&SESSIONS);
    Ok(sessions.update_one(filter, change).await?.matched_count > 0)
}

async fn forget(mongo: &Mongo, old: Document, limit: usize) -> Outcome<usize> {
    if limit == 0 {
        return Ok(0);
    }
    let sessions = mongo.collection::<SessionRow>(&SESSIONS);
    let rows: Vec<_> = sessions.find(old).limit(at_most(limit)).await?.try_collect().await?;
    let ids: Vec<_> = rows.iter().map(|row| row.id).collect();
    let deleted = sessions.delete_many(doc! { "_id": { "$in": ids } }).await?.deleted_count;
    Ok(usize::try_from(deleted).unwrap_or(usize::MAX))
}

impl SessionRow {
    pub(crate) fn of(session: &Session) -> Self {
        Self {
            id: oid(session.id),
            account: oid(session.account),
            generation: i64::from(session.generation),
            rotated: date(session.rotated),
            nonce: binary(&session.nonce),
            device: session.device.clone(),
            created: date(session.created),
            expires: date(session.expires),
            revoked: None,
        }
    }

    pub(crate) fn read(self) -> Outcome<Session> {
        let wrong = |what: &str| Error::internal(format!("session {} has a wrong {what}", self.id));
        Ok(Session {
            id: id(self.id),
            account: id(self.account),
            generation: u32::try_from(self.generation).map_err(|_| wrong("generation"))?,
            rotated: time(self.rotated),
            nonce: self.nonce.bytes.as_slice().try_into().map_err(|_| wrong("nonce"))?,
            created: time(self.created),
            expires: time(self.expires),
            device: self.device,
        })
    }
}
