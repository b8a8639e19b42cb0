//! What every [`AccountStore`] and [`SessionStore`] must do.

#![expect(clippy::unwrap_used, reason = "these are tests")]

use std::{sync::Arc, time::Duration};

use crate::{
    Event, SessionId, UserId,
    contract::{Backend, Dice, assert_list, at_once, drain, left, newest_first, refusal, sample, sample::NOW},
};

use super::{Account, AccountStore, Login, PasswordHash, Role, Session, SessionStore, State, Username};

#[macro_export]
macro_rules! account_store_contract {
    ($fresh:path) => {
        $crate::contract_tests! { $fresh, $crate::auth::contract;
            an_account_reads_back_as_it_was_added
            adding_the_same_account_again_changes_nothing
            an_account_is_added_again_in_vain_even_when_another_has_its_names_by_now
            a_username_is_taken_in_any_case
            an_email_is_taken
            what_was_refused_left_nothing
            of_twelve_accounts_with_one_username_one_is_added
            of_twelve_accounts_with_one_email_one_is_added
            twelve_calls_at_once_add_one_account_once
            an_account_is_found_by_email_or_by_username_in_any_case
            accounts_are_listed_newest_first
            accounts_are_counted
            renaming_changes_what_is_given
            a_renamed_account_frees_its_old_names
            an_account_may_rename_itself_to_its_own_names
            a_refused_rename_changes_nothing
            of_twelve_renames_to_one_username_one_succeeds
            a_rename_of_nobody_is_not_found
            a_hash_is_replaced_only_by_who_knows_it
            a_new_password_ends_every_other_session
            a_password_that_changed_meanwhile_is_not_overwritten
            a_new_role_ends_every_session
            suspension_ends_every_session_and_reactivation_ends_none
            changes_to_nobody_are_not_found
            a_deleted_account_is_gone_and_its_sessions_are_over
            a_deleted_account_frees_its_names
            deleting_twice_leaves_news_once
        }
    };
}

#[macro_export]
macro_rules! session_store_contract {
    ($fresh:path) => {
        $crate::contract_tests! { $fresh, $crate::auth::contract;
            a_session_reads_back_as_it_was_opened
            opening_again_changes_nothing
            an_account_that_is_gone_or_suspended_opens_no_session
            a_password_that_is_no_longer_kept_opens_no_session
            a_session_is_opened_with_the_role_of_now
            a_session_ends_when_it_expires
            rotation_moves_a_session_on
            rotation_from_another_generation_changes_nothing
            of_twelve_rotations_from_one_generation_one_moves_it
            a_session_that_is_over_does_not_rotate
            the_live_sessions_are_listed_newest_first
            at_most_a_hundred_sessions_are_listed
            people_are_counted_once_whatever_sessions_they_have
            a_session_is_revoked_once_and_by_its_account_only
            revocations_are_told_from_a_moment_on
            a_revoked_session_keeps_its_moment
            sessions_long_over_are_forgotten
        }
    };
}

async fn signed_up(accounts: &Arc<dyn AccountStore>, username: &str) -> Account {
    let account = sample::account(username);
    accounts.add(&account, &sample::opened(&account)).await.unwrap();
    account
}

async fn signed_in(sessions: &Arc<dyn SessionStore>, account: UserId) -> Session {
    let session = sample::session(account);
    sessions.open(&session, &sample::password()).await.unwrap();
    session
}

fn username(text: &str) -> Username {
    Username::from_store(text.to_owned())
}

fn hash(text: &str) -> PasswordHash {
    PasswordHash::new(text.to_owned())
}

fn conflict(code: &str) -> (&'static str, String) {
    ("conflict", code.to_owned())
}

fn not_found() -> (&'static str, String) {
    ("not found", "user_not_found".to_owned())
}

fn sorted(mut sessions: Vec<SessionId>) -> Vec<SessionId> {
    sessions.sort();
    sessions
}

const SECOND: Duration = Duration::from_secs(1);
const MILLISECOND: Duration = Duration::from_millis(1);

// Accounts

pub async fn an_account_reads_back_as_it_was_added(Backend { accounts, events, .. }: Backend) {
    for (name, role, state) in [
        ("Alice_1", Role::User, State::Active),
        ("modesty", Role::Moderator, State::Suspended),
        ("Root", Role::Admin, State::Active),
    ] {
        let account = Account { role, state, ..sample::account(name) };
        let news = sample::opened(&account);

        accounts.add(&account, &news).await.unwrap();

        assert_eq!(accounts.find(account.id).await.unwrap(), Some(account));
        assert_eq!(left(&events).await.last(), Some(&news));
    }
    assert_eq!(accounts.find(sample::id()).await.unwrap(), None);
}

