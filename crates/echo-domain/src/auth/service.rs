//! Signing up, in and out.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use tokio::sync::watch;
use tracing::instrument;

use crate::{
    Broadcast, Change, Clock, Error, Event, Findings, Hears, Page, PageRequest, Result, SessionId, Timestamp, UserId,
    users::{Directory, Name, user_not_found},
};

use super::{
    AccessClaims, Account, AccountStore, Email, Gate, Identity, Login, Lookup, NewPassword, PasswordHash,
    PasswordHasher, RefreshTokens, Role, Session, SessionStore, State, Username, Verdict, Viewer, figures::Figures,
};

/// What the auth area stands on.
pub struct Parts {
    pub accounts: Arc<dyn AccountStore>,
    pub sessions: Arc<dyn SessionStore>,
    pub directory: Arc<dyn Directory>,
    pub passwords: Arc<dyn PasswordHasher>,
    pub gate: Arc<Gate>,
    pub refresh: Arc<dyn RefreshTokens>,
    pub clock: Arc<dyn Clock>,
    /// Hears of sessions that end, at once; what it misses is found by [`Gate::watch`].
    pub others: Arc<dyn Broadcast>,
}

/// The use cases around accounts and sessions.
pub struct AuthService {
    parts: Parts,
    figures: Figures,
}

/// What somebody fills in to sign up.
pub struct SignUp {
    pub name: String,
    pub username: String,
    pub email: String,
    pub password: String,
}

/// A new account, as its owner is told.
#[derive(Debug)]
pub struct Opened {
    pub id: UserId,
    pub name: String,
    pub username: String,
    pub email: String,
}

/// A new session with its tokens.
pub struct SignedIn {
    pub account: Account,
    /// The profile's name.
    pub name: String,
    pub access: String,
    pub refresh: String,
}

impl AuthService {
    pub fn new(parts: Parts) -> Self {
        Self { parts, figures: Figures::default() }
    }

    /// Opens an account and its profile under `id`. The same call again, with the same id, succeeds and changes nothing.
    ///
    /// # Errors
    /// [`Error::Invalid`] on each bad field; [`Error::Conflict`] `username_taken` or `email_taken`.
    #[instrument(level = "debug", name = "auth.sign_up", skip_all, fields(user.id = %id))]
    pub async fn sign_up(&self, id: UserId, form: SignUp) -> Result<Opened> {
        let mut findings = Findings::default();
        let name = findings.check(Name::parse(&form.name))?;
        let username = findings.check(Username::parse(&form.username))?;
        let email = findings.check(Email::parse(&form.email))?;
        let password = findings.check(NewPassword::parse("password", &form.password))?;
        let (Some(name), Some(username), Some(email), Some(password)) = (name, username, email, password) else {
            return Err(findings.into_error());
        };

        let created = self.parts.clock.now();
        let account = Account {
            id,
            username,
            email,
            password: self.parts.passwords.hash(password.as_str()).await?,
            role: Role::User,
            state: State::Active,
            created,
        };
        let (username, name) = (account.username.as_str().to_owned(), name.into_string());
        let news = Event::AccountOpened { account: id, username: username.clone(), name: name.clone(), at: created };
        self.parts.accounts.add(&account, &news).await?;
        // Now, so that the newcomer finds the profile at once. Otherwise the event makes it.
        if let Err(error) = self.parts.directory.open_profile(id, &username, &name, created).await {
            tracing::warn!(error = &error as &dyn std::error::Error, "a profile will be there a little later");
        }
        Ok(Opened { id, name, username, email: account.email.as_str().to_owned() })
    }

    /// Opens a session under `id` for whoever knows the password.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`] alike for an unknown login and a wrong password, after the same work;
    /// [`Error::Forbidden`] `account_suspended`.
    #[instrument(level = "debug", name = "auth.log_in", skip_all)]
    pub async fn log_in(&self, id: SessionId, login: &str, password: &str, device: &str) -> Result<SignedIn> {
        let outcome = self.open_session(id, login, password, device).await;
        self.figures.signed_in(&outcome);
        outcome
    }

