//! Names that several people have, when those are told apart by nothing but case: the oldest account keeps it.

use std::collections::HashSet;

use echo_domain::{
    Result, UserId,
    auth::{AccountStore, Email, Login, Username},
};
use futures_util::future::try_join_all;

use crate::{report::Report, users::Person};

/// The longest username that may be chosen.
const USERNAME_MAX: usize = 32;

/// Gives everybody here names that nobody else has. They come in the order of their age, after those in the store.
pub(crate) async fn settle(people: &mut [Person], accounts: &dyn AccountStore, report: &mut Report) -> Result<()> {
    let logins = people.iter().flat_map(|person| {
        let account = &person.account;
        [(account.id, Login::Username(account.username.key())), (account.id, Login::Email(account.email.clone()))]
    });
    let owned = async |(id, login): (UserId, Login)| Ok(is_taken(accounts, id, &login).await?.then_some(login));
    let taken: Vec<Option<Login>> = try_join_all(logins.map(owned)).await?;
    let mut taken: HashSet<Login> = taken.into_iter().flatten().collect();
    for person in people {
        settle_username(person, accounts, &mut taken, report).await?;
        settle_email(person, accounts, &mut taken, report).await?;
    }
    Ok(())
}

async fn settle_username(
    person: &mut Person,
    accounts: &dyn AccountStore,
    taken: &mut HashSet<Login>,
    report: &mut Report,
) -> Result<()> {
    let (id, wanted) = (person.account.id, person.account.username.as_str().to_owned());
    let login = |name: &str| Login::Username(Username::from_store(name.to_owned()).key());
    let free = free(accounts, id, taken, &wanted, login, |n| {
        let suffix = format!("_{n}");
        let room = USERNAME_MAX.saturating_sub(suffix.len());
        wanted.chars().take(room).chain(suffix.chars()).collect()
    });
    if let Some(other) = free.await? {
        report.users.mend("username of an older account: renamed", format!("{id}: {wanted} is now {other}"));
        person.rename(other);
    }
    Ok(())
}

/// With most services, what follows a plus reaches the same person.
async fn settle_email(
    person: &mut Person,
    accounts: &dyn AccountStore,
    taken: &mut HashSet<Login>,
    report: &mut Report,
) -> Result<()> {
    let (id, wanted) = (person.account.id, person.account.email.as_str().to_owned());
    let (local, host) = wanted.split_once('@').unwrap_or((&wanted, "missing.invalid"));
    let login = |address: &str| Login::Email(Email::from_store(address.to_owned()));
    if let Some(other) = free(accounts, id, taken, &wanted, login, |n| format!("{local}+{n}@{host}")).await? {
        report.users.mend("e-mail address of an older account: given a suffix", id);
        person.account.email = Email::from_store(other);
    }
    Ok(())
}

/// Takes the name that is wanted; or else the first free one of those made with 2, 3 and so on, which is returned.
async fn free(
    accounts: &dyn AccountStore,
    id: UserId,
    taken: &mut HashSet<Login>,
    wanted: &str,
    login: impl Fn(&str) -> Login,
    other: impl Fn(u32) -> String,
) -> Result<Option<String>> {
    if taken.insert(login(wanted)) {
        return Ok(None);
    }
    let mut n = 2;
    loop {
        let candidate = other(n);
        let login = login(&candidate);
        if !is_taken(accounts, id, &login).await? && taken.insert(login) {
            return Ok(Some(candidate));
        }
        n += 1;
    }
}

async fn is_taken(accounts: &dyn AccountStore, id: UserId, login: &Login) -> Result<bool> {
    Ok(accounts.find_by_login(login).await?.is_some_and(|owner| owner.id != id))
}