pub async fn adding_the_same_account_again_changes_nothing(Backend { accounts, events, .. }: Backend) {
    let account = signed_up(&accounts, "alice").await;

    let other = Account { id: account.id, ..sample::account("another") };
    accounts.add(&other, &sample::opened(&other)).await.unwrap();

    assert_eq!(accounts.find(account.id).await.unwrap(), Some(account.clone()));
    assert_eq!(accounts.find_by_login(&Login::Username(other.username.key())).await.unwrap(), None);
    assert_eq!(left(&events).await, [sample::opened(&account)]);
}

pub async fn an_account_is_added_again_in_vain_even_when_another_has_its_names_by_now(
    Backend { accounts, events, .. }: Backend,
) {
    let first = signed_up(&accounts, "alice").await;
    accounts.rename(first.id, Some(&username("alicia")), Some(&sample::email("a@b.example")), None).await.unwrap();
    let second = signed_up(&accounts, "alice").await;

    accounts.add(&first, &sample::opened(&first)).await.unwrap();

    assert_eq!(accounts.find(first.id).await.unwrap().unwrap().username.as_str(), "alicia");
    assert_eq!(accounts.find_by_login(&Login::Username(username("alice").key())).await.unwrap(), Some(second));
    assert_eq!(left(&events).await.len(), 2);
}

pub async fn a_username_is_taken_in_any_case(Backend { accounts, .. }: Backend) {
    signed_up(&accounts, "Alice_X").await;

    for taken in ["Alice_X", "alice_x", "ALICE_X"] {
        let account = Account { email: sample::email("other@example.com"), ..sample::account(taken) };
        let added = accounts.add(&account, &sample::opened(&account)).await;
        assert_eq!(refusal(added), conflict("username_taken"), "{taken}");
    }
    signed_up(&accounts, "AliceZX").await; // `_` is no wildcard
}

pub async fn an_email_is_taken(Backend { accounts, .. }: Backend) {
    let alice = signed_up(&accounts, "alice").await;

    let account = Account { email: alice.email, ..sample::account("another") };
    let added = accounts.add(&account, &sample::opened(&account)).await;

    assert_eq!(refusal(added), conflict("email_taken"));
}

pub async fn what_was_refused_left_nothing(Backend { accounts, events, .. }: Backend) {
    let alice = signed_up(&accounts, "alice").await;

    let refused = Account { email: alice.email.clone(), ..sample::account("another") };
    accounts.add(&refused, &sample::opened(&refused)).await.unwrap_err();

    assert_eq!(accounts.find(refused.id).await.unwrap(), None);
    assert_eq!(accounts.find_by_login(&Login::Username(refused.username.key())).await.unwrap(), None);
    assert_list(std::slice::from_ref(&alice), |page| accounts.list(page)).await;
    assert_eq!(left(&events).await, [sample::opened(&alice)]);
    signed_up(&accounts, "another").await;
}

pub async fn of_twelve_accounts_with_one_username_one_is_added(Backend { accounts, events, .. }: Backend) {
    let added = at_once((0..12).map(|n| {
        let accounts = accounts.clone();
        let name = if n % 2 == 0 { "alice" } else { "ALICE" };
        let account = Account { email: sample::email(&format!("{n}@example.com")), ..sample::account(name) };
        async move { accounts.add(&account, &sample::opened(&account)).await }
    }))
    .await;

    assert_one_added(added, "username_taken", &accounts).await;
    assert_eq!(left(&events).await.len(), 1);
}

pub async fn of_twelve_accounts_with_one_email_one_is_added(Backend { accounts, events, .. }: Backend) {
    let added = at_once((0..12).map(|n| {
        let accounts = accounts.clone();
        let account = Account { email: sample::email("a@b.example"), ..sample::account(&format!("alice{n}")) };
        async move { accounts.add(&account, &sample::opened(&account)).await }
    }))
    .await;

    assert_one_added(added, "email_taken", &accounts).await;
    assert_eq!(left(&events).await.len(), 1);
}