    async fn open_session(&self, id: SessionId, login: &str, password: &str, device: &str) -> Result<SignedIn> {
        let account = match Login::parse(login) {
            Some(login) => self.parts.accounts.find_by_login(&login).await?,
            None => None,
        };
        let verdict = self.parts.passwords.verify(password, account.as_ref().map(|account| &account.password)).await?;
        let Some(mut account) = account.filter(|_| verdict != Verdict::Wrong) else {
            return Err(invalid_credentials());
        };
        if account.state == State::Suspended {
            return Err(Error::forbidden("account_suspended", "This account is suspended"));
        }
        if verdict == Verdict::RightButOld {
            let new = self.parts.passwords.hash(password).await?;
            if self.parts.accounts.rehash(account.id, &account.password, &new).await? {
                account.password = new;
            }
        }

        let now = self.parts.clock.now();
        let session = Session {
            id,
            account: account.id,
            generation: 0,
            rotated: now,
            nonce: self.parts.refresh.nonce(),
            device: device.chars().take(200).collect(),
            created: now,
            expires: now + Session::LIFETIME,
        };
        // Refused when the password was changed while it was being verified. The role is that of now.
        let role = self.parts.sessions.open(&session, &account.password).await?;
        // Read back: a repeated call finds the session that the first one opened.
        let session = self.parts.sessions.find(id, now).await?.ok_or_else(not_signed_in)?;
        let name = self.name_of(&account).await?;
        let access = self.access_token(&session, role, now)?;
        Ok(SignedIn { refresh: self.parts.refresh.issue(&session), access, name, account })
    }

    /// Exchanges a refresh token for an access token and the next refresh token.
    ///
    /// The previous token gets that same next one again for [`Session::GRACE`]; any older one is in the wrong
    /// hands and ends the session.
    ///
    /// # Errors
    /// [`Error::Forbidden`] `refresh_token_invalid` or `refresh_token_reused`.
    #[instrument(level = "debug", name = "auth.refresh", skip_all)]
    pub async fn refresh(&self, token: &str) -> Result<(String, String)> {
        let now = self.parts.clock.now();
        let token = self.parts.refresh.read(token).ok_or_else(refresh_token_invalid)?;
        let mut session = self.live_session(token.session, now).await?;
        if !self.parts.refresh.proves(&token, &session) {
            return Err(refresh_token_invalid());
        }
        if token.generation == session.generation {
            // Whether this call or a concurrent one moves it on, the successor is the same.
            self.parts.sessions.rotate(session.id, token.generation, now, now + Session::LIFETIME).await?;
            session = self.live_session(session.id, now).await?;
        }
        let in_grace =
            token.generation.checked_add(1) == Some(session.generation) && now.since(session.rotated) <= Session::GRACE;
        if !in_grace {
            tracing::warn!(user.id = %session.account, session.id = %session.id, "refresh token used twice: session revoked");
            if self.revoke(session.account, session.id).await? {
                self.figures.ended_as_stolen.increment(1);
            }
            return Err(Error::forbidden("refresh_token_reused", "This refresh token was used before; sign in again"));
        }
        let account = self.parts.accounts.find(session.account).await?.ok_or_else(refresh_token_invalid)?;
        let access = self.access_token(&session, account.role, now)?;
        self.figures.refreshed.increment(1);
        Ok((access, self.parts.refresh.issue(&session)))
    }

    /// Ends the viewer's session.
    #[instrument(level = "debug", name = "auth.log_out", skip_all)]
    pub async fn log_out(&self, viewer: Viewer) -> Result<()> {
        if self.revoke(viewer.id, viewer.session).await? {
            self.figures.ended_by_logout.increment(1);
        }
        Ok(())
    }

    /// The viewer's live sessions, newest first.
    #[instrument(level = "debug", name = "auth.sessions", skip_all)]
    pub async fn sessions(&self, viewer: Viewer) -> Result<Vec<Session>> {
        self.parts.sessions.list(viewer.id, self.parts.clock.now()).await
    }

