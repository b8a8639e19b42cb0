//! What can go wrong, and what it means to callers: the one place that turns SQLite's errors into the domain's.

use std::{path::PathBuf, time::Duration};

use echo_domain::{BoxError, Error};
use rusqlite::ErrorCode;

/// Why a database did not open.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// It cannot be read or written: a missing folder, permissions, a full disk, a file system without locks.
    #[error("cannot open the database {}: {cause}", .path.display())]
    Inaccessible { path: PathBuf, cause: BoxError },
    /// It cannot be copied: a full disk, a folder that is not writable.
    #[error("cannot copy the database {}: {cause}", .path.display())]
    Uncopied { path: PathBuf, cause: rusqlite::Error },
    /// A newer Echo has used it; this one would not understand what it finds.
    #[error(
        "the database {} has schema version {found}, this echod knows versions up to {known}: run a newer echod",
        .path.display()
    )]
    Newer { path: PathBuf, found: u32, known: u32 },
    /// No Echo has made anything in it.
    #[error("the database {} is empty: restore a backup, or remove the file to begin anew", .path.display())]
    Empty { path: PathBuf },
    /// An older Echo made it, and it is not to be changed now.
    #[error(
        "the database {} has schema version {found}, this echod needs {known}: run `echod migrate`, which with `--plan` \
         only tells what it does",
        .path.display()
    )]
    Older { path: PathBuf, found: u32, known: u32 },
    /// It is no SQLite database, or no longer.
    #[error("the database {} is damaged: {cause}; restore it from a backup", .path.display())]
    Damaged { path: PathBuf, cause: rusqlite::Error },
}

/// Why a job did not do its work, before it is translated.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The job said so.
    Domain(Error),
    Sqlite(rusqlite::Error),
}

/// What a job returns.
pub(crate) type Outcome<T> = Result<T, Failure>;

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Domain(error)
    }
}

impl From<rusqlite::Error> for Failure {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Domain(error) => error,
            Failure::Sqlite(error) => translate(&error),
        }
    }
}

impl OpenError {
    pub(crate) fn new(path: PathBuf, source: rusqlite::Error) -> Self {
        match source.sqlite_error_code() {
            Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => Self::Damaged { path, cause: source },
            _ => Self::Inaccessible { path, cause: source.into() },
        }
    }
}

/// What an error of SQLite means to whoever called the store. By reference: one failed commit is the answer to many.
pub(crate) fn translate(error: &rusqlite::Error) -> Error {
    match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => Error::StorageFull,
        Some(
            ErrorCode::DatabaseBusy
            | ErrorCode::DatabaseLocked
            | ErrorCode::SystemIoFailure
            | ErrorCode::CannotOpen
            | ErrorCode::ReadOnly
            | ErrorCode::OutOfMemory
            | ErrorCode::OperationAborted,
        ) => unavailable(Some(error.to_string().into())),
        _ => Error::internal(error.to_string()),
    }
}

/// The database is at its limit, or closing.
pub(crate) fn unavailable(source: Option<BoxError>) -> Error {
    Error::Unavailable { what: "the database", retry_after: Duration::from_secs(1), source }
}
