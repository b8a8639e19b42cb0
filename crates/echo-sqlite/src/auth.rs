//! Accounts and sessions.

use std::sync::Arc;

use async_trait::async_trait;
use echo_domain::{
    Error, Event, IdSet, Page, PageRequest, Result, SessionId, Timestamp, UserId,
    auth::{Account, AccountStore, Email, Login, PasswordHash, Role, Session, SessionStore, State, Username},
};
use rusqlite::{ErrorCode, Row, params};

use crate::{
    Database,
    error::{Failure, Outcome},
    events,
    sql::{self, Sql, key},
    writer::Tx,
};

/// Keeps accounts and sessions in SQLite.
pub struct SqliteAccounts(pub Arc<Database>);

const LIVE_SESSION: &str = "revoked IS NULL AND expires > ?2";

#[async_trait]
impl AccountStore for SqliteAccounts {
    async fn add(&self, account: &Account, news: &Event) -> Result<()> {
        let (account, news) = (account.clone(), news.clone());
        self.0
            .write("accounts.add", move |tx| if add(tx, &account)? { events::append(tx, &news) } else { Ok(()) })
            .await
    }

    async fn find(&self, account: UserId) -> Result<Option<Account>> {
        self.0
            .read("accounts.find", move |conn| Ok(conn.one(&select_account("id = ?1"), [key(account)], account_of)?))
            .await
    }

    async fn total(&self) -> Result<u64> {
        self.0
            .read("accounts.total", |conn| {
                let sql = "SELECT accounts FROM account_total WHERE one = 1";
                Ok(conn.one(sql, [], |row| sql::count(row, 0))?.unwrap_or(0))
            })
            .await
    }

    async fn find_by_login(&self, login: &Login) -> Result<Option<Account>> {
        let (condition, text) = match login {
            Login::Email(email) => ("email = ?1", email.as_str().to_owned()),
            Login::Username(key) => ("username_key = ?1", key.clone()),
        };
        self.0
            .read("accounts.find_by_login", move |conn| Ok(conn.one(&select_account(condition), [text], account_of)?))
            .await
    }

    async fn list(&self, page: PageRequest<UserId>) -> Result<Page<Account, UserId>> {
        self.0
            .read("accounts.list", move |conn| {
                let sql = select_account("id < ?1 ORDER BY id DESC LIMIT ?2");
                let accounts = conn.all(&sql, params![sql::before(&page), sql::one_more(&page)], account_of)?;
                Ok(Page::cut(accounts, page.limit, |account| account.id))
            })
            .await
    }

    async fn rename(
        &self,
        account: UserId,
        username: Option<&Username>,
        email: Option<&Email>,
        news: Option<&Event>,
    ) -> Result<()> {
        let (username, email, news) = (username.cloned(), email.cloned(), news.cloned());
        self.0
            .write("accounts.rename", move |tx| {
                let renamed = tx.run(
                    "UPDATE accounts SET username = coalesce(?2, username),
                         username_key = coalesce(?3, username_key), email = coalesce(?4, email)
                     WHERE id = ?1",
                    params![
                        key(account),
                        username.as_ref().map(Username::as_str),
                        username.as_ref().map(Username::key),
                        email.as_ref().map(Email::as_str)
                    ],
                );
                found(renamed.map_err(taken)?)?;
                news.iter().try_for_each(|news| events::append(tx, news))
            })
            .await
    }

    async fn rehash(&self, account: UserId, old: &PasswordHash, new: &PasswordHash) -> Result<bool> {
        let (old, new) = (old.clone(), new.clone());
        self.0
            .write("accounts.rehash", move |tx| {
                let sql = "UPDATE accounts SET password = ?3 WHERE id = ?1 AND password = ?2";
                Ok(tx.run(sql, params![key(account), old.as_str(), new.as_str()])? > 0)
            })
            .await
    }

    async fn change_password(
        &self,
        account: UserId,
        old: Option<&PasswordHash>,
        new: &PasswordHash,
        keep: Option<SessionId>,
        now: Timestamp,
    ) -> Result<Option<Vec<SessionId>>> {
        let (old, new) = (old.cloned(), new.clone());
        self.0
            .write("accounts.change_password", move |tx| {
                let kept = tx.one("SELECT password FROM accounts WHERE id = ?1", [key(account)], |row| row.get(0))?;
                let kept = PasswordHash::new(kept.ok_or_else(user_not_found)?);
                if old.is_some_and(|old| old != kept) {
                    return Ok(None);
                }
                tx.run("UPDATE accounts SET password = ?2 WHERE id = ?1", params![key(account), new.as_str()])?;
                revoke_all(tx, account, keep, now).map(Some)
            })
            .await
    }

