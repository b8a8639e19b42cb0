//! What every [`Lookup`] must do, here or in another process.

#![expect(clippy::unwrap_used, reason = "these are tests")]

use std::{sync::Arc, time::Duration};

use crate::{
    Event, SessionId,
    contract::{Backend, at_once, left, refusal, sample, sample::NOW},
};

use super::{Account, Identity, Lookup, PasswordHasher, Session, Username};

/// `$fresh` is an async fn returning an [`Asked`] and a guard.
#[macro_export]
macro_rules! lookup_contract {
    ($fresh:path) => {
        $crate::contract_tests! { $fresh, $crate::auth::lookup_contract;
            an_account_is_told_without_its_password
            nobody_is_told_of_who_is_gone
            a_renamed_account_is_told_as_it_is_now
            another_username_is_news_and_another_address_is_not
            renaming_twice_is_once
            a_name_that_is_taken_conflicts
            nobody_who_is_gone_is_renamed
            an_account_is_deleted_by_its_password_only
            an_account_is_deleted_once
            sessions_that_ended_are_told_from_a_moment_on
            many_ask_at_once
        }
    };
}

/// The area, and what it stands on, which is empty.
#[derive(Clone)]
pub struct Asked {
    pub lookup: Arc<dyn Lookup>,
    pub backend: Backend,
    pub passwords: Arc<dyn PasswordHasher>,
}

impl Asked {
    async fn signed_up(&self, username: &str) -> Account {
        self.add(sample::account(username)).await
    }

    async fn with_password(&self, username: &str, password: &str) -> Account {
        let password = self.passwords.hash(password).await.unwrap();
        self.add(Account { password, ..sample::account(username) }).await
    }

    async fn add(&self, account: Account) -> Account {
        self.backend.accounts.add(&account, &sample::opened(&account)).await.unwrap();
        account
    }

    async fn signed_in(&self, account: &Account) -> Session {
        let session = sample::session(account.id);
        self.backend.sessions.open(&session, &account.password).await.unwrap();
        session
    }

    async fn revoked(&self) -> Vec<SessionId> {
        let told = self.lookup.revoked_since(NOW - sample::DAY).await.unwrap();
        told.into_iter().map(|(session, _)| session).collect()
    }

    /// Beside those of signing up.
    async fn news(&self) -> Vec<Event> {
        let mut news = left(&self.backend.events).await;
        news.retain(|event| !matches!(event, Event::AccountOpened { .. }));
        news
    }
}

fn not_found() -> (&'static str, String) {
    ("not found", "user_not_found".to_owned())
}

fn username(text: &str) -> Username {
    Username::from_store(text.to_owned())
}

pub async fn an_account_is_told_without_its_password(asked: Asked) {
    let account = asked.signed_up("Alice_1").await;

    let told = asked.lookup.account(account.id).await.unwrap();

    assert_eq!(told, Identity::from(account));
    assert!(!format!("{told:?}").contains(sample::password().as_str()));
}

pub async fn nobody_is_told_of_who_is_gone(asked: Asked) {
    let account = asked.with_password("alice", "correct horse").await;
    asked.lookup.delete(account.id, "correct horse").await.unwrap();

    for nobody in [account.id, sample::id()] {
        assert_eq!(refusal(asked.lookup.account(nobody).await), not_found());
    }
}

pub async fn a_renamed_account_is_told_as_it_is_now(asked: Asked) {
    let account = asked.signed_up("alice").await;
    asked.lookup.account(account.id).await.unwrap();

    asked.lookup.rename(account.id, Some(&username("Alba")), None).await.unwrap();
    let renamed = asked.lookup.account(account.id).await.unwrap();
    asked.lookup.rename(account.id, None, Some(&sample::email("alba@example.com"))).await.unwrap();
    let moved = asked.lookup.account(account.id).await.unwrap();

    assert_eq!(renamed, Identity { username: username("Alba"), ..account.clone().into() });
    assert_eq!(moved, Identity { email: sample::email("alba@example.com"), ..renamed });
}

