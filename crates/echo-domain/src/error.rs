//! Why a use case did not happen, in terms its caller can act on.

use std::{borrow::Cow, time::Duration};

/// Whatever a dependency reported; for the log only.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// What happened and why, in one line of a log.
#[must_use]
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut line = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        line = format!("{line}: {error}");
        cause = error.source();
    }
    line
}

/// What every use case and every store method returns.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a use case did not happen. Each kind is one thing a caller can do about it.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The input breaks a rule: correct these fields. Never empty.
    #[error("{}", .0.first().map_or_else(|| "invalid input".to_owned(), ToString::to_string))]
    Invalid(Vec<FieldError>),
    /// Sign in first, or again.
    #[error("{0}")]
    Unauthenticated(Refusal),
    /// Not for this account, however often it asks.
    #[error("{0}")]
    Forbidden(Refusal),
    /// There is no such thing, or no longer.
    #[error("{0}")]
    NotFound(Refusal),
    /// It contradicts what is kept: taken, already done.
    #[error("{0}")]
    Conflict(Refusal),
    /// More bytes, pixels or frames than Echo takes.
    #[error("{0}")]
    TooLarge(FieldError),
    /// Not a kind of file that Echo takes, or damaged.
    #[error("{0}")]
    Unsupported(FieldError),
    /// No room for what was sent; what needs none works.
    #[error("There is no room left")]
    StorageFull,
    /// More than the account may keep: remove something of it first.
    #[error("{0}")]
    OverQuota(Refusal),
    /// A dependency did not answer or is at its limit; the same call may succeed after `retry_after`.
    #[error("{what} is unavailable, try again later")]
    Unavailable { what: &'static str, retry_after: Duration, source: Option<BoxError> },
    /// Our bug or damaged data. The text stays bare; the source is for the log only.
    #[error("internal error")]
    Internal(#[source] BoxError),
}

/// A refusal as its caller sees it: a stable code for programs, a sentence for people.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Refusal {
    /// Stable and documented: `post_not_found`.
    pub code: Cow<'static, str>,
    /// `Post not found`
    pub message: Cow<'static, str>,
}

/// A field of the input and what is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {message}")]
pub struct FieldError {
    /// As the client wrote it: `content[2].value`.
    pub field: Cow<'static, str>,
    pub message: Cow<'static, str>,
}

impl Refusal {
    pub fn new(code: impl Into<Cow<'static, str>>, message: impl Into<Cow<'static, str>>) -> Self {
        Self { code: code.into(), message: message.into() }
    }
}

impl FieldError {
    pub fn new(field: impl Into<Cow<'static, str>>, message: impl Into<Cow<'static, str>>) -> Self {
        Self { field: field.into(), message: message.into() }
    }
}

impl Error {
    pub fn invalid(field: impl Into<Cow<'static, str>>, message: impl Into<Cow<'static, str>>) -> Self {
        Self::Invalid(vec![FieldError::new(field, message)])
    }

    pub fn unauthenticated(code: &'static str, message: &'static str) -> Self {
        Self::Unauthenticated(Refusal::new(code, message))
    }

    pub fn forbidden(code: &'static str, message: &'static str) -> Self {
        Self::Forbidden(Refusal::new(code, message))
    }

    pub fn not_found(code: &'static str, message: &'static str) -> Self {
        Self::NotFound(Refusal::new(code, message))
    }

    pub fn conflict(code: &'static str, message: impl Into<Cow<'static, str>>) -> Self {
        Self::Conflict(Refusal::new(code, message))
    }

    pub fn over_quota(code: &'static str, message: impl Into<Cow<'static, str>>) -> Self {
        Self::OverQuota(Refusal::new(code, message))
    }

    pub fn internal(source: impl Into<BoxError>) -> Self {
        Self::Internal(source.into())
    }

    /// The same error about another field: what a block's image did wrong, told with the block's name.
    #[must_use]
    pub fn at(self, field: impl Into<Cow<'static, str>>) -> Self {
        let rename = |error: FieldError, field| FieldError { field, message: error.message };
        match self {
            Self::Invalid(mut errors) => match errors.pop() {
                Some(error) => Self::Invalid(vec![rename(error, field.into())]),
                None => Self::Invalid(errors),
            },
            Self::TooLarge(error) => Self::TooLarge(rename(error, field.into())),
            Self::Unsupported(error) => Self::Unsupported(rename(error, field.into())),
            other => other,
        }
    }
}

/// What several checks found, so that a caller hears of every bad field at once.
#[derive(Debug, Default)]
pub struct Findings(Vec<FieldError>);

impl Findings {
    /// The checked value; what was wrong with it is remembered.
    ///
    /// # Errors
    /// Those that are no [`Error::Invalid`].
    pub fn check<T>(&mut self, checked: Result<T>) -> Result<Option<T>> {
        match checked {
            Ok(value) => Ok(Some(value)),
            Err(Error::Invalid(errors)) => {
                self.0.extend(errors);
                Ok(None)
            }
            Err(other) => Err(other),
        }
    }

    /// Everything found, as one error.
    pub fn into_error(self) -> Error {
        Error::Invalid(self.0)
    }

    /// # Errors
    /// [`Error::Invalid`] when anything was found.
    pub fn settle(self) -> Result<()> {
        if self.0.is_empty() { Ok(()) } else { Err(self.into_error()) }
    }
}
