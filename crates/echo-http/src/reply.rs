//! How every success looks.

use std::borrow::Cow;

use axum::{
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use echo_domain::{Error, Timestamp};
use serde::{Serialize, Serializer};
use utoipa::ToSchema;

use crate::error::ApiError;

/// The envelope of every JSON success.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Envelope<T> {
    /// As in the status line.
    #[schema(example = 200)]
    status_code: u16,
    data: T,
    /// For people.
    message: Cow<'static, str>,
    #[schema(example = true)]
    success: bool,
}

/// A success on its way out.
pub(crate) struct Reply<T> {
    status: StatusCode,
    message: Cow<'static, str>,
    data: T,
}

impl<T> Reply<T> {
    pub(crate) fn ok(message: impl Into<Cow<'static, str>>, data: T) -> Self {
        Self { status: StatusCode::OK, message: message.into(), data }
    }

    pub(crate) fn created(message: impl Into<Cow<'static, str>>, data: T) -> Self {
        Self { status: StatusCode::CREATED, message: message.into(), data }
    }
}

impl<T: Serialize> IntoResponse for Reply<T> {
    fn into_response(self) -> Response {
        /// Most pages fit: a body that grows is copied at each step.
        const TYPICAL: usize = 8 * 1024;
        let Self { status, message, data } = self;
        let envelope = Envelope { status_code: status.as_u16(), data, message, success: true };
        let mut body = Vec::with_capacity(TYPICAL);
        if let Err(error) = serde_json::to_writer(&mut body, &envelope) {
            return ApiError::Domain(Error::internal(error)).into_response();
        }
        body.shrink_to_fit();
        (status, [(header::CONTENT_TYPE, "application/json")], body).into_response()
    }
}

/// A moment as RFC 3339 in UTC with milliseconds: `2026-11-22T06:38:00.123Z`.
pub(crate) struct Moment(pub(crate) Timestamp);

impl Serialize for Moment {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let moment = jiff::Timestamp::from_millisecond(self.0.millis()).map_err(serde::ser::Error::custom)?;
        serializer.collect_str(&format_args!("{moment:.3}"))
    }
}

impl From<Timestamp> for Moment {
    fn from(at: Timestamp) -> Self {
        Self(at)
    }
}
