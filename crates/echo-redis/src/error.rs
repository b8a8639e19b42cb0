//! What can go wrong, and what it means to callers: the one place that turns Redis's errors into the domain's.

use std::time::Duration;

use echo_domain::{BoxError, Error};
use fred::{
    error::{Error as RedisError, ErrorKind},
    types::Version,
};

/// Why Redis could not be used from the start. Reads as one line for an operator; a password is in none.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error(
        "REDIS_URL is wrong: {cause}; write redis://host:6379, or \
         redis-sentinel://host:26379?sentinelServiceName=name, or redis-cluster://host:6379; rediss for TLS"
    )]
    Url { cause: String },
    #[error("Redis at {at} does not answer: {cause}; check REDIS_URL")]
    Unreachable { at: String, cause: String },
    #[error("Redis at {at} refuses the user name and password in REDIS_URL")]
    Refused { at: String },
    #[error("Redis at {at} has version {found}, Echo needs {} or newer", OpenError::OLDEST)]
    TooOld { at: String, found: String },
    #[error("Redis at {at} is part of a Cluster: let REDIS_URL begin with redis-cluster://")]
    Clustered { at: String },
}

impl OpenError {
    /// The first with channels that belong to a shard, whose publisher is told of all who listen.
    pub(crate) const OLDEST: Version = Version::new(7, 0, 0);

    pub(crate) fn url(error: &RedisError) -> Self {
        Self::Url { cause: error.details().to_owned() }
    }

    pub(crate) fn connecting(at: String, error: &RedisError) -> Self {
        let details = error.details();
        match error.kind() {
            ErrorKind::Auth => Self::Refused { at },
            // Before version 6 there was no `HELLO`.
            _ if details.contains("unknown command") => Self::TooOld { at, found: "5 or older".to_owned() },
            _ => Self::Unreachable { at, cause: details.to_owned() },
        }
    }
}

/// What an error of Redis means to whoever called the store.
pub(crate) fn translate(error: RedisError) -> Error {
    match error.kind() {
        ErrorKind::InvalidCommand
        | ErrorKind::InvalidArgument
        | ErrorKind::Parse
        | ErrorKind::Protocol
        | ErrorKind::NotFound => Error::internal(error),
        // Others begin with what passes: OOM, LOADING, READONLY, MISCONF, NOREPLICAS.
        ErrorKind::Unknown if error.details().starts_with("ERR") => Error::internal(error),
        _ => unavailable(error),
    }
}

/// Redis is out of reach or at its limit.
pub(crate) fn unavailable(source: impl Into<BoxError>) -> Error {
    Error::Unavailable { what: "Redis", retry_after: Duration::from_secs(1), source: Some(source.into()) }
}