async fn assert_one_added(added: Vec<crate::Result<()>>, code: &str, accounts: &Arc<dyn AccountStore>) {
    let (good, refused): (Vec<_>, Vec<_>) = added.into_iter().partition(Result::is_ok);
    assert_eq!(good.len(), 1);
    for result in refused {
        assert_eq!(refusal(result), conflict(code));
    }
    assert_eq!(accounts.list(crate::PageRequest::first(100)).await.unwrap().items.len(), 1);
}

pub async fn twelve_calls_at_once_add_one_account_once(Backend { accounts, events, .. }: Backend) {
    let account = sample::account("alice");

    let added = at_once((0..12).map(|_| {
        let (accounts, account) = (accounts.clone(), account.clone());
        async move { accounts.add(&account, &sample::opened(&account)).await }
    }))
    .await;

    assert!(added.iter().all(Result::is_ok), "{added:?}");
    assert_eq!(left(&events).await, [sample::opened(&account)]);
}

pub async fn an_account_is_found_by_email_or_by_username_in_any_case(Backend { accounts, .. }: Backend) {
    let alice = signed_up(&accounts, "Alice_X").await;
    signed_up(&accounts, "AliceZX").await;

    for login in ["alice_x", "ALICE_X", "Alice_X", "alice_x@example.com", " Alice_X@Example.com "] {
        let found = accounts.find_by_login(&Login::parse(login).unwrap()).await.unwrap();
        assert_eq!(found, Some(alice.clone()), "{login}");
    }
    for nobody in ["alice", "alice_xx", "alice@example.com"] {
        assert_eq!(accounts.find_by_login(&Login::parse(nobody).unwrap()).await.unwrap(), None, "{nobody}");
    }
}

pub async fn accounts_are_listed_newest_first(Backend { accounts, .. }: Backend) {
    let all: Vec<_> = (0..10).map(|n| sample::account(&format!("user{n}"))).collect();
    assert_list(&[], |page| accounts.list(page)).await;

    for account in Dice::new(1).shuffled(&all) {
        accounts.add(&account, &sample::opened(&account)).await.unwrap();
    }

    assert_list(&newest_first(all), |page| accounts.list(page)).await;
}

pub async fn accounts_are_counted(Backend { accounts, .. }: Backend) {
    assert_eq!(accounts.total().await.unwrap(), 0);
    let alice = signed_up(&accounts, "alice").await;
    signed_up(&accounts, "bob").await;
    accounts.add(&alice, &sample::opened(&alice)).await.unwrap();
    let refused = Account { email: sample::account("carol").email, ..sample::account("bob") };
    accounts.add(&refused, &sample::opened(&refused)).await.unwrap_err();
    assert_eq!(accounts.total().await.unwrap(), 2);

    for _ in 0..2 {
        accounts.delete(alice.id, NOW, &Event::AccountDeleted { account: alice.id }).await.unwrap();
    }

    assert_eq!(accounts.total().await.unwrap(), 1);
}

pub async fn renaming_changes_what_is_given(Backend { accounts, events, .. }: Backend) {
    let mut alice = signed_up(&accounts, "alice").await;
    let news = Event::AccountRenamed { account: alice.id };

    alice.username = username("Alicia");
    accounts.rename(alice.id, Some(&alice.username), None, Some(&news)).await.unwrap();
    assert_eq!(accounts.find(alice.id).await.unwrap(), Some(alice.clone()));

    alice.email = sample::email("a@b.example");
    accounts.rename(alice.id, None, Some(&alice.email), None).await.unwrap();
    assert_eq!(accounts.find(alice.id).await.unwrap(), Some(alice.clone()));

    assert_eq!(left(&events).await[1..], [news]);
}

pub async fn a_renamed_account_frees_its_old_names(Backend { accounts, .. }: Backend) {
    let first = signed_up(&accounts, "alice").await;

    accounts.rename(first.id, Some(&username("alicia")), Some(&sample::email("a@b.example")), None).await.unwrap();

    assert_eq!(accounts.find_by_login(&Login::Username(username("alice").key())).await.unwrap(), None);
    assert_eq!(accounts.find_by_login(&Login::Username(username("ALICIA").key())).await.unwrap().unwrap().id, first.id);
    assert_eq!(accounts.find_by_login(&Login::Email(first.email)).await.unwrap(), None);
    signed_up(&accounts, "ALICE").await;
}

pub async fn an_account_may_rename_itself_to_its_own_names(Backend { accounts, .. }: Backend) {
    let mut alice = signed_up(&accounts, "alice").await;

    alice.username = username("ALICE");
    accounts.rename(alice.id, Some(&alice.username), Some(&alice.email), None).await.unwrap();

    assert_eq!(accounts.find(alice.id).await.unwrap(), Some(alice));
}

