//! Forms with files in them (RFC 7578), read under limits.

use std::collections::BTreeMap;

use axum::{
    body::Bytes,
    extract::{FromRequest, Multipart, Request, multipart::Field},
    http::{HeaderMap, StatusCode, header},
};
use echo_domain::{Error, FieldError};
use http_body_util::LengthLimitError;
use memchr::memmem;

use crate::{
    caller::Caller,
    error::{ApiError, ApiResult},
    extract::media_type,
    gather::Gathered,
    room,
};

/// The largest form, in bytes.
pub(crate) const FORM_LIMIT: usize = 64 * 1024 * 1024;
/// The largest file in a form, in bytes.
pub(crate) const FILE_LIMIT: usize = 10 * 1024 * 1024;
/// More parts than the largest post needs.
const PARTS_LIMIT: usize = 200;

/// A part of a form: a text or a file.
pub(crate) struct Part {
    pub(crate) bytes: Bytes,
    /// Whether it came with a file name.
    pub(crate) is_file: bool,
}

/// A form: its parts by name, each name once.
pub(crate) struct Form(BTreeMap<String, Part>);

impl<S: Send + Sync> FromRequest<S> for Form {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> ApiResult<Self> {
        if !is_form(request.headers()) {
            return Err(ApiError::WrongContentType { expected: "multipart/form-data" });
        }
        let most = room::take(request.extensions(), request.headers(), FORM_LIMIT)?.min(FILE_LIMIT);
        let caller = Caller::of(request.extensions()).clone();
        let mut multipart = Multipart::from_request(request, state)
            .await
            .map_err(|error| ApiError::malformed("body", error.body_text()))?;
        let mut parts = BTreeMap::new();
        while let Some(field) = multipart.next_field().await.map_err(|error| unreadable(&error))? {
            let name = field.name().unwrap_or_default().to_owned();
            if parts.len() >= PARTS_LIMIT {
                return Err(ApiError::malformed("body", format!("must have at most {PARTS_LIMIT} parts")));
            }
            let part = Part { is_file: field.file_name().is_some(), bytes: read(field, &name, most).await? };
            if parts.insert(name.clone(), part).is_some() {
                return Err(ApiError::malformed(name, "must be there once"));
            }
        }
        caller.still_in()?;
        Ok(Self(parts))
    }
}

impl Form {
    pub(crate) fn into_parts(self) -> BTreeMap<String, Part> {
        self.0
    }

    /// The text of this name, if it is there.
    ///
    /// # Errors
    /// 400 when it is no UTF-8.
    pub(crate) fn take_text(&mut self, name: &'static str) -> ApiResult<Option<String>> {
        self.0.remove(name).map(|part| part.into_text(name)).transpose()
    }

    /// The file of this name, if it is there. A browser sends an empty one for a file that was not chosen.
    pub(crate) fn take_file(&mut self, name: &str) -> Option<Bytes> {
        self.0.remove(name).map(|part| part.bytes).filter(|bytes| !bytes.is_empty())
    }
}

impl Part {
    pub(crate) fn into_text(self, name: impl Into<std::borrow::Cow<'static, str>>) -> ApiResult<String> {
        String::from_utf8(self.bytes.into()).map_err(|_| ApiError::malformed(name, "must be UTF-8 text"))
    }
}

/// What comes in is counted as it does: too much is refused before the rest is sent.
async fn read(mut field: Field<'_>, name: &str, most: usize) -> ApiResult<Bytes> {
    let mut gathered = Gathered::new(most);
    while let Some(chunk) = field.chunk().await.map_err(|error| unreadable(&error))? {
        if gathered.len() + chunk.len() > FILE_LIMIT {
            let error = FieldError::new(name.to_owned(), format!("must have at most {FILE_LIMIT} bytes"));
            return Err(Error::TooLarge(error).into());
        }
        gathered.push(chunk);
    }
    Ok(gathered.into_bytes())
}

fn unreadable(error: &axum::extract::multipart::MultipartError) -> ApiError {
    if error.status() == StatusCode::PAYLOAD_TOO_LARGE || is_length_limit(error) {
        ApiError::BodyTooLarge { limit: FORM_LIMIT }
    } else {
        ApiError::malformed("body", error.body_text())
    }
}

/// Whether a body's limit is what stopped it.
pub(crate) fn is_length_limit(error: &(dyn std::error::Error + 'static)) -> bool {
    std::iter::successors(Some(error), |error| error.source()).any(|error| error.is::<LengthLimitError>())
}

pub(crate) fn is_form(headers: &HeaderMap) -> bool {
    media_type(headers).is_some_and(|kind| kind == "multipart/form-data")
}

/// What separates the parts, when the body is a form.
pub(crate) fn boundary(headers: &HeaderMap) -> Option<String> {
    if !is_form(headers) {
        return None;
    }
    let kind = headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
    let parameters = kind.split(';').skip(1).filter_map(|parameter| parameter.trim().split_once('='));
    let (_, boundary) = parameters.into_iter().find(|(name, _)| name.eq_ignore_ascii_case("boundary"))?;
    Some(boundary.trim_matches('"').to_owned()).filter(|boundary| !boundary.is_empty())
}

/// The pieces of `body` between its boundaries; more of them than a form may have stay in one piece.
pub(crate) fn split<'a>(body: &'a [u8], boundary: &str) -> impl Iterator<Item = &'a [u8]> {
    let marks: Vec<_> = memmem::find_iter(body, boundary.as_bytes()).take(PARTS_LIMIT + 1).collect();
    let length = boundary.len();
    let starts = std::iter::once(0).chain(marks.clone().into_iter().map(move |mark| mark + length));
    let ends = marks.into_iter().chain(std::iter::once(body.len()));
    starts.zip(ends).map(move |(start, end)| &body[start..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_boundaries_of_one_form_have_the_same_pieces_between_them() {
        let form =
            |boundary: &str| format!("--{boundary}\r\nA\r\n--{boundary}\r\nB\r\n--{boundary}--\r\n").into_bytes();

        let (one, other) = (form("x1"), form("another"));

        assert_eq!(split(&one, "x1").collect::<Vec<_>>(), split(&other, "another").collect::<Vec<_>>());
    }

    #[test]
    fn a_boundary_may_be_quoted() {
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, "multipart/form-data; charset=utf-8; Boundary=\"a b\"".parse().unwrap());

        assert_eq!(boundary(&headers).as_deref(), Some("a b"));
    }
}
