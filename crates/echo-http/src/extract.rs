//! What handlers take requests apart with. Whatever cannot be read is refused in the same envelope, naming the field.

use std::sync::Arc;

use axum::{
    body::Bytes,
    extract::{FromRef, FromRequest, FromRequestParts, Path, Request, path::ErrorKind, rejection::PathRejection},
    http::{HeaderMap, header, request::Parts},
};
use echo_domain::{Clock, Error, IdSource, MalformedId, RawId, auth::Viewer};
use http_body_util::{BodyExt, Limited};
use serde::de::DeserializeOwned;

use crate::{
    caller::Caller,
    error::{ApiError, ApiResult},
    gather::Gathered,
    room,
};

/// The largest body that is not a multipart form, in bytes: the longest post as JSON, with every character escaped, fits.
pub(crate) const JSON_LIMIT: usize = 2 * 1024 * 1024;
/// The same for those who are not signed in: signing up takes far less.
const ANONYMOUS_LIMIT: usize = 64 * 1024;

/// Who is signed in; 401 when nobody is.
pub(crate) struct CurrentUser(pub(crate) Viewer);

/// Who is signed in, if anybody; a bad token is 401 all the same.
pub(crate) struct MaybeUser(pub(crate) Option<Viewer>);

/// A JSON body.
pub(crate) struct ApiJson<T>(pub(crate) T);

/// The query string.
pub(crate) struct ApiQuery<T>(pub(crate) T);

/// The path's parameters, each an id: one, or a pair.
pub(crate) struct ApiPath<T>(pub(crate) T);

/// The id for what this request makes: the one reserved for its Idempotency-Key, or a new one.
#[derive(Clone, Copy)]
pub(crate) struct NewId<T>(pub(crate) T);

/// In the request's extensions while it has an Idempotency-Key.
#[derive(Clone, Copy)]
pub(crate) struct ReservedId(pub(crate) RawId);

/// Makes ids for what requests create.
#[derive(Clone)]
pub struct NewIds {
    pub clock: Arc<dyn Clock>,
    pub ids: Arc<IdSource>,
}

impl NewIds {
    pub(crate) fn next<T: From<RawId>>(&self) -> T {
        self.ids.next(self.clock.now())
    }
}

impl<S: Sync> FromRequestParts<S> for CurrentUser {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> ApiResult<Self> {
        let missing =
            || Error::unauthenticated("token_missing", "Sign in first: send Authorization: Bearer <access token>");
        Caller::of(&parts.extensions).viewer()?.map(Self).ok_or_else(missing).map_err(ApiError::from)
    }
}

impl<S: Sync> FromRequestParts<S> for MaybeUser {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> ApiResult<Self> {
        Ok(Self(Caller::of(&parts.extensions).viewer()?))
    }
}

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for ApiJson<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &S) -> ApiResult<Self> {
        if !is_json(request.headers()) {
            return Err(ApiError::WrongContentType { expected: "application/json" });
        }
        let body = read_body(request, JSON_LIMIT).await?;
        let mut json = serde_json::Deserializer::from_slice(&body);
        let value = serde_path_to_error::deserialize(&mut json).map_err(|error| {
            let path = error.path().to_string();
            // What cannot be told is a dot or a question mark there.
            malformed_json(path.trim_end_matches(['.', '?']), &error.into_inner())
        })?;
        json.end().map_err(|error| ApiError::malformed("body", error.to_string()))?;
        Ok(Self(value))
    }
}

impl<T: DeserializeOwned, S: Sync> FromRequestParts<S> for ApiQuery<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> ApiResult<Self> {
        let query = parts.uri.query().unwrap_or_default();
        serde_urlencoded::from_str(query).map(Self).map_err(|error| ApiError::malformed("query", error.to_string()))
    }
}

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for ApiPath<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> ApiResult<Self> {
        match Path::from_request_parts(parts, state).await {
            Ok(Path(ids)) => Ok(Self(ids)),
            Err(PathRejection::FailedToDeserializePathParams(error)) => Err(match error.into_kind() {
                ErrorKind::DeserializeError { key, message, .. } => ApiError::malformed(key, message),
                ErrorKind::InvalidUtf8InPathParam { key } => ApiError::malformed(key, "must be UTF-8 text"),
                _ => ApiError::malformed("id", MalformedId.to_string()),
            }),
            Err(_) => Err(ApiError::RouteNotFound),
        }
    }
}

impl<T: From<RawId>, S: Sync> FromRequestParts<S> for NewId<T>
where
    NewIds: FromRef<S>,
{
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Self::Rejection> {
        let reserved = parts.extensions.get::<ReservedId>().map(|id| T::from(id.0));
        Ok(Self(reserved.unwrap_or_else(|| <NewIds as FromRef<S>>::from_ref(state).next())))
    }
}

/// The body, when it has at most `limit` bytes, there is room for it, and the session did not end while it arrived.
pub(crate) async fn read_body(request: Request, limit: usize) -> ApiResult<Bytes> {
    let (parts, body) = request.into_parts();
    let signed_in = Caller::of(&parts.extensions).viewer().is_ok_and(|viewer| viewer.is_some());
    let limit = if signed_in { limit } else { limit.min(ANONYMOUS_LIMIT) };
    let most = room::take(&parts.extensions, &parts.headers, limit)?;
    let mut body = Limited::new(body, limit);
    let mut gathered = Gathered::new(most);
    while let Some(frame) = body.frame().await.transpose().map_err(|error| unreadable(&*error, limit))? {
        // Trailers are of no interest.
        gathered.push(frame.into_data().unwrap_or_default());
    }
    Caller::of(&parts.extensions).still_in()?;
    Ok(gathered.into_bytes())
}

fn unreadable(error: &(dyn std::error::Error + 'static), limit: usize) -> ApiError {
    if crate::multipart::is_length_limit(error) {
        ApiError::BodyTooLarge { limit }
    } else {
        ApiError::malformed("body", "ended before it was complete")
    }
}

/// Names the field that is to blame; serde names a missing one only in its message.
fn malformed_json(path: &str, error: &serde_json::Error) -> ApiError {
    let message = error.to_string();
    let missing = message.strip_prefix("missing field `").and_then(|rest| rest.split_once('`'));
    match missing {
        Some((name, _)) if path.is_empty() => ApiError::malformed(name.to_owned(), "is missing"),
        Some((name, _)) => ApiError::malformed(format!("{path}.{name}"), "is missing"),
        None if path.is_empty() => ApiError::malformed("body", message),
        None => ApiError::malformed(path.to_owned(), message),
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    media_type(headers)
        .is_some_and(|kind| kind == "application/json" || (kind.starts_with("application/") && kind.ends_with("+json")))
}

/// The content type without its parameters, lower-cased.
pub(crate) fn media_type(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
    Some(value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase())
}