pub async fn a_refused_rename_changes_nothing(Backend { accounts, events, .. }: Backend) {
    let (alice, bob) = (signed_up(&accounts, "alice").await, signed_up(&accounts, "bobby").await);
    let news = Event::AccountRenamed { account: alice.id };

    let free = (username("alicia"), sample::email("a@b.example"));
    let taken_email = accounts.rename(alice.id, Some(&free.0), Some(&bob.email), Some(&news)).await;
    let taken_name = accounts.rename(alice.id, Some(&username("BOBBY")), Some(&free.1), Some(&news)).await;

    assert_eq!(refusal(taken_email), conflict("email_taken"));
    assert_eq!(refusal(taken_name), conflict("username_taken"));
    assert_eq!(accounts.find(alice.id).await.unwrap(), Some(alice));
    assert_eq!(left(&events).await.len(), 2);
    assert_eq!(accounts.find_by_login(&Login::Username(free.0.key())).await.unwrap(), None);
    assert_eq!(accounts.find_by_login(&Login::Email(free.1)).await.unwrap(), None);
}

pub async fn of_twelve_renames_to_one_username_one_succeeds(Backend { accounts, events, .. }: Backend) {
    let mut all = Vec::new();
    for n in 0..12 {
        all.push(signed_up(&accounts, &format!("user{n}")).await.id);
    }

    let renamed = at_once(all.into_iter().map(|id| {
        let accounts = accounts.clone();
        async move {
            accounts.rename(id, Some(&username("alice")), None, Some(&Event::AccountRenamed { account: id })).await
        }
    }))
    .await;

    let (good, refused): (Vec<_>, Vec<_>) = renamed.into_iter().partition(Result::is_ok);
    assert_eq!(good.len(), 1);
    for result in refused {
        assert_eq!(refusal(result), conflict("username_taken"));
    }
    assert_eq!(left(&events).await.len(), 12 + 1);
}

pub async fn a_rename_of_nobody_is_not_found(Backend { accounts, events, .. }: Backend) {
    let nobody = sample::id();

    let news = Event::AccountRenamed { account: nobody };
    let renamed = accounts.rename(nobody, Some(&username("alice")), None, Some(&news)).await;

    assert_eq!(refusal(renamed), not_found());
    assert_eq!(left(&events).await, []);
    signed_up(&accounts, "alice").await;
}

pub async fn a_hash_is_replaced_only_by_who_knows_it(Backend { accounts, .. }: Backend) {
    let alice = signed_up(&accounts, "alice").await;

    assert!(accounts.rehash(alice.id, &alice.password, &hash("new")).await.unwrap());
    assert!(!accounts.rehash(alice.id, &alice.password, &hash("late")).await.unwrap());
    assert!(!accounts.rehash(sample::id(), &hash("new"), &hash("x")).await.unwrap());

    assert_eq!(accounts.find(alice.id).await.unwrap(), Some(Account { password: hash("new"), ..alice }));
}

pub async fn a_new_password_ends_every_other_session(Backend { accounts, sessions, .. }: Backend) {
    let (alice, bob) = (signed_up(&accounts, "alice").await, signed_up(&accounts, "bobby").await);
    let [first, second, kept] = open_three(&sessions, alice.id).await;
    let others = open_three(&sessions, bob.id).await;

    let revoked = accounts.change_password(alice.id, None, &hash("new"), Some(kept), NOW).await.unwrap();

    assert_eq!(sorted(revoked.unwrap()), [first, second]);
    assert_eq!(accounts.find(alice.id).await.unwrap().unwrap().password, hash("new"));
    assert_eq!(live(&sessions, alice.id).await, [kept]);
    assert_eq!(live(&sessions, bob.id).await, newest_first(others));
    assert_eq!(sessions.revoked_since(NOW).await.unwrap().len(), 2);

    let revoked = accounts.change_password(alice.id, None, &hash("newer"), None, NOW).await.unwrap();

    assert_eq!(revoked.unwrap(), [kept]);
    assert_eq!(live(&sessions, alice.id).await, []);
}

