//! The one place where a failure becomes HTTP.

use std::{borrow::Cow, sync::Arc, time::Duration};

use axum::{
    Json,
    http::{HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use echo_domain::{Error, FieldError, Refusal, chain};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{observe::request_id, shed};

/// What a handler returns.
pub(crate) type ApiResult<T> = Result<T, ApiError>;

/// Why a request failed: a use case's own reason, or one that only HTTP knows.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ApiError {
    #[error(transparent)]
    Domain(#[from] Error),
    #[error("There is nothing at this address; see /docs")]
    RouteNotFound,
    #[error("This address does not answer to that method; see /docs")]
    MethodNotAllowed,
    /// Took longer than a request may.
    #[error("The request took too long")]
    Timeout,
    #[error("The body is larger than {limit} bytes")]
    BodyTooLarge { limit: usize },
    #[error("The body must be {expected}")]
    WrongContentType { expected: &'static str },
    #[error("There is no such part: the whole has {length} bytes")]
    RangeNotSatisfiable { length: u64 },
    #[error("This Idempotency-Key was used for another request")]
    IdempotencyKeyReused,
    #[error("The first request with this Idempotency-Key is still running")]
    IdempotencyInProgress,
    #[error("Too many requests ({policy}); try again in {} s", seconds(*retry_after))]
    RateLimited { policy: &'static str, quota: u32, window: Duration, retry_after: Duration },
    #[error("Echo is at its limit; try again in a moment")]
    Overloaded { reason: &'static str },
    #[error("Echo takes no changes for now; try again later")]
    ReadOnly,
}

/// In a reply that tells of a failure: for the log, which is written when the reply goes out.
#[derive(Clone)]
pub(crate) struct Cause(Arc<ApiError>);

impl Cause {
    pub(crate) fn of(reply: &Response) -> Option<&ApiError> {
        reply.extensions().get::<Self>().map(|Self(error)| &**error)
    }
}

/// Who has to do something about a failure.
pub(crate) enum Concern {
    /// Somebody must look.
    Ours,
    /// What Echo stands on: it is to come back by itself.
    Degraded,
    Callers,
}

/// How every failure looks. Clients of the first Echo read `message` and `success`.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ErrorBody {
    /// As in the status line.
    #[schema(example = 404)]
    status_code: u16,
    /// For people.
    #[schema(example = "Post not found")]
    message: String,
    #[schema(example = false)]
    success: bool,
    /// For programs: stable. See docs/api.md.
    #[schema(example = "post_not_found")]
    code: Cow<'static, str>,
    /// What is wrong with which field; only with 400 and 422.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    errors: Vec<FieldBody>,
    /// Finds this request in the log.
    request_id: String,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct FieldBody {
    #[schema(example = "content[2].value")]
    field: Cow<'static, str>,
    #[schema(example = "must not be empty")]
    message: Cow<'static, str>,
}

impl ApiError {
    /// A body or parameter that cannot be read, named by the field that is to blame.
    pub(crate) fn malformed(field: impl Into<Cow<'static, str>>, message: impl Into<Cow<'static, str>>) -> Self {
        Self::Domain(Error::invalid(field, message))
    }

    /// For the log: why, with what it came of. What clients did wrong is told by its code alone: the message may have their own
    /// words.
    pub(crate) fn told(&self) -> String {
        match self.concern() {
            Concern::Ours | Concern::Degraded => chain(self),
            Concern::Callers => self.status_and_code().1.into_owned(),
        }
    }

    pub(crate) fn concern(&self) -> Concern {
        match self {
            Self::Domain(Error::Internal(_)) => Concern::Ours,
            Self::Domain(Error::Unavailable { .. } | Error::StorageFull) => Concern::Degraded,
            _ => Concern::Callers,
        }
    }

    fn status_and_code(&self) -> (StatusCode, Cow<'static, str>) {
        let (status, code) = match self {
            Self::Domain(error) => return domain_status_and_code(error),
            Self::RouteNotFound => (StatusCode::NOT_FOUND, "route_not_found"),
            Self::MethodNotAllowed => (StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed"),
            Self::Timeout => (StatusCode::REQUEST_TIMEOUT, "request_timeout"),
            Self::BodyTooLarge { .. } => (StatusCode::PAYLOAD_TOO_LARGE, "body_too_large"),
            Self::WrongContentType { .. } => (StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_content_type"),
            Self::RangeNotSatisfiable { .. } => (StatusCode::RANGE_NOT_SATISFIABLE, "range_not_satisfiable"),
            Self::IdempotencyKeyReused => (StatusCode::UNPROCESSABLE_ENTITY, "idempotency_key_reused"),
            Self::IdempotencyInProgress => (StatusCode::CONFLICT, "idempotency_in_progress"),
            Self::RateLimited { .. } => (StatusCode::TOO_MANY_REQUESTS, "rate_limited"),
            Self::Overloaded { .. } => (StatusCode::SERVICE_UNAVAILABLE, "overloaded"),
            Self::ReadOnly => (StatusCode::SERVICE_UNAVAILABLE, "read_only"),
        };
        (status, code.into())
    }

    /// Header fields that tell a client when to come back.
    fn advice(&self) -> Vec<(HeaderName, String)> {
        let retry_after = |after| (header::RETRY_AFTER, seconds(after).to_string());
        match self {
            Self::RateLimited { policy, quota, window, retry_after: after } => vec![
                retry_after(*after),
                // draft-ietf-httpapi-ratelimit-headers-10 §3 and §4
                (HeaderName::from_static("ratelimit-policy"), format!("\"{policy}\";q={quota};w={}", window.as_secs())),
                (HeaderName::from_static("ratelimit"), format!("\"{policy}\";r=0;t={}", seconds(*after))),
            ],
            Self::RangeNotSatisfiable { length } => vec![(header::CONTENT_RANGE, format!("bytes */{length}"))],
            Self::IdempotencyInProgress | Self::Overloaded { .. } => vec![retry_after(Duration::from_secs(1))],
            // How long that takes, nobody knows.
            Self::ReadOnly => vec![retry_after(Duration::from_secs(60))],
            Self::Domain(Error::Unavailable { retry_after: after, .. }) => vec![retry_after(*after)],
            Self::Domain(Error::Unauthenticated(_)) => vec![(header::WWW_AUTHENTICATE, "Bearer".to_owned())],
            _ => Vec::new(),
        }
    }

    fn fields(&self) -> Vec<FieldBody> {
        match self {
            Self::Domain(Error::Invalid(errors)) => errors.iter().cloned().map(FieldBody::from).collect(),
            Self::IdempotencyKeyReused => {
                vec![FieldError::new("Idempotency-Key", "was used for another request").into()]
            }
            _ => Vec::new(),
        }
    }
}

fn domain_status_and_code(error: &Error) -> (StatusCode, Cow<'static, str>) {
    let refused = |status, refusal: &Refusal| (status, refusal.code.clone());
    match error {
        Error::Invalid(_) => (StatusCode::BAD_REQUEST, "invalid_input".into()),
        Error::Unauthenticated(refusal) => refused(StatusCode::UNAUTHORIZED, refusal),
        Error::Forbidden(refusal) => refused(StatusCode::FORBIDDEN, refusal),
        Error::NotFound(refusal) => refused(StatusCode::NOT_FOUND, refusal),
        Error::Conflict(refusal) => refused(StatusCode::CONFLICT, refusal),
        Error::TooLarge(_) => (StatusCode::PAYLOAD_TOO_LARGE, "file_too_large".into()),
        Error::Unsupported(_) => (StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_file".into()),
        Error::StorageFull => (StatusCode::INSUFFICIENT_STORAGE, "storage_full".into()),
        Error::OverQuota(refusal) => refused(StatusCode::INSUFFICIENT_STORAGE, refusal),
        Error::Unavailable { .. } => (StatusCode::SERVICE_UNAVAILABLE, "unavailable".into()),
        Error::Internal(_) => (StatusCode::INTERNAL_SERVER_ERROR, "internal".into()),
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        shed::note(&self);
        let (status, code) = self.status_and_code();
        let body = ErrorBody {
            status_code: status.as_u16(),
            message: self.to_string(),
            success: false,
            code,
            errors: self.fields(),
            request_id: request_id(),
        };
        let mut response = (status, Json(body)).into_response();
        for (name, value) in self.advice() {
            if let Ok(value) = HeaderValue::try_from(value) {
                response.headers_mut().insert(name, value);
            }
        }
        response.extensions_mut().insert(Cause(Arc::new(self)));
        response
    }
}

impl From<FieldError> for FieldBody {
    fn from(error: FieldError) -> Self {
        Self { field: error.field, message: error.message }
    }
}

/// Whole seconds, rounded up, at least one: what `Retry-After` takes (RFC 9110 §10.2.3).
fn seconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis().div_ceil(1000)).unwrap_or(u64::MAX).max(1)
}
