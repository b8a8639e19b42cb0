//! `echod user`

use std::io::{self, BufRead, IsTerminal};

use anyhow::{Context, Result};
use clap::{Args, Subcommand};
use echo_domain::{
    PageRequest, UserId,
    auth::{Account, AuthService, Role, SignUp, State},
};

use crate::{
    assemble::{self, Base},
    config::Settings,
    data_dir::DataDir,
    roles::Roles,
    system::say,
};

#[derive(Debug, Subcommand)]
pub(crate) enum UserCommand {
    /// Open an account
    Create(Create),
    /// List accounts, newest first
    List {
        /// How many
        #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u8).range(1..=100))]
        limit: u8,
        /// Only those opened before this account (its id)
        #[arg(long, value_name = "ID")]
        before: Option<UserId>,
    },
    /// Give a role; ends the account's sessions
    Role {
        /// E-mail or username
        login: String,
        #[arg(value_parser = parse_role)]
        role: Role,
    },
    /// Suspend an account: it cannot sign in, and its sessions end
    Suspend {
        /// E-mail or username
        login: String,
        /// Let the account in again
        #[arg(long)]
        undo: bool,
    },
    /// Set a password, asked for or read from standard input; ends the account's sessions
    Password {
        /// E-mail or username
        login: String,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Create {
    /// 4 to 32 of A-Z, a-z, 0-9 and _
    #[arg(long)]
    username: String,
    #[arg(long)]
    email: String,
    /// As shown to others [default: the username]
    #[arg(long)]
    name: Option<String>,
    /// user, moderator or admin
    #[arg(long, value_parser = parse_role, default_value = "user")]
    role: Role,
}

/// Does it on the data folder, whether or not it is being served.
///
/// # Errors
/// In one line.
pub(crate) fn run(settings: &Settings, command: UserCommand) -> Result<()> {
    settings.check()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let folder = &settings.data.data_dir;
    // Only a first account may make the folder; in MongoDB it need not be the first.
    let may_create = matches!(command, UserCommand::Create(_)) || settings.cluster.mongodb_uri().is_some();
    let data = if may_create { DataDir::open(folder)? } else { DataDir::existing(folder)? };
    if !matches!(command, UserCommand::List { .. }) {
        data.require_changeable()?;
    }
    runtime.block_on(async {
        let mut base = assemble::base(settings, &data, Roles::ALL).await?;
        let auth = assemble::accounts(settings, &mut base)?;
        let done = execute(&base, &auth, command).await;
        base.records.close().await?;
        done
    })
}

async fn execute(base: &Base, auth: &AuthService, command: UserCommand) -> Result<()> {
    match command {
        UserCommand::Create(form) => create(base, auth, form).await,
        UserCommand::List { limit, before } => list(auth, PageRequest { before, limit: limit.into() }).await,
        UserCommand::Role { login, role } => {
            let account = find(auth, &login).await?;
            auth.set_role(account.id, role).await?;
            told(&account, &format!("now has the role {}", role.as_str()))
        }
        UserCommand::Suspend { login, undo } => {
            let account = find(auth, &login).await?;
            let state = if undo { State::Active } else { State::Suspended };
            auth.set_state(account.id, state).await?;
            told(&account, &format!("is now {}", state.as_str()))
        }
        UserCommand::Password { login } => {
            let account = find(auth, &login).await?;
            auth.reset_password(account.id, &password()?).await?;
            told(&account, "has a new password")
        }
    }
}

async fn create(base: &Base, auth: &AuthService, form: Create) -> Result<()> {
    let id: UserId = base.ids.next(base.clock.now());
    let name = form.name.unwrap_or_else(|| form.username.clone());
    let form_of = SignUp { name, username: form.username, email: form.email, password: password()? };
    let opened = auth.sign_up(id, form_of).await?;
    if form.role != Role::User {
        auth.set_role(id, form.role).await?;
    }
    say(&format!("{} {} <{}> can sign in ({})", opened.id, opened.username, opened.email, form.role.as_str()))?;
    Ok(())
}

async fn list(auth: &AuthService, page: PageRequest<UserId>) -> Result<()> {
    let page = auth.list(page).await?;
    say(&format!("{:<24}  {:<32}  {:<9}  {:<9}  E-MAIL", "ID", "USERNAME", "ROLE", "STATE"))?;
    for account in &page.items {
        let (id, name, email) = (account.id, account.username.as_str(), account.email.as_str());
        say(&format!("{id}  {name:<32}  {:<9}  {:<9}  {email}", account.role.as_str(), account.state.as_str()))?;
    }
    if let Some(next) = page.next {
        say(&format!("There are more: --before {next}"))?;
    }
    Ok(())
}

async fn find(auth: &AuthService, login: &str) -> Result<Account> {
    auth.find(login).await.with_context(|| format!("no account is called {login}"))
}

fn told(account: &Account, what: &str) -> Result<()> {
    say(&format!("{} {what}", account.username.as_str()))?;
    Ok(())
}

/// Asked for at a terminal, else the first line of standard input: never on the command line, where others see it.
fn password() -> Result<String> {
    if io::stdin().is_terminal() {
        return rpassword::prompt_password("Password: ").context("no password was given");
    }
    let mut line = String::new();
    io::stdin().lock().read_line(&mut line).context("cannot read the password from standard input")?;
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}

fn parse_role(text: &str) -> Result<Role, String> {
    Role::parse(text).ok_or_else(|| "must be user, moderator or admin".to_owned())
}