pub async fn a_password_that_changed_meanwhile_is_not_overwritten(Backend { accounts, sessions, .. }: Backend) {
    let alice = signed_up(&accounts, "alice").await;
    accounts.change_password(alice.id, None, &hash("by an operator"), None, NOW).await.unwrap();
    let session = sample::session(alice.id);
    sessions.open(&session, &hash("by an operator")).await.unwrap();

    let changed = accounts.change_password(alice.id, Some(&alice.password), &hash("late"), None, NOW).await.unwrap();

    assert_eq!(changed, None);
    assert_eq!(accounts.find(alice.id).await.unwrap().unwrap().password, hash("by an operator"));
    assert_eq!(live(&sessions, alice.id).await, [session.id]);
    let current = hash("by an operator");
    assert!(accounts.change_password(alice.id, Some(&current), &hash("new"), None, NOW).await.unwrap().is_some());
}

pub async fn a_new_role_ends_every_session(Backend { accounts, sessions, .. }: Backend) {
    let alice = signed_up(&accounts, "alice").await;
    let all = open_three(&sessions, alice.id).await;

    let revoked = accounts.set_role(alice.id, Role::Admin, NOW).await.unwrap();

    assert_eq!(sorted(revoked), all);
    assert_eq!(live(&sessions, alice.id).await, []);
    assert_eq!(accounts.find(alice.id).await.unwrap(), Some(Account { role: Role::Admin, ..alice.clone() }));
    signed_in(&sessions, alice.id).await;
}

pub async fn suspension_ends_every_session_and_reactivation_ends_none(Backend { accounts, sessions, .. }: Backend) {
    let alice = signed_up(&accounts, "alice").await;
    let all = open_three(&sessions, alice.id).await;
    assert_eq!(accounts.set_state(alice.id, State::Active, NOW).await.unwrap(), []);
    assert_eq!(live(&sessions, alice.id).await, newest_first(all));

    let revoked = accounts.set_state(alice.id, State::Suspended, NOW).await.unwrap();

    assert_eq!(sorted(revoked), all);
    assert_eq!(live(&sessions, alice.id).await, []);
    assert_eq!(accounts.find(alice.id).await.unwrap(), Some(Account { state: State::Suspended, ..alice.clone() }));

    accounts.set_state(alice.id, State::Active, NOW).await.unwrap();

    assert_eq!(live(&sessions, alice.id).await, []);
    assert_eq!(accounts.find(alice.id).await.unwrap(), Some(alice));
}

pub async fn changes_to_nobody_are_not_found(Backend { accounts, .. }: Backend) {
    let nobody = sample::id();

    assert_eq!(refusal(accounts.change_password(nobody, None, &hash("x"), None, NOW).await), not_found());
    assert_eq!(refusal(accounts.set_role(nobody, Role::Admin, NOW).await), not_found());
    assert_eq!(refusal(accounts.set_state(nobody, State::Suspended, NOW).await), not_found());
}

pub async fn a_deleted_account_is_gone_and_its_sessions_are_over(Backend { accounts, sessions, .. }: Backend) {
    let alice = signed_up(&accounts, "alice").await;
    let bob = signed_up(&accounts, "bobby").await;
    let all = open_three(&sessions, alice.id).await;

    let revoked = accounts.delete(alice.id, NOW, &Event::AccountDeleted { account: alice.id }).await.unwrap();

    assert_eq!(sorted(revoked), all);
    assert_eq!(accounts.find(alice.id).await.unwrap(), None);
    assert_eq!(accounts.find_by_login(&Login::Email(alice.email)).await.unwrap(), None);
    assert_eq!(accounts.find_by_login(&Login::Username(alice.username.key())).await.unwrap(), None);
    assert_list(&[bob], |page| accounts.list(page)).await;
    assert_eq!(live(&sessions, alice.id).await, []);
    assert_eq!(sessions.find(all[0], NOW).await.unwrap(), None);
    // Other processes have to hear of it.
    let told = sessions.revoked_since(NOW).await.unwrap().into_iter().map(|(session, _)| session).collect();
    assert_eq!(sorted(told), all);
}

pub async fn a_deleted_account_frees_its_names(Backend { accounts, .. }: Backend) {
    let first = signed_up(&accounts, "alice").await;

    accounts.delete(first.id, NOW, &Event::AccountDeleted { account: first.id }).await.unwrap();

    let second = signed_up(&accounts, "alice").await;
    assert_eq!(accounts.find_by_login(&Login::Email(first.email)).await.unwrap(), Some(second));
}

