//! What can go wrong, and what it means to callers: the one place that turns the driver's errors into the domain's.

use std::time::Duration;

use echo_domain::{BoxError, Error};
use mongodb::error::{
    ErrorKind, RETRYABLE_WRITE_ERROR, TRANSIENT_TRANSACTION_ERROR, UNKNOWN_TRANSACTION_COMMIT_RESULT, WriteFailure,
};

/// Why a database did not open. Each is one line that says what to change; none holds a password.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The driver does not understand the address.
    #[error("MONGODB_URI is not understood: {reason}")]
    Malformed { reason: String },
    /// The databases of areas would have names that MongoDB does not take.
    #[error(
        "MONGODB_URI names a database of {length} bytes, {name}: name one of at most {longest}, for the databases of areas \
         have longer names that begin with it"
    )]
    LongName { name: String, length: usize, longest: usize },
    /// One database holds what several should.
    #[error(
        "the database {name} of MONGODB_URI has the collections of all areas, as no released Echo kept them: move them to \
         {name}_auth, {name}_users, {name}_posts and {name}_media by mongodump and mongorestore --nsFrom --nsTo, as \
         docs/mongodb.md tells, or name another database"
    )]
    OneDatabase { name: String },
    /// Nobody answers there, or whoever does has no primary.
    #[error("MongoDB at {hosts} does not answer: {reason}; check MONGODB_URI and that the server runs")]
    Unreachable { hosts: String, reason: String },
    /// The server does not let us in.
    #[error("MongoDB at {hosts} refuses who we say we are: correct the user, password or authSource in MONGODB_URI")]
    Unauthenticated { hosts: String },
    /// It lets us in, but not do what we must.
    #[error(
        "MongoDB at {hosts} forbids what Echo does: {reason}; give the user of MONGODB_URI the role readWrite on {databases}"
    )]
    Forbidden { hosts: String, databases: String, reason: String },
    /// It has no transactions.
    #[error(
        "MongoDB at {hosts} runs alone, without transactions: start it with --replSet and run rs.initiate(), or set \
         MONGODB_URI to a replica set or a sharded cluster"
    )]
    Standalone { hosts: String },
    /// It lacks what Echo uses.
    #[error(
        "MongoDB at {hosts} has version {found}, Echo needs 6.0 or newer: update it, or set MONGODB_URI to another"
    )]
    TooOld { hosts: String, found: String },
    /// It has no shards that anything could be spread over.
    #[error(
        "MongoDB at {hosts} is not sharded, so there is nothing to spread: set MONGODB_URI to a mongos of a sharded cluster"
    )]
    NotSharded { hosts: String },
    /// A collection of that name is there, and is not as Echo declares it.
    #[error("the collection {collection} cannot be made as Echo needs it: {reason}")]
    Unprepared { collection: &'static str, reason: String },
}

/// Why a call did not do its work, before it is translated.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The call said so.
    Domain(Error),
    Mongo(mongodb::error::Error),
}

/// What the work of a call returns.
pub(crate) type Outcome<T> = Result<T, Failure>;

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Domain(error)
    }
}

impl From<mongodb::error::Error> for Failure {
    fn from(error: mongodb::error::Error) -> Self {
        Self::Mongo(error)
    }
}

impl From<bson::error::Error> for Failure {
    fn from(error: bson::error::Error) -> Self {
        Self::Domain(Error::internal(error.to_string()))
    }
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Domain(error) => error,
            Failure::Mongo(error) => translate(&error),
        }
    }
}

impl Failure {
    /// The unique index that refused a write, by its name; `None` when it failed otherwise.
    pub(crate) fn duplicate(&self) -> Option<&str> {
        let Self::Mongo(error) = self else { return None };
        let (code, message) = told(error)?;
        // The name is in the text alone (E11000: "… index: username dup key: …").
        (code == DUPLICATE_KEY).then(|| message.split("index: ").nth(1)?.split(' ').next()).flatten()
    }
}