    async fn set_role(&self, account: UserId, role: Role, now: Timestamp) -> Result<Vec<SessionId>> {
        self.0
            .write("accounts.set_role", move |tx| {
                let sql = "UPDATE accounts SET role = ?2 WHERE id = ?1";
                found(tx.run(sql, params![key(account), role.as_str()])?)?;
                revoke_all(tx, account, None, now)
            })
            .await
    }

    async fn set_state(&self, account: UserId, state: State, now: Timestamp) -> Result<Vec<SessionId>> {
        self.0
            .write("accounts.set_state", move |tx| {
                let sql = "UPDATE accounts SET state = ?2 WHERE id = ?1";
                found(tx.run(sql, params![key(account), state.as_str()])?)?;
                match state {
                    State::Active => Ok(Vec::new()),
                    State::Suspended => revoke_all(tx, account, None, now),
                }
            })
            .await
    }

    async fn delete(&self, account: UserId, now: Timestamp, news: &Event) -> Result<Vec<SessionId>> {
        let news = news.clone();
        self.0
            .write("accounts.delete", move |tx| {
                if tx.run("DELETE FROM accounts WHERE id = ?1", [key(account)])? == 0 {
                    return Ok(Vec::new());
                }
                events::append(tx, &news)?;
                revoke_all(tx, account, None, now)
            })
            .await
    }
}

#[async_trait]
impl SessionStore for SqliteAccounts {
    async fn open(&self, session: &Session, verified: &PasswordHash) -> Result<Role> {
        let (session, verified) = (session.clone(), verified.clone());
        self.0
            .write("sessions.open", move |tx| {
                let sql = "SELECT role FROM accounts WHERE id = ?1 AND state = ?2 AND password = ?3";
                let proof = params![key(session.account), State::Active.as_str(), verified.as_str()];
                let role = tx.one(sql, proof, |row| sql::word(row, 0, Role::parse))?;
                let role = role.ok_or_else(|| Error::unauthenticated("invalid_credentials", "Invalid credentials"))?;
                insert_session(tx, &session)?;
                Ok(role)
            })
            .await
    }

    async fn find(&self, session: SessionId, now: Timestamp) -> Result<Option<Session>> {
        self.0
            .read("sessions.find", move |conn| {
                let sql = select_session(&format!("id = ?1 AND {LIVE_SESSION}"));
                Ok(conn.one(&sql, params![key(session), now.millis()], session_of)?)
            })
            .await
    }

    async fn rotate(&self, session: SessionId, generation: u32, now: Timestamp, expires: Timestamp) -> Result<bool> {
        self.0
            .write("sessions.rotate", move |tx| {
                let sql = format!(
                    "UPDATE sessions SET generation = generation + 1, rotated = ?2, expires = ?4
                     WHERE id = ?1 AND generation = ?3 AND {LIVE_SESSION}"
                );
                Ok(tx.run(&sql, params![key(session), now.millis(), generation, expires.millis()])? > 0)
            })
            .await
    }

    async fn list(&self, account: UserId, now: Timestamp) -> Result<Vec<Session>> {
        self.0
            .read("sessions.list", move |conn| {
                let sql = select_session(&format!("account = ?1 AND {LIVE_SESSION} ORDER BY id DESC LIMIT 100"));
                Ok(conn.all(&sql, params![key(account), now.millis()], session_of)?)
            })
            .await
    }

    async fn revoke(&self, account: UserId, session: SessionId, now: Timestamp) -> Result<bool> {
        self.0
            .write("sessions.revoke", move |tx| {
                let sql = format!("UPDATE sessions SET revoked = ?2 WHERE id = ?1 AND account = ?3 AND {LIVE_SESSION}");
                Ok(tx.run(&sql, params![key(session), now.millis(), key(account)])? > 0)
            })
            .await
    }

    async fn people(&self, expires: Timestamp) -> Result<u64> {
        self.0
            .read("sessions.people", move |conn| {
                let sql = "SELECT account FROM sessions WHERE expires > ?1";
                let people: IdSet<UserId> =
                    conn.all(sql, [expires.millis()], |row| sql::id(row, 0))?.into_iter().collect();
                Ok(people.len() as u64)
            })
            .await
    }

    async fn revoked_since(&self, since: Timestamp) -> Result<Vec<(SessionId, Timestamp)>> {
        self.0
            .read("sessions.revoked_since", move |conn| {
                let sql = "SELECT id, revoked FROM sessions WHERE revoked >= ?1";
                Ok(conn.all(sql, [since.millis()], |row| Ok((sql::id(row, 0)?, sql::time(row, 1)?)))?)
            })
            .await
    }