pub async fn deleting_twice_leaves_news_once(Backend { accounts, events, .. }: Backend) {
    let alice = signed_up(&accounts, "alice").await;
    let news = Event::AccountDeleted { account: alice.id };

    let deleted = at_once((0..12).map(|_| {
        let (accounts, news) = (accounts.clone(), news.clone());
        async move { accounts.delete(alice.id, NOW, &news).await }
    }))
    .await;

    assert!(deleted.iter().all(Result::is_ok), "{deleted:?}");
    assert_eq!(left(&events).await[1..], [news]);
}

// Sessions

async fn open_three(sessions: &Arc<dyn SessionStore>, account: UserId) -> [SessionId; 3] {
    [
        signed_in(sessions, account).await.id,
        signed_in(sessions, account).await.id,
        signed_in(sessions, account).await.id,
    ]
}

async fn live(sessions: &Arc<dyn SessionStore>, account: UserId) -> Vec<SessionId> {
    sessions.list(account, NOW).await.unwrap().iter().map(|session| session.id).collect()
}

pub async fn a_session_reads_back_as_it_was_opened(Backend { accounts, sessions, .. }: Backend) {
    let alice = signed_up(&accounts, "alice").await;
    let session = Session { generation: 7, rotated: NOW + SECOND, ..sample::session(alice.id) };

    sessions.open(&session, &sample::password()).await.unwrap();

    assert_eq!(sessions.find(session.id, NOW).await.unwrap(), Some(session.clone()));
    assert_eq!(sessions.list(alice.id, NOW).await.unwrap(), [session]);
    assert_eq!(sessions.find(sample::id(), NOW).await.unwrap(), None);
}

pub async fn opening_again_changes_nothing(Backend { accounts, sessions, .. }: Backend) {
    let alice = signed_up(&accounts, "alice").await;
    let session = signed_in(&sessions, alice.id).await;

    let other = Session { nonce: [1; 16], expires: NOW + sample::DAY * 9, ..session.clone() };
    sessions.open(&other, &sample::password()).await.unwrap();
    assert_eq!(sessions.find(session.id, NOW).await.unwrap(), Some(session.clone()));

    sessions.revoke(alice.id, session.id, NOW).await.unwrap();
    sessions.open(&session, &sample::password()).await.unwrap();
    assert_eq!(sessions.find(session.id, NOW).await.unwrap(), None);
}

pub async fn an_account_that_is_gone_or_suspended_opens_no_session(Backend { accounts, sessions, .. }: Backend) {
    let (suspended, deleted) = (signed_up(&accounts, "alice").await, signed_up(&accounts, "bobby").await);
    accounts.set_state(suspended.id, State::Suspended, NOW).await.unwrap();
    accounts.delete(deleted.id, NOW, &Event::AccountDeleted { account: deleted.id }).await.unwrap();

    for account in [suspended.id, deleted.id, sample::id()] {
        let session = sample::session(account);
        assert_eq!(refusal(sessions.open(&session, &sample::password()).await).0, "unauthenticated");
        assert_eq!(sessions.find(session.id, NOW).await.unwrap(), None);
    }
}

pub async fn a_password_that_is_no_longer_kept_opens_no_session(Backend { accounts, sessions, .. }: Backend) {
    let alice = signed_up(&accounts, "alice").await;
    accounts.change_password(alice.id, None, &hash("new"), None, NOW).await.unwrap();
    let session = sample::session(alice.id);

    assert_eq!(refusal(sessions.open(&session, &alice.password).await).0, "unauthenticated");

    assert_eq!(live(&sessions, alice.id).await, []);
    sessions.open(&session, &hash("new")).await.unwrap();
}

pub async fn a_session_is_opened_with_the_role_of_now(Backend { accounts, sessions, .. }: Backend) {
    let alice = signed_up(&accounts, "alice").await;
    let open = async || sessions.open(&sample::session(alice.id), &alice.password).await.unwrap();
    assert_eq!(open().await, Role::User);

    accounts.set_role(alice.id, Role::Moderator, NOW).await.unwrap();

    assert_eq!(open().await, Role::Moderator);
}

pub async fn a_session_ends_when_it_expires(Backend { accounts, sessions, .. }: Backend) {
    let alice = signed_up(&accounts, "alice").await;
    let session = signed_in(&sessions, alice.id).await;

    let just_before = session.expires - MILLISECOND;
    assert!(sessions.find(session.id, just_before).await.unwrap().is_some());
    assert_eq!(sessions.list(alice.id, just_before).await.unwrap().len(), 1);

    assert_eq!(sessions.find(session.id, session.expires).await.unwrap(), None);
    assert_eq!(sessions.list(alice.id, session.expires).await.unwrap(), []);
    assert!(!sessions.revoke(alice.id, session.id, session.expires).await.unwrap());
}

