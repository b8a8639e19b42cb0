//! Why there is no answer.

use std::time::Duration;

use axum::http::StatusCode;
use echo_domain::BoxError;

/// One try of a call brought no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// Nothing was sent.
    #[error("it cannot be reached")]
    Unreachable(#[source] BoxError),
    /// The connection broke, or what came over it is no HTTP. It may have been done.
    #[error("it broke off")]
    Broken(#[source] BoxError),
    /// It may still be doing it.
    #[error("it did not answer within {} ms", .0.as_millis())]
    Late(Duration),
    /// Something on the way, or the neighbour without one of its own reasons.
    #[error("it answered {0}")]
    Faulty(StatusCode),
}

/// No call was made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotAsked {
    #[error("it has failed again and again, and is left alone for {} ms", .0.as_millis())]
    GivenUp(Duration),
    #[error("there is no time left")]
    TooLate,
}

/// It answered something that no neighbour says.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Misunderstood {
    #[error("{who} answers {status} to {path}: does it have the same SERVICE_TOKEN and version?")]
    Refused { who: &'static str, path: String, status: StatusCode },
    #[error("what {who} answers to {path} cannot be read")]
    Unreadable { who: &'static str, path: String, source: BoxError },
    #[error("{who} failed: {reason}")]
    Failed { who: &'static str, reason: String },
}

/// The address of a neighbour is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("must be http://host:port, and is {0}")]
pub struct BadAddress(pub(crate) String);

impl Failure {
    /// Whether the neighbour cannot have heard of it.
    pub(crate) const fn is_unheard(&self) -> bool {
        matches!(self, Self::Unreachable(_))
    }
}