    async fn forget(&self, before: Timestamp, limit: usize) -> Result<usize> {
        self.0
            .write("sessions.forget", move |tx| {
                let revoked = forget(tx, "revoked < ?1", before, limit)?;
                Ok(revoked + forget(tx, "expires < ?1", before, limit - revoked)?)
            })
            .await
    }
}

fn forget(tx: &Tx<'_>, condition: &str, before: Timestamp, limit: usize) -> Outcome<usize> {
    let sql = format!("DELETE FROM sessions WHERE id IN (SELECT id FROM sessions WHERE {condition} LIMIT ?2)");
    Ok(tx.run(&sql, [before.millis(), sql::limit(limit)])?)
}

/// Adds the account; `false` when its id is there.
pub(crate) fn add(tx: &Tx<'_>, account: &Account) -> Outcome<bool> {
    if tx.any("SELECT 1 FROM accounts WHERE id = ?1", [key(account.id)])? {
        return Ok(false);
    }
    tx.run(
        "INSERT INTO accounts (id, username, username_key, email, password, role, state, created)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        params![
            key(account.id),
            account.username.as_str(),
            account.username.key(),
            account.email.as_str(),
            account.password.as_str(),
            account.role.as_str(),
            account.state.as_str(),
            account.created.millis()
        ],
    )
    .map_err(taken)?;
    Ok(true)
}

/// Adds the session; `false` when its id is there.
pub(crate) fn insert_session(tx: &Tx<'_>, session: &Session) -> rusqlite::Result<bool> {
    let added = tx.run(
        "INSERT INTO sessions (id, account, generation, rotated, nonce, device, created, expires)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT DO NOTHING",
        params![
            key(session.id),
            key(session.account),
            session.generation,
            session.rotated.millis(),
            session.nonce,
            session.device,
            session.created.millis(),
            session.expires.millis()
        ],
    )?;
    Ok(added > 0)
}

/// Expired sessions, too: an access token may outlive its session.
fn revoke_all(tx: &Tx<'_>, account: UserId, keep: Option<SessionId>, now: Timestamp) -> Outcome<Vec<SessionId>> {
    let sql = "UPDATE sessions SET revoked = ?2
         WHERE account = ?1 AND revoked IS NULL AND id IS NOT ?3 RETURNING id";
    Ok(tx.all(sql, params![key(account), now.millis(), keep.map(key)], |row| sql::id(row, 0))?)
}

/// Which unique index refused says what is taken; SQLite tells only in the message.
fn taken(error: rusqlite::Error) -> Failure {
    match &error {
        rusqlite::Error::SqliteFailure(cause, Some(message)) if cause.code == ErrorCode::ConstraintViolation => {
            if message.ends_with("accounts.username_key") {
                return Error::conflict("username_taken", "Username is already taken").into();
            }
            if message.ends_with("accounts.email") {
                return Error::conflict("email_taken", "Email is already taken").into();
            }
            error.into()
        }
        _ => error.into(),
    }
}

fn found(changed: usize) -> Outcome<()> {
    if changed > 0 { Ok(()) } else { Err(user_not_found()) }
}

fn user_not_found() -> Failure {
    echo_domain::users::user_not_found().into()
}

fn select_account(condition: &str) -> String {
    format!("SELECT id, username, email, password, role, state, created FROM accounts WHERE {condition}")
}

pub(crate) fn account_of(row: &Row<'_>) -> rusqlite::Result<Account> {
    Ok(Account {
        id: sql::id(row, 0)?,
        username: Username::from_store(row.get(1)?),
        email: Email::from_store(row.get(2)?),
        password: PasswordHash::new(row.get(3)?),
        role: sql::word(row, 4, Role::parse)?,
        state: sql::word(row, 5, State::parse)?,
        created: sql::time(row, 6)?,
    })
}

fn select_session(condition: &str) -> String {
    format!("SELECT id, account, generation, rotated, nonce, device, created, expires FROM sessions WHERE {condition}")
}

pub(crate) fn session_of(row: &Row<'_>) -> rusqlite::Result<Session> {
    Ok(Session {
        id: sql::id(row, 0)?,
        account: sql::id(row, 1)?,
        generation: row.get(2)?,
        rotated: sql::time(row, 3)?,
        nonce: row.get(4)?,
        device: row.get(5)?,
        created: sql::time(row, 6)?,
        expires: sql::time(row, 7)?,
    })
}