pub async fn rotation_moves_a_session_on(Backend { accounts, sessions, .. }: Backend) {
    let alice = signed_up(&accounts, "alice").await;
    let session = signed_in(&sessions, alice.id).await;

    let (rotated, expires) = (NOW + SECOND, NOW + sample::DAY * 2);
    assert!(sessions.rotate(session.id, 0, rotated, expires).await.unwrap());

    let expected = Session { generation: 1, rotated, expires, ..session };
    assert_eq!(sessions.find(expected.id, rotated).await.unwrap(), Some(expected));
}

pub async fn rotation_from_another_generation_changes_nothing(Backend { accounts, sessions, .. }: Backend) {
    let alice = signed_up(&accounts, "alice").await;
    let session = Session { generation: 5, ..sample::session(alice.id) };
    sessions.open(&session, &sample::password()).await.unwrap();

    for generation in [4, 6] {
        assert!(!sessions.rotate(session.id, generation, NOW + SECOND, NOW + SECOND * 2).await.unwrap());
    }

    assert_eq!(sessions.find(session.id, NOW).await.unwrap(), Some(session));
}

pub async fn of_twelve_rotations_from_one_generation_one_moves_it(Backend { accounts, sessions, .. }: Backend) {
    let alice = signed_up(&accounts, "alice").await;
    let session = signed_in(&sessions, alice.id).await;

    let moved = at_once((0..12).map(|_| {
        let (sessions, session) = (sessions.clone(), session.clone());
        async move { sessions.rotate(session.id, 0, NOW, session.expires).await.unwrap() }
    }))
    .await;

    assert_eq!(moved.into_iter().filter(|moved| *moved).count(), 1);
    assert_eq!(sessions.find(session.id, NOW).await.unwrap().unwrap().generation, 1);
}

pub async fn a_session_that_is_over_does_not_rotate(Backend { accounts, sessions, .. }: Backend) {
    let alice = signed_up(&accounts, "alice").await;
    let (revoked, expired) = (signed_in(&sessions, alice.id).await, signed_in(&sessions, alice.id).await);
    sessions.revoke(alice.id, revoked.id, NOW).await.unwrap();

    let later = NOW + sample::DAY * 9;
    assert!(!sessions.rotate(revoked.id, 0, NOW, later).await.unwrap());
    assert!(!sessions.rotate(expired.id, 0, expired.expires, later).await.unwrap());
    assert!(!sessions.rotate(sample::id(), 0, NOW, later).await.unwrap());

    assert_eq!(sessions.find(revoked.id, NOW).await.unwrap(), None);
    assert_eq!(sessions.find(expired.id, expired.expires).await.unwrap(), None);
}

pub async fn the_live_sessions_are_listed_newest_first(Backend { accounts, sessions, .. }: Backend) {
    let (alice, bob) = (signed_up(&accounts, "alice").await, signed_up(&accounts, "bobby").await);
    let all = [(); 5].map(|()| sample::session(alice.id));
    for session in Dice::new(2).shuffled(&all) {
        sessions.open(&session, &sample::password()).await.unwrap();
    }
    signed_in(&sessions, bob.id).await;

    sessions.revoke(alice.id, all[2].id, NOW).await.unwrap();

    let [first, second, _, fourth, fifth] = all;
    assert_eq!(sessions.list(alice.id, NOW).await.unwrap(), [fifth, fourth, second, first]);
}

pub async fn at_most_a_hundred_sessions_are_listed(Backend { accounts, sessions, .. }: Backend) {
    let alice = signed_up(&accounts, "alice").await;
    let ids: Vec<_> = at_once((0..101).map(|_| {
        let (sessions, session) = (sessions.clone(), sample::session(alice.id));
        async move { sessions.open(&session, &sample::password()).await.map(|_| session.id).unwrap() }
    }))
    .await;

    assert_eq!(live(&sessions, alice.id).await, newest_first(ids[1..].to_vec()));
}

