//! Accounts and sessions.

mod sessions;

use std::sync::Arc;

use async_trait::async_trait;
use bson::{DateTime, Document, doc, oid::ObjectId};
use echo_domain::{
    Error, Event, Page, PageRequest, Result, SessionId, Timestamp, UserId,
    auth::{Account, AccountStore, Email, Login, PasswordHash, Role, State, Username},
};
use futures_util::{FutureExt, TryStreamExt};
use serde::{Deserialize, Serialize};

use crate::{
    Mongo,
    areas::{Area, NotOpened},
    collections::ACCOUNTS,
    documents::{before, date, id, oid, one_more, time, word},
    error::{Failure, Outcome},
    events,
    transaction::Tx,
};

pub(crate) use sessions::SessionRow;
use sessions::revoke_all;

/// Keeps accounts and sessions in MongoDB.
pub struct MongoAccounts(pub(crate) Arc<Mongo>);

impl MongoAccounts {
    /// # Errors
    /// [`NotOpened`] when the process has not opened the area's database.
    pub fn new(mongo: Arc<Mongo>) -> Result<Self, NotOpened> {
        mongo.with([Area::Auth]).map(Self)
    }
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct AccountRow {
    #[serde(rename = "_id")]
    id: ObjectId,
    username: String,
    username_key: String,
    email: String,
    password: String,
    role: String,
    state: String,
    created: DateTime,
}

#[async_trait]
impl AccountStore for MongoAccounts {
    async fn add(&self, account: &Account, news: &Event) -> Result<()> {
        let work = async {
            let given = (account, news);
            let added = self.0.together(given, |tx, &(account, news)| insert(tx, account, news).boxed()).await;
            match added {
                Err(refused) if refused.duplicate().is_some() && exists(&self.0, account.id).await? => Ok(()),
                added => added.map_err(taken),
            }
        };
        self.0.run("accounts.add", work).await
    }

    async fn find(&self, account: UserId) -> Result<Option<Account>> {
        self.0.run("accounts.find", one(&self.0, doc! { "_id": oid(account) })).await
    }

    async fn find_by_login(&self, login: &Login) -> Result<Option<Account>> {
        let filter = match login {
            Login::Email(email) => doc! { "email": email.as_str() },
            Login::Username(key) => doc! { "username_key": key },
        };
        self.0.run("accounts.find_by_login", one(&self.0, filter)).await
    }

    async fn total(&self) -> Result<u64> {
        // Which MongoDB keeps by itself; after a crash of its own it may be wrong by a little.
        let work = async { Ok(self.0.collection::<AccountRow>(&ACCOUNTS).estimated_document_count().await?) };
        self.0.run("accounts.total", work).await
    }

    async fn list(&self, page: PageRequest<UserId>) -> Result<Page<Account, UserId>> {
        let work = async {
            let accounts = self.0.collection::<AccountRow>(&ACCOUNTS);
            let found = accounts.find(before(doc! {}, "_id", &page)).sort(doc! { "_id": -1 }).limit(one_more(&page));
            let rows: Vec<_> = found.await?.try_collect().await?;
            let accounts = rows.into_iter().map(AccountRow::read).collect::<Outcome<_>>()?;
            Ok(Page::cut(accounts, page.limit, |account: &Account| account.id))
        };
        self.0.run("accounts.list", work).await
    }

    async fn rename(
        &self,
        account: UserId,
        username: Option<&Username>,
        email: Option<&Email>,
        news: Option<&Event>,
    ) -> Result<()> {
        let mut change = Document::new();
        if let Some(username) = username {
            change.insert("username", username.as_str());
            change.insert("username_key", username.key());
        }
        if let Some(email) = email {
            change.insert("email", email.as_str());
        }
        let work = async {
            let renaming = self.0.together((account, change, news), |tx, (account, change, news)| {
                rename(tx, *account, change, *news).boxed()
            });
            renaming.await.map_err(taken)
        };
        self.0.run("accounts.rename", work).await
    }

    async fn rehash(&self, account: UserId, old: &PasswordHash, new: &PasswordHash) -> Result<bool> {
        let work = async {
            let accounts = self.0.collection::<AccountRow>(&ACCOUNTS);
            let kept = doc! { "_id": oid(account), "password": old.as_str() };
            let changed = accounts.update_one(kept, doc! { "$set": { "password": new.as_str() } }).await?;
            Ok(changed.matched_count > 0)
        };
        self.0.run("accounts.rehash", work).await
    }

    async fn change_password(
        &self,
        account: UserId,
        old: Option<&PasswordHash>,
        new: &PasswordHash,
        keep: Option<SessionId>,
        now: Timestamp,
    ) -> Result<Option<Vec<SessionId>>> {
        let given = (account, old, new, keep, now);
        self.0
            .transaction("accounts.change_password", given, |mut tx, &(account, old, new, keep, now)| {
                async move {
                    if !change_password(&mut tx, account, old, new).await? {
                        return Ok(None);
                    }
                    revoke_all(&mut tx, account, keep, now).await.map(Some)
                }
                .boxed()
            })
            .await
    }