pub async fn another_username_is_news_and_another_address_is_not(asked: Asked) {
    let account = asked.signed_up("alice").await;

    asked.lookup.rename(account.id, None, Some(&sample::email("alba@example.com"))).await.unwrap();
    assert_eq!(asked.news().await, []);
    asked.lookup.rename(account.id, Some(&username("alba")), None).await.unwrap();

    assert_eq!(asked.news().await, [Event::AccountRenamed { account: account.id }]);
}

pub async fn renaming_twice_is_once(asked: Asked) {
    let account = asked.signed_up("alice").await;
    for _ in 0..2 {
        let email = sample::email("alba@example.com");
        asked.lookup.rename(account.id, Some(&username("alba")), Some(&email)).await.unwrap();
    }

    assert_eq!(asked.lookup.account(account.id).await.unwrap().username, username("alba"));
}

pub async fn a_name_that_is_taken_conflicts(asked: Asked) {
    let (alice, bob) = (asked.signed_up("alice").await, asked.signed_up("bobby").await);

    let named = asked.lookup.rename(bob.id, Some(&username("ALICE")), None).await;
    let addressed = asked.lookup.rename(bob.id, Some(&username("bruno")), Some(&alice.email)).await;

    assert_eq!(refusal(named), ("conflict", "username_taken".to_owned()));
    assert_eq!(refusal(addressed), ("conflict", "email_taken".to_owned()));
    assert_eq!(asked.lookup.account(bob.id).await.unwrap(), bob.into());
}

pub async fn nobody_who_is_gone_is_renamed(asked: Asked) {
    assert_eq!(refusal(asked.lookup.rename(sample::id(), Some(&username("alba")), None).await), not_found());
}

pub async fn an_account_is_deleted_by_its_password_only(asked: Asked) {
    let account = asked.with_password("alice", "correct horse").await;
    let session = asked.signed_in(&account).await;

    let wrong = asked.lookup.delete(account.id, "battery staple").await;
    assert_eq!(refusal(wrong), ("forbidden", "wrong_password".to_owned()));
    assert_eq!(
        (asked.lookup.account(account.id).await.unwrap(), asked.revoked().await),
        (account.clone().into(), vec![])
    );
    asked.lookup.delete(account.id, "correct horse").await.unwrap();

    assert_eq!(asked.news().await, [Event::AccountDeleted { account: account.id }]);
    assert_eq!(asked.revoked().await, [session.id]);
}

pub async fn an_account_is_deleted_once(asked: Asked) {
    let account = asked.with_password("alice", "correct horse").await;
    asked.lookup.delete(account.id, "correct horse").await.unwrap();

    assert_eq!(refusal(asked.lookup.delete(account.id, "correct horse").await), not_found());
    assert_eq!(asked.news().await, [Event::AccountDeleted { account: account.id }]);
}

pub async fn sessions_that_ended_are_told_from_a_moment_on(asked: Asked) {
    let account = asked.signed_up("alice").await;
    let (ended, _lives) = (asked.signed_in(&account).await, asked.signed_in(&account).await);
    assert!(asked.backend.sessions.revoke(account.id, ended.id, NOW).await.unwrap());

    assert_eq!(asked.lookup.revoked_since(NOW).await.unwrap(), [(ended.id, NOW)]);
    assert_eq!(asked.lookup.revoked_since(NOW + Duration::from_millis(1)).await.unwrap(), []);
}

pub async fn many_ask_at_once(asked: Asked) {
    let mut accounts = Vec::new();
    for n in 0..20 {
        accounts.push(asked.signed_up(&format!("user_{n}")).await);
    }

    let told = at_once(accounts.iter().cycle().take(200).map(|account| {
        let (lookup, id) = (asked.lookup.clone(), account.id);
        async move { lookup.account(id).await.unwrap() }
    }))
    .await;

    let expected: Vec<_> = accounts.iter().cycle().take(200).cloned().map(Identity::from).collect();
    assert_eq!(told, expected);
}
