//! Errors on their way from one process to another: what arrives is what was sent.

use std::{borrow::Cow, time::Duration};

use axum::{
    Json,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use echo_domain::{Error, FieldError, Refusal, chain};
use serde::{Deserialize, Serialize};

use crate::failure::Misunderstood;

/// Why a call was not done.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(crate) enum ErrorBody {
    Invalid {
        fields: Vec<FieldBody>,
    },
    Unauthenticated(RefusalBody),
    Forbidden(RefusalBody),
    NotFound(RefusalBody),
    Conflict(RefusalBody),
    TooLarge(FieldBody),
    Unsupported(FieldBody),
    StorageFull,
    OverQuota(RefusalBody),
    Unavailable {
        what: Cow<'static, str>,
        retry_after_ms: u64,
        /// For the log of whoever asked: nobody logs it before.
        reason: String,
    },
    Internal {
        reason: String,
    },
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct RefusalBody {
    code: Cow<'static, str>,
    message: Cow<'static, str>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct FieldBody {
    field: Cow<'static, str>,
    message: Cow<'static, str>,
}

/// What may be unavailable behind a neighbour, by the names that clients are told.
const NAMES: [&str; 7] =
    ["the database", "Redis", "sign-in", "image processing", "the store for images", "this image", "Cloudinary"];

impl ErrorBody {
    fn status(&self) -> StatusCode {
        match self {
            Self::Unavailable { .. } => StatusCode::SERVICE_UNAVAILABLE,
            Self::Internal { .. } => StatusCode::INTERNAL_SERVER_ERROR,
            // Which it is, the body says: the statuses of proxies and routers on the way are never taken for one of these.
            _ => StatusCode::UNPROCESSABLE_ENTITY,
        }
    }

    /// The error as `who` had it.
    pub(crate) fn into_error(self, who: &'static str) -> Error {
        match self {
            Self::Invalid { fields } => Error::Invalid(fields.into_iter().map(FieldError::from).collect()),
            Self::Unauthenticated(refusal) => Error::Unauthenticated(refusal.into()),
            Self::Forbidden(refusal) => Error::Forbidden(refusal.into()),
            Self::NotFound(refusal) => Error::NotFound(refusal.into()),
            Self::Conflict(refusal) => Error::Conflict(refusal.into()),
            Self::TooLarge(field) => Error::TooLarge(field.into()),
            Self::Unsupported(field) => Error::Unsupported(field.into()),
            Self::StorageFull => Error::StorageFull,
            Self::OverQuota(refusal) => Error::OverQuota(refusal.into()),
            Self::Unavailable { what, retry_after_ms, reason } => Error::Unavailable {
                what: NAMES.into_iter().find(|name| *name == what).unwrap_or(who),
                retry_after: Duration::from_millis(retry_after_ms),
                source: Some(Misunderstood::Failed { who, reason }.into()),
            },
            Self::Internal { reason } => Error::internal(Misunderstood::Failed { who, reason }),
        }
    }
}

impl From<Error> for ErrorBody {
    fn from(error: Error) -> Self {
        match error {
            Error::Invalid(fields) => Self::Invalid { fields: fields.into_iter().map(FieldBody::from).collect() },
            Error::Unauthenticated(refusal) => Self::Unauthenticated(refusal.into()),
            Error::Forbidden(refusal) => Self::Forbidden(refusal.into()),
            Error::NotFound(refusal) => Self::NotFound(refusal.into()),
            Error::Conflict(refusal) => Self::Conflict(refusal.into()),
            Error::TooLarge(field) => Self::TooLarge(field.into()),
            Error::Unsupported(field) => Self::Unsupported(field.into()),
            Error::StorageFull => Self::StorageFull,
            Error::OverQuota(refusal) => Self::OverQuota(refusal.into()),
            Error::Unavailable { what, retry_after, source } => Self::Unavailable {
                what: what.into(),
                retry_after_ms: u64::try_from(retry_after.as_millis()).unwrap_or(u64::MAX),
                reason: source.map_or_else(|| format!("{what} is unavailable"), |source| chain(&*source)),
            },
            Error::Internal(source) => Self::Internal { reason: chain(&*source) },
        }
    }
}

impl IntoResponse for ErrorBody {
    fn into_response(self) -> Response {
        (self.status(), Json(self)).into_response()
    }
}

impl From<Refusal> for RefusalBody {
    fn from(Refusal { code, message }: Refusal) -> Self {
        Self { code, message }
    }
}

impl From<RefusalBody> for Refusal {
    fn from(RefusalBody { code, message }: RefusalBody) -> Self {
        Self { code, message }
    }
}

impl From<FieldError> for FieldBody {
    fn from(FieldError { field, message }: FieldError) -> Self {
        Self { field, message }
    }
}

impl From<FieldBody> for FieldError {
    fn from(FieldBody { field, message }: FieldBody) -> Self {
        Self { field, message }
    }
}