const UNAUTHORIZED: i32 = 13;
const AUTHENTICATION_FAILED: i32 = 18;
const DUPLICATE_KEY: i32 = 11000;
const OUT_OF_DISK_SPACE: i32 = 14031;

/// Nobody is primary, the server stops, a time ran out, or writes do not reach a majority: what passes
/// (error_codes.yml of the server: HostUnreachable, HostNotFound, MaxTimeMSExpired, WriteConcernFailed, NetworkTimeout,
/// ShutdownInProgress, FailedToSatisfyReadPreference, PrimarySteppedDown, ExceededTimeLimit, SocketException,
/// NotWritablePrimary, InterruptedAtShutdown, InterruptedDueToReplStateChange, NotPrimaryNoSecondaryOk,
/// NotPrimaryOrSecondary, UnsatisfiableWriteConcern, LockTimeout, WriteConflict, NoSuchTransaction).
const PASSING: [i32; 19] =
    [6, 7, 50, 64, 89, 91, 133, 189, 262, 9001, 10107, 11600, 11602, 13435, 13436, 100, 24, 112, 251];

/// What an error of the driver means to whoever called the store.
pub(crate) fn translate(error: &mongodb::error::Error) -> Error {
    let code = told(error).map(|(code, _)| code);
    if code == Some(OUT_OF_DISK_SPACE) {
        return Error::StorageFull;
    }
    let labels = [RETRYABLE_WRITE_ERROR, TRANSIENT_TRANSACTION_ERROR, UNKNOWN_TRANSACTION_COMMIT_RESULT];
    let passes = code.is_some_and(|code| PASSING.contains(&code))
        || labels.iter().any(|label| error.contains_label(label))
        || unreachable(error);
    if passes { unavailable(describe(error)) } else { Error::internal(describe(error)) }
}

/// The database does not answer, or not in time.
pub(crate) fn unavailable(source: impl Into<BoxError>) -> Error {
    Error::Unavailable { what: "the database", retry_after: Duration::from_secs(1), source: Some(source.into()) }
}

/// For the log: without the values that a write had, which may be a person's.
pub(crate) fn describe(error: &mongodb::error::Error) -> String {
    match told(error) {
        Some((code, message)) => {
            let message = message.split(" dup key").next().unwrap_or(message);
            format!("{message} (code {code})")
        }
        None => error.kind.to_string(),
    }
}

/// Whether the server refused the user or the password.
pub(crate) fn is_authentication(error: &mongodb::error::Error) -> bool {
    matches!(*error.kind, ErrorKind::Authentication { .. })
        || told(error).is_some_and(|(code, _)| code == AUTHENTICATION_FAILED)
}

/// Whether the user may not do this.
pub(crate) fn is_unauthorized(error: &mongodb::error::Error) -> bool {
    told(error).is_some_and(|(code, _)| code == UNAUTHORIZED)
}

fn unreachable(error: &mongodb::error::Error) -> bool {
    matches!(
        *error.kind,
        ErrorKind::Io(_)
            | ErrorKind::ServerSelection { .. }
            | ErrorKind::ConnectionPoolCleared { .. }
            | ErrorKind::DnsResolve { .. }
            | ErrorKind::Authentication { .. }
            | ErrorKind::Transaction { .. }
            | ErrorKind::Shutdown
    )
}

/// The code and the text that the server answered with.
fn told(error: &mongodb::error::Error) -> Option<(i32, &str)> {
    match &*error.kind {
        ErrorKind::Command(it) => Some((it.code, &it.message)),
        ErrorKind::Write(WriteFailure::WriteError(it)) => Some((it.code, &it.message)),
        ErrorKind::Write(WriteFailure::WriteConcernError(it)) => Some((it.code, &it.message)),
        ErrorKind::InsertMany(it) => {
            let written = it.write_errors.iter().flatten().next().map(|it| (it.code, it.message.as_str()));
            written.or_else(|| it.write_concern_error.as_ref().map(|it| (it.code, it.message.as_str())))
        }
        _ => None,
    }
}
