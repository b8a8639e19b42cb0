//! The names of what a call carries beside its body.

use axum::http::HeaderName;

/// How long the caller waits for the answer to begin, in milliseconds.
pub(crate) const DEADLINE: HeaderName = HeaderName::from_static("echo-deadline-ms");
/// The id of the request that it is for.
pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// <https://www.w3.org/TR/trace-context/>
pub(crate) const TRACE: HeaderName = HeaderName::from_static("traceparent");
pub(crate) const TRACE_STATE: HeaderName = HeaderName::from_static("tracestate");
