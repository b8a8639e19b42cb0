//! `/api/media` and `/media`: images in and out.

use std::{ops::Range, sync::Arc};

use axum::{
    body::Body,
    extract::{FromRef, State},
    http::{HeaderMap, HeaderValue, Method, StatusCode, header},
    response::{IntoResponse, Response},
};
use echo_domain::{
    Error, MediaId,
    media::{Blob, BlobStore, Image, MediaDesk, Picture, Purpose, Variant},
};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    error::{ApiError, ApiResult},
    etag,
    extract::{ApiPath, CurrentUser, NewId, NewIds},
    multipart::Form,
    reply::{Envelope, Reply},
};

/// What the media routes need.
pub struct MediaApi {
    pub media: Arc<dyn MediaDesk>,
    pub blobs: Arc<dyn BlobStore>,
    pub links: Links,
    pub ids: NewIds,
}

/// Where images are to be had.
#[derive(Clone)]
pub struct Links {
    /// What goes before a blob's name, with a slash at its end.
    pub media: Arc<str>,
}

impl Links {
    /// The address of a blob; a location that is a whole address already stays.
    pub(crate) fn to(&self, location: &str) -> String {
        if location.contains("://") { location.to_owned() } else { format!("{}{location}", self.media) }
    }
}

impl FromRef<Arc<MediaApi>> for NewIds {
    fn from_ref(api: &Arc<MediaApi>) -> Self {
        api.ids.clone()
    }
}

pub(crate) fn router(api: MediaApi) -> OpenApiRouter {
    OpenApiRouter::new().routes(routes!(upload)).routes(routes!(serve)).with_state(Arc::new(api))
}

/// Upload an image
///
/// JPEG, PNG, WebP or GIF, up to 10 MiB and 40 megapixels. Unless a post takes it within an hour, it is deleted.
#[utoipa::path(post, path = "/api/media", tag = "media", security(("bearer" = [])),
    request_body(content = UploadMultipart, content_type = "multipart/form-data"),
    responses(
        (status = 201, description = "Image uploaded successfully", body = Envelope<UploadedBody>),
        (status = 507, description = "No room for more media")))]
async fn upload(
    State(api): State<Arc<MediaApi>>,
    CurrentUser(viewer): CurrentUser,
    NewId(id): NewId<MediaId>,
    mut form: Form,
) -> ApiResult<Reply<UploadedBody>> {
    let alt = form.take_text("alt")?.unwrap_or_default();
    let file = form.take_file("file").ok_or_else(|| ApiError::malformed("file", "must be the file of an image"))?;
    let image = api.media.upload(viewer.id, id, Purpose::Post, file, &alt).await?;
    Ok(Reply::created("Image uploaded successfully", UploadedBody::new(image, &api.links)))
}

/// An image's bytes
///
/// They never change under their name.
#[utoipa::path(get, path = "/media/{name}", tag = "media",
    params(("name" = String, Path, description = "As in an image's `value`, `url` or `variants`")),
    responses(
        (status = 200, description = "The image", content((Vec<u8> = "image/jpeg"), (Vec<u8> = "image/png"), (Vec<u8> = "image/webp"), (Vec<u8> = "image/gif"))),
        (status = 206, description = "The part that `Range` asked for"),
        (status = 304, description = "It is known already"),
        (status = 416, description = "There is no such part")))]
async fn serve(
    State(api): State<Arc<MediaApi>>,
    ApiPath(name): ApiPath<String>,
    method: Method,
    headers: HeaderMap,
) -> ApiResult<Response> {
    let not_found = || Error::not_found("media_not_found", "Media not found");
    let tag = HeaderValue::try_from(format!("\"{name}\"")).map_err(|_| not_found())?;
    let range =
        headers.get(header::RANGE).filter(|_| method == Method::GET && range_applies(&headers, &tag)).and_then(wanted);

    // Asked for even when the client has it: what was deleted is not confirmed.
    let whole = api.blobs.read(&name, Some(0..0)).await?.ok_or_else(not_found)?;
    let mut response = if headers.get(header::IF_NONE_MATCH).is_some_and(|known| etag::matches(known, &tag)) {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        match range.map(|range| range.within(whole.length)) {
            None => body(StatusCode::OK, api.blobs.read(&name, None).await?.ok_or_else(not_found)?, 0..whole.length),
            Some(Some(part)) => {
                let blob = api.blobs.read(&name, Some(part.clone())).await?.ok_or_else(not_found)?;
                body(StatusCode::PARTIAL_CONTENT, blob, part)
            }
            Some(None) => return Err(ApiError::RangeNotSatisfiable { length: whole.length }),
        }
    };
    let headers = response.headers_mut();
    if let Some(kind) = content_type(&name) {
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    }
    headers.insert(header::ETAG, tag);
    for (name, value) in FOREVER_AND_HARMLESS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    Ok(response)
}

/// A name's bytes never change, and nothing in them runs.
const FOREVER_AND_HARMLESS: [(header::HeaderName, &str); 5] = [
    (header::CACHE_CONTROL, "public, max-age=31536000, immutable"),
    (header::ACCEPT_RANGES, "bytes"),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::CONTENT_SECURITY_POLICY, "default-src 'none'; sandbox"),
    (header::HeaderName::from_static("cross-origin-resource-policy"), "cross-origin"),
];

