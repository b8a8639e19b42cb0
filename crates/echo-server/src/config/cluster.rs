//! What takes the place of the data folder where one machine is not enough, and who does which part of the work.

use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use echo_peers::ServiceToken;

use crate::roles::{Role, Roles};

use super::{Secret, Url, set};

/// Several processes, and what they share.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "When it outgrows one machine")]
pub(crate) struct Cluster {
    /// Keep records in MongoDB (6.0 or later, a replica set or sharded) instead of the data folder
    #[arg(long, env = "MONGODB_URI", value_name = "URI", global = true, hide_env_values = true)]
    pub(crate) mongodb_uri: Option<Secret>,
    /// Redis 7 or Valkey for what several processes share; without it, only one may run
    #[arg(long, env = "REDIS_URL", value_name = "URL", global = true, hide_env_values = true)]
    pub(crate) redis_url: Option<Secret>,
    /// What this process does, comma-separated; other processes have to do the rest
    #[arg(
        long,
        env = "ROLES",
        value_name = "ROLES",
        default_value = "auth,users,posts,media,worker",
        global = true,
        hide_env_values = true
    )]
    pub(crate) roles: Roles,
    /// Proves to processes with other roles that a call comes from Echo; at least 32 bytes, the same for all
    #[arg(long, env = "SERVICE_TOKEN", value_name = "SECRET", global = true, hide_env_values = true)]
    pub(crate) service_token: Option<Secret>,
    /// Where a process with the role auth has its INTERNAL_ADDR, unless this one is auth
    #[arg(long, env = "PEER_AUTH_URL", value_name = "URL", global = true, hide_env_values = true)]
    pub(crate) peer_auth_url: Option<Url>,
    /// The same for users
    #[arg(long, env = "PEER_USERS_URL", value_name = "URL", global = true, hide_env_values = true)]
    pub(crate) peer_users_url: Option<Url>,
    /// The same for posts
    #[arg(long, env = "PEER_POSTS_URL", value_name = "URL", global = true, hide_env_values = true)]
    pub(crate) peer_posts_url: Option<Url>,
    /// The same for media
    #[arg(long, env = "PEER_MEDIA_URL", value_name = "URL", global = true, hide_env_values = true)]
    pub(crate) peer_media_url: Option<Url>,
}

impl Cluster {
    /// Where the records are, unless they are in the data folder. Empty is unset, as compose files have it.
    pub(crate) fn mongodb_uri(&self) -> Option<&str> {
        set(self.mongodb_uri.as_ref().map(Secret::expose))
    }

    pub(crate) fn redis_url(&self) -> Option<&str> {
        set(self.redis_url.as_ref().map(Secret::expose))
    }

    /// # Errors
    /// When it could be guessed.
    pub(crate) fn service_token(&self) -> Result<Option<ServiceToken>> {
        let token = set(self.service_token.as_ref().map(Secret::expose)).map(ServiceToken::new).transpose();
        token.context("SERVICE_TOKEN (try `openssl rand -hex 32`)")
    }

    /// Where the neighbour is, when it is in another process, and the setting that says so.
    ///
    /// # Errors
    /// Naming the setting, where it does not.
    pub(crate) fn peer(&self, role: Role) -> Result<(&'static str, &str)> {
        let (setting, url) = match role {
            Role::Auth => ("PEER_AUTH_URL", &self.peer_auth_url),
            Role::Users => ("PEER_USERS_URL", &self.peer_users_url),
            Role::Posts => ("PEER_POSTS_URL", &self.peer_posts_url),
            Role::Media => ("PEER_MEDIA_URL", &self.peer_media_url),
            Role::Worker => bail!("nobody asks a worker"),
        };
        match url {
            Some(url) => Ok((setting, url.as_str())),
            None => bail!(
                "ROLES is {}, and {setting} does not say where {} is: set it to the INTERNAL_ADDR of a process with that \
                 role, as in {setting}=http://{}:9464",
                self.roles,
                role.name(),
                role.name()
            ),
        }
    }

    /// That what is set goes together.
    pub(super) fn check(&self) -> Result<()> {
        ensure!(
            self.redis_url().is_none() || self.mongodb_uri().is_some(),
            "REDIS_URL is set, but the records are in SQLite, which one process has for itself: set MONGODB_URI, too, or \
             unset REDIS_URL"
        );
        self.service_token().map(drop)
    }

    /// That a process which has only some of the roles can reach the others, and shares with them what all need.
    /// `has_key` tells that tokens are signed with a secret that all have, `listens` that others reach this one.
    pub(super) fn check_split(&self, has_key: bool, listens: bool) -> Result<()> {
        if !self.roles.is_split() {
            return Ok(());
        }
        let shared = [
            ("MONGODB_URI", self.mongodb_uri().is_some(), "records in SQLite are one process's own"),
            ("REDIS_URL", self.redis_url().is_some(), "by Redis the processes hear of each other's changes"),
            ("JWT_SECRET", has_key, "every process has to read the tokens that auth signs"),
            ("SERVICE_TOKEN", self.service_token()?.is_some(), "without it, anybody could call as a process of Echo"),
            ("INTERNAL_ADDR", listens, "there the other processes call this one"),
        ];
        for (setting, is_set, why) in shared {
            ensure!(is_set, "ROLES is {}, so {setting} must be set: {why}", self.roles);
        }
        self.roles.peers().try_for_each(|role| self.peer(role).map(drop))
    }
}