    /// Ends one of the viewer's sessions.
    ///
    /// # Errors
    /// [`Error::NotFound`] when it is nobody's, somebody else's or over.
    #[instrument(level = "debug", name = "auth.end_session", skip_all)]
    pub async fn end_session(&self, viewer: Viewer, session: SessionId) -> Result<()> {
        if self.revoke(viewer.id, session).await? {
            self.figures.ended_by_choice.increment(1);
            Ok(())
        } else {
            Err(Error::not_found("session_not_found", "Session not found"))
        }
    }

    /// Changes the viewer's password and ends their other sessions.
    ///
    /// # Errors
    /// [`Error::Forbidden`] `wrong_password`; [`Error::Invalid`] on `newPassword`.
    #[instrument(level = "debug", name = "auth.change_password", skip_all)]
    pub async fn change_password(&self, viewer: Viewer, current: &str, new: &str) -> Result<()> {
        let new = NewPassword::parse("newPassword", new)?;
        let account = self.kept(viewer.id).await?;
        if !self.knows(&account, current).await? {
            // Right if this call was made before and its reply lost: the password is what it should be.
            return if self.knows(&account, new.as_str()).await? { Ok(()) } else { Err(wrong_password()) };
        }
        let changed = self.keep_password(viewer.id, Some(&account.password), &new, Some(viewer.session)).await?;
        if changed { Ok(()) } else { Err(wrong_password()) }
    }

    /// For operators: the account that a login names.
    ///
    /// # Errors
    /// [`Error::NotFound`] `user_not_found`.
    pub async fn find(&self, login: &str) -> Result<Account> {
        match Login::parse(login) {
            Some(login) => self.parts.accounts.find_by_login(&login).await?.ok_or_else(user_not_found),
            None => Err(user_not_found()),
        }
    }

    /// For operators: accounts, newest first.
    pub async fn list(&self, page: PageRequest<UserId>) -> Result<Page<Account, UserId>> {
        self.parts.accounts.list(page).await
    }

    /// For operators: gives a role. The account's sessions end, since their tokens tell the old one.
    pub async fn set_role(&self, account: UserId, role: Role) -> Result<()> {
        let now = self.parts.clock.now();
        let revoked = self.parts.accounts.set_role(account, role, now).await?;
        self.note_revoked(revoked, now).await;
        Ok(())
    }

    /// For operators: suspends or reactivates.
    pub async fn set_state(&self, account: UserId, state: State) -> Result<()> {
        let now = self.parts.clock.now();
        let revoked = self.parts.accounts.set_state(account, state, now).await?;
        self.note_revoked(revoked, now).await;
        Ok(())
    }

    /// For operators: sets a password and ends every session.
    pub async fn reset_password(&self, account: UserId, new: &str) -> Result<()> {
        self.keep_password(account, None, &NewPassword::parse("password", new)?, None).await?;
        Ok(())
    }

    /// Forgets old sessions, again and again, until `stop` becomes true.
    pub async fn forget_sessions(&self, mut stop: watch::Receiver<bool>) {
        const EVERY: Duration = Duration::from_secs(600);
        while !*stop.borrow() {
            let before = self.parts.clock.now() - AccessClaims::LIFETIME - Gate::OVERLAP;
            match self.parts.sessions.forget(before, 500).await {
                Ok(500) => continue,
                Ok(_) => {}
                Err(error) => tracing::warn!(error = &error as &dyn std::error::Error, "old sessions stay for now"),
            }
            tokio::select! {
                () = tokio::time::sleep(EVERY) => {}
                _ = stop.changed() => {}
            }
        }
    }

    /// The profile's name; the username where there is no profile yet, or none can be had: to sign in does not wait for it.
    async fn name_of(&self, account: &Account) -> Result<String> {
        let profile = match self.parts.directory.profiles(&[account.id]).await {
            Ok(mut profiles) => profiles.remove(&account.id),
            Err(error @ Error::Unavailable { .. }) => {
                tracing::warn!(error = &error as &dyn std::error::Error, "somebody signs in by their username alone");
                None
            }
            Err(error) => return Err(error),
        };
        Ok(profile.map_or_else(|| account.username.as_str().to_owned(), |profile| profile.name.clone()))
    }