pub async fn a_session_is_revoked_once_and_by_its_account_only(Backend { accounts, sessions, .. }: Backend) {
    let (alice, bob) = (signed_up(&accounts, "alice").await, signed_up(&accounts, "bobby").await);
    let session = signed_in(&sessions, alice.id).await;

    assert!(!sessions.revoke(bob.id, session.id, NOW).await.unwrap());
    assert!(sessions.find(session.id, NOW).await.unwrap().is_some());

    let revoked = at_once((0..12).map(|_| {
        let sessions = sessions.clone();
        async move { sessions.revoke(alice.id, session.id, NOW).await.unwrap() }
    }))
    .await;

    assert_eq!(revoked.into_iter().filter(|revoked| *revoked).count(), 1);
    assert_eq!(sessions.find(session.id, NOW).await.unwrap(), None);
    assert!(!sessions.revoke(alice.id, sample::id(), NOW).await.unwrap());
}

pub async fn revocations_are_told_from_a_moment_on(Backend { accounts, sessions, .. }: Backend) {
    let alice = signed_up(&accounts, "alice").await;
    let [first, second, third] = open_three(&sessions, alice.id).await;
    sessions.revoke(alice.id, first, NOW).await.unwrap();
    sessions.revoke(alice.id, second, NOW + SECOND).await.unwrap();

    let mut all = sessions.revoked_since(NOW).await.unwrap();
    all.sort();
    assert_eq!(all, [(first, NOW), (second, NOW + SECOND)]);
    assert_eq!(sessions.revoked_since(NOW + MILLISECOND).await.unwrap(), [(second, NOW + SECOND)]);

    accounts.set_role(alice.id, Role::Moderator, NOW + SECOND * 2).await.unwrap();
    assert_eq!(sessions.revoked_since(NOW + SECOND * 2).await.unwrap(), [(third, NOW + SECOND * 2)]);
}

pub async fn a_revoked_session_keeps_its_moment(Backend { accounts, sessions, .. }: Backend) {
    let alice = signed_up(&accounts, "alice").await;
    let session = signed_in(&sessions, alice.id).await;
    sessions.revoke(alice.id, session.id, NOW).await.unwrap();

    let later = NOW + SECOND;
    sessions.revoke(alice.id, session.id, later).await.unwrap();
    accounts.change_password(alice.id, None, &hash("new"), None, later).await.unwrap();
    accounts.set_state(alice.id, State::Suspended, later).await.unwrap();
    accounts.delete(alice.id, later, &Event::AccountDeleted { account: alice.id }).await.unwrap();

    assert_eq!(sessions.revoked_since(NOW).await.unwrap(), [(session.id, NOW)]);
}

pub async fn people_are_counted_once_whatever_sessions_they_have(Backend { accounts, sessions, .. }: Backend) {
    let [alice, bob] = [signed_up(&accounts, "alice").await, signed_up(&accounts, "bob").await];
    for (account, expires) in
        [(&alice, NOW + SECOND), (&alice, NOW + SECOND * 3), (&alice, NOW + SECOND * 4), (&bob, NOW)]
    {
        let session = Session { expires, ..sample::session(account.id) };
        sessions.open(&session, &sample::password()).await.unwrap();
    }
    let renewed = signed_in(&sessions, bob.id).await;

    let revoked = sessions.list(alice.id, NOW).await.unwrap();
    sessions.revoke(alice.id, revoked[0].id, NOW).await.unwrap();

    assert_eq!(sessions.people(NOW - SECOND).await.unwrap(), 2);
    assert_eq!(sessions.people(NOW + SECOND * 3).await.unwrap(), 2);
    assert_eq!(sessions.people(NOW + SECOND * 4).await.unwrap(), 1);
    assert_eq!(sessions.people(renewed.expires).await.unwrap(), 0);
}

pub async fn sessions_long_over_are_forgotten(Backend { accounts, sessions, .. }: Backend) {
    let alice = signed_up(&accounts, "alice").await;
    for _ in 0..5 {
        let session = Session { expires: NOW + SECOND, ..sample::session(alice.id) };
        sessions.open(&session, &sample::password()).await.unwrap();
    }
    let [early, late, alive] = open_three(&sessions, alice.id).await;
    let before = NOW + SECOND * 2;
    sessions.revoke(alice.id, early, before - MILLISECOND).await.unwrap();
    sessions.revoke(alice.id, late, before).await.unwrap();

    let forgotten = drain(2, || sessions.forget(before, 2)).await;

    assert_eq!(forgotten, 6);
    assert_eq!(live(&sessions, alice.id).await, [alive]);
    assert_eq!(sessions.revoked_since(NOW).await.unwrap(), [(late, before)]);
}