/// An image to upload.
#[derive(ToSchema)]
#[expect(dead_code, reason = "only describes the form; `upload` reads it")]
struct UploadMultipart {
    #[schema(value_type = String, format = Binary)]
    file: Vec<u8>,
    /// What the image shows.
    #[schema(max_length = 1000)]
    alt: Option<String>,
}

/// An image just uploaded.
#[derive(Serialize, ToSchema)]
struct UploadedBody {
    /// What a post's image block names it by.
    #[serde(rename = "_id")]
    id: String,
    url: String,
    width: u32,
    height: u32,
    /// <https://blurha.sh>
    blurhash: String,
    alt: String,
    /// Narrower copies.
    variants: Vec<VariantBody>,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct VariantBody {
    width: u32,
    url: String,
}

/// A profile's picture; both are empty when there is none.
#[derive(Serialize, ToSchema)]
pub(crate) struct PictureBody {
    secure_url: String,
    public_id: String,
}

impl UploadedBody {
    fn new(image: Image, links: &Links) -> Self {
        Self {
            id: image.id.to_string(),
            url: links.to(&image.location),
            width: image.width,
            height: image.height,
            variants: VariantBody::all(&image.variants, links),
            blurhash: image.blurhash,
            alt: image.alt,
        }
    }
}

impl VariantBody {
    pub(crate) fn all(variants: &[Variant], links: &Links) -> Vec<Self> {
        variants.iter().map(|variant| Self { width: variant.width, url: links.to(&variant.location) }).collect()
    }
}

impl PictureBody {
    pub(crate) fn new(picture: Option<&Picture>, links: &Links) -> Self {
        let told = |picture: &Picture| (links.to(&picture.location), picture.media.to_string());
        let (secure_url, public_id) = picture.map(told).unwrap_or_default();
        Self { secure_url, public_id }
    }
}

/// What `Range` asks for, before the length is known.
#[derive(Clone, Copy)]
enum Wanted {
    From(u64, Option<u64>),
    Last(u64),
}

impl Wanted {
    /// The bytes that are there; `None` when none are.
    fn within(self, length: u64) -> Option<Range<u64>> {
        let range = match self {
            Self::From(first, last) => first..last.map_or(length, |last| last.saturating_add(1).min(length)),
            Self::Last(count) => length.saturating_sub(count)..length,
        };
        (range.start < range.end).then_some(range)
    }
}

/// One range of bytes (RFC 9110 §14.1.2). Several, or another unit, count as none: the whole is a fine answer.
fn wanted(value: &HeaderValue) -> Option<Wanted> {
    let (first, last) = value.to_str().ok()?.strip_prefix("bytes=")?.trim().split_once('-')?;
    match (first.is_empty(), last.is_empty()) {
        (true, _) => last.parse().ok().map(Wanted::Last),
        (false, true) => first.parse().ok().map(|first| Wanted::From(first, None)),
        (false, false) => {
            let (first, last) = (first.parse().ok()?, last.parse().ok()?);
            (first <= last).then_some(Wanted::From(first, Some(last)))
        }
    }
}

/// `If-Range` with another tag means: the whole, please.
fn range_applies(headers: &HeaderMap, tag: &HeaderValue) -> bool {
    headers.get(header::IF_RANGE).is_none_or(|known| known == tag)
}

fn body(status: StatusCode, blob: Blob, part: Range<u64>) -> Response {
    let mut response = (status, Body::from_stream(blob.bytes)).into_response();
    response.headers_mut().insert(header::CONTENT_LENGTH, (part.end - part.start).into());
    if status == StatusCode::PARTIAL_CONTENT {
        let range = format!("bytes {}-{}/{}", part.start, part.end - 1, blob.length);
        if let Ok(range) = HeaderValue::try_from(range) {
            response.headers_mut().insert(header::CONTENT_RANGE, range);
        }
    }
    response
}

fn content_type(name: &str) -> Option<&'static str> {
    match name.rsplit_once('.')?.1 {
        "jpg" => Some("image/jpeg"),
        "png" => Some("image/png"),
        "webp" => Some("image/webp"),
        "gif" => Some("image/gif"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(range: &str) -> Option<Option<Range<u64>>> {
        wanted(&range.parse().unwrap()).map(|wanted| wanted.within(100))
    }

    #[test]
    fn a_range_is_cut_to_what_is_there() {
        assert_eq!(part("bytes=0-9"), Some(Some(0..10)));
        assert_eq!(part("bytes=90-"), Some(Some(90..100)));
        assert_eq!(part("bytes=-10"), Some(Some(90..100)));
        assert_eq!(part("bytes=-1000"), Some(Some(0..100)));
        assert_eq!(part("bytes=50-18446744073709551615"), Some(Some(50..100)));
        assert_eq!(part("bytes=100-"), Some(None));
        assert_eq!(part("bytes=-0"), Some(None));
    }

    #[test]
    fn what_is_no_single_range_is_ignored() {
        for range in ["bytes=9-0", "bytes=0-1,5-6", "items=0-1", "bytes=", "bytes=a-b"] {
            assert_eq!(part(range), None, "{range}");
        }
    }
}