    async fn kept(&self, account: UserId) -> Result<Account> {
        self.parts.accounts.find(account).await?.ok_or_else(user_not_found)
    }

    async fn live_session(&self, session: SessionId, now: Timestamp) -> Result<Session> {
        self.parts.sessions.find(session, now).await?.ok_or_else(refresh_token_invalid)
    }

    fn access_token(&self, session: &Session, role: Role, now: Timestamp) -> Result<String> {
        let claims = AccessClaims {
            account: session.account,
            session: session.id,
            role,
            issued: now,
            expires: now + AccessClaims::LIFETIME,
        };
        self.parts.gate.sign(&claims)
    }

    async fn knows(&self, account: &Account, password: &str) -> Result<bool> {
        Ok(self.parts.passwords.verify(password, Some(&account.password)).await? != Verdict::Wrong)
    }

    /// `false` when `old` is given and no longer the password.
    async fn keep_password(
        &self,
        account: UserId,
        old: Option<&PasswordHash>,
        new: &NewPassword,
        keep: Option<SessionId>,
    ) -> Result<bool> {
        let hash = self.parts.passwords.hash(new.as_str()).await?;
        let now = self.parts.clock.now();
        let Some(revoked) = self.parts.accounts.change_password(account, old, &hash, keep, now).await? else {
            return Ok(false);
        };
        self.figures.ended_by_password.increment(revoked.len() as u64);
        self.note_revoked(revoked, now).await;
        Ok(true)
    }

    async fn revoke(&self, account: UserId, session: SessionId) -> Result<bool> {
        let now = self.parts.clock.now();
        let revoked = self.parts.sessions.revoke(account, session, now).await?;
        if revoked {
            self.note_revoked(vec![session], now).await;
        }
        Ok(revoked)
    }

    async fn note_revoked(&self, sessions: Vec<SessionId>, now: Timestamp) {
        if sessions.is_empty() {
            return;
        }
        let ended = Change::SessionsEnded { sessions, at: now };
        self.parts.gate.hear(&ended);
        self.parts.others.tell(ended).await;
    }
}

#[async_trait]
impl Lookup for AuthService {
    async fn account(&self, account: UserId) -> Result<Identity> {
        self.kept(account).await.map(Identity::from)
    }

    async fn rename(&self, account: UserId, username: Option<&Username>, email: Option<&Email>) -> Result<()> {
        let news = username.map(|_| Event::AccountRenamed { account });
        self.parts.accounts.rename(account, username, email, news.as_ref()).await
    }

    #[instrument(level = "debug", name = "auth.delete_account", skip_all)]
    async fn delete(&self, account: UserId, password: &str) -> Result<()> {
        if !self.knows(&self.kept(account).await?, password).await? {
            return Err(wrong_password());
        }
        let now = self.parts.clock.now();
        let revoked = self.parts.accounts.delete(account, now, &Event::AccountDeleted { account }).await?;
        self.figures.ended_with_account.increment(revoked.len() as u64);
        self.note_revoked(revoked, now).await;
        Ok(())
    }

    async fn revoked_since(&self, since: Timestamp) -> Result<Vec<(SessionId, Timestamp)>> {
        self.parts.sessions.revoked_since(since).await
    }
}

fn invalid_credentials() -> Error {
    Error::unauthenticated("invalid_credentials", "Invalid credentials")
}

fn wrong_password() -> Error {
    Error::forbidden("wrong_password", "The password is wrong")
}

fn refresh_token_invalid() -> Error {
    Error::forbidden("refresh_token_invalid", "The refresh token is not valid; sign in again")
}

fn not_signed_in() -> Error {
    Error::unauthenticated("session_revoked", "This session has ended; sign in again")
}