    async fn set_role(&self, account: UserId, role: Role, now: Timestamp) -> Result<Vec<SessionId>> {
        self.0
            .transaction("accounts.set_role", (account, role, now), |mut tx, &(account, role, now)| {
                async move {
                    set(&mut tx, account, &doc! { "role": role.as_str() }).await?;
                    revoke_all(&mut tx, account, None, now).await
                }
                .boxed()
            })
            .await
    }

    async fn set_state(&self, account: UserId, state: State, now: Timestamp) -> Result<Vec<SessionId>> {
        self.0
            .transaction("accounts.set_state", (account, state, now), |mut tx, &(account, state, now)| {
                async move {
                    set(&mut tx, account, &doc! { "state": state.as_str() }).await?;
                    match state {
                        State::Active => Ok(Vec::new()),
                        State::Suspended => revoke_all(&mut tx, account, None, now).await,
                    }
                }
                .boxed()
            })
            .await
    }

    async fn delete(&self, account: UserId, now: Timestamp, news: &Event) -> Result<Vec<SessionId>> {
        self.0
            .transaction("accounts.delete", (account, now, news), |mut tx, &(account, now, news)| {
                async move {
                    let accounts = tx.mongo.collection::<AccountRow>(&ACCOUNTS);
                    let deleted = accounts.delete_one(doc! { "_id": oid(account) }).session(&mut *tx.session).await?;
                    if deleted.deleted_count == 0 {
                        return Ok(Vec::new());
                    }
                    events::append(&mut tx, news).await?;
                    revoke_all(&mut tx, account, None, now).await
                }
                .boxed()
            })
            .await
    }
}

async fn insert(mut tx: Tx<'_>, account: &Account, news: &Event) -> Outcome<()> {
    let accounts = tx.mongo.collection(&ACCOUNTS);
    accounts.insert_one(AccountRow::of(account)).session(&mut *tx.session).await?;
    events::append(&mut tx, news).await
}

async fn exists(mongo: &Mongo, account: UserId) -> Outcome<bool> {
    Ok(one(mongo, doc! { "_id": oid(account) }).await?.is_some())
}

async fn one(mongo: &Mongo, filter: Document) -> Outcome<Option<Account>> {
    mongo.collection::<AccountRow>(&ACCOUNTS).find_one(filter).await?.map(AccountRow::read).transpose()
}

async fn rename(mut tx: Tx<'_>, account: UserId, change: &Document, news: Option<&Event>) -> Outcome<()> {
    set(&mut tx, account, change).await?;
    match news {
        Some(news) => events::append(&mut tx, news).await,
        None => Ok(()),
    }
}

/// Changes fields of an account that is there.
async fn set(tx: &mut Tx<'_>, account: UserId, fields: &Document) -> Outcome<()> {
    let accounts = tx.mongo.collection::<AccountRow>(&ACCOUNTS);
    let filter = doc! { "_id": oid(account) };
    let found = if fields.is_empty() {
        accounts.find_one(filter).session(&mut *tx.session).await?.is_some()
    } else {
        accounts.update_one(filter, doc! { "$set": fields }).session(&mut *tx.session).await?.matched_count > 0
    };
    if found { Ok(()) } else { Err(echo_domain::users::user_not_found().into()) }
}

/// `false` when `old` is given and no longer what is kept.
async fn change_password(
    tx: &mut Tx<'_>,
    account: UserId,
    old: Option<&PasswordHash>,
    new: &PasswordHash,
) -> Outcome<bool> {
    let accounts = tx.mongo.collection::<AccountRow>(&ACCOUNTS);
    let kept = accounts.find_one(doc! { "_id": oid(account) }).session(&mut *tx.session).await?;
    let kept = PasswordHash::new(kept.ok_or_else(echo_domain::users::user_not_found)?.password);
    if old.is_some_and(|old| *old != kept) {
        return Ok(false);
    }
    set(tx, account, &doc! { "password": new.as_str() }).await?;
    Ok(true)
}

/// Which unique index refused says what is taken.
pub(crate) fn taken(failure: Failure) -> Failure {
    match failure.duplicate() {
        Some("username") => Error::conflict("username_taken", "Username is already taken").into(),
        Some("email") => Error::conflict("email_taken", "Email is already taken").into(),
        _ => failure,
    }
}

impl AccountRow {
    pub(crate) fn of(account: &Account) -> Self {
        Self {
            id: oid(account.id),
            username: account.username.as_str().to_owned(),
            username_key: account.username.key(),
            email: account.email.as_str().to_owned(),
            password: account.password.as_str().to_owned(),
            role: account.role.as_str().to_owned(),
            state: account.state.as_str().to_owned(),
            created: date(account.created),
        }
    }

    pub(crate) fn read(self) -> Outcome<Account> {
        Ok(Account {
            id: id(self.id),
            username: Username::from_store(self.username),
            email: Email::from_store(self.email),
            password: PasswordHash::new(self.password),
            role: word(&self.role, Role::parse)?,
            state: word(&self.state, State::parse)?,
            created: time(self.created),
        })
    }
}
