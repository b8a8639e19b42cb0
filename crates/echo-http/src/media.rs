//! `/api/media` and `/media`: images in and out.

use std::sync::Arc;

use axum::{
    body::Body,
    extract::{FromRef, State},
    http::{HeaderMap, HeaderValue, Method, StatusCode, header},
    response::{IntoResponse, Response},
};
use echo_domain::{
    Error, MediaId,
    media::{Blob, BlobName, BlobStore, BlobStream, FileCopy, Image, MediaDesk, Part, Picture, Purpose, Variant},
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
pub struct Links(Arc<dyn Fn(&str) -> String + Send + Sync>);

impl Links {
    /// By what makes the address of a blob of its name.
    pub fn new(address: impl Fn(&str) -> String + Send + Sync + 'static) -> Self {
        Self(Arc::new(address))
    }

    /// The address of a blob; a location that is a whole address already stays.
    pub(crate) fn to(&self, location: &str) -> String {
        if location.contains("://") { location.to_owned() } else { (self.0)(location) }
    }
}

impl FromRef<Arc<MediaApi>> for NewIds {
    fn from_ref(api: &Arc<MediaApi>) -> Self {
        api.ids.clone()
    }
}

pub(crate) fn router() -> OpenApiRouter<Arc<MediaApi>> {
    OpenApiRouter::new().routes(routes!(upload)).routes(routes!(serve))
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
/// They never change under their name. Who accepts `image/webp` gets that instead of JPEG or PNG, where it is smaller.
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
    // Whatever else lies beside images in a bucket is for nobody.
    let name = BlobName::parse(&name).filter(|name| name.content_type().is_some()).ok_or_else(not_found)?;
    let blobs = &*api.blobs;
    if !has_lighter(name) {
        return Ok(answer(blobs, name, &method, &headers).await?.ok_or_else(not_found)?);
    }

    let mut answered = None;
    if headers.get_all(header::ACCEPT).iter().any(accepts_webp) {
        let lighter = format!("{}.webp", name.stem());
        if let Some(lighter) = BlobName::parse(&lighter) {
            answered = answer(blobs, lighter, &method, &headers).await?;
        }
    }
    let mut response = match answered {
        Some(response) => response,
        None => answer(blobs, name, &method, &headers).await?.ok_or_else(not_found)?,
    };
    response.headers_mut().append(header::VARY, HeaderValue::from_static("Accept"));
    Ok(response)
}

/// What a request is answered with by this blob; `None` when it is not there.
async fn answer(
    blobs: &dyn BlobStore,
    name: BlobName<'_>,
    method: &Method,
    headers: &HeaderMap,
) -> ApiResult<Option<Response>> {
    let tag = HeaderValue::try_from(format!("\"{}\"", name.as_str())).map_err(Error::internal)?;
    // Asked for even when the client has it: what was deleted is not confirmed.
    let known = headers.get(header::IF_NONE_MATCH).is_some_and(|known| etag::matches(known, &tag));
    let range =
        headers.get(header::RANGE).filter(|_| method == Method::GET && range_applies(headers, &tag)).and_then(wanted);
    let is_part = range.is_some() && !known;
    let part = if known || method == Method::HEAD { Part::NOTHING } else { range.unwrap_or(Part::WHOLE) };
    let Some(blob) = blobs.read(name.as_str(), part).await? else { return Ok(None) };

    let mut response = match is_part {
        _ if known => StatusCode::NOT_MODIFIED.into_response(),
        true if blob.part.is_empty() => return Err(ApiError::RangeNotSatisfiable { length: blob.length }),
        true => partial(blob),
        false => whole(blob),
    };
    let headers = response.headers_mut();
    if let Some(kind) = name.content_type() {
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    }
    headers.insert(header::ETAG, tag);
    for (name, value) in FOREVER_AND_HARMLESS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    Ok(Some(response))
}

/// Whether a full-width WebP may stand beside the picture.
fn has_lighter(name: BlobName<'_>) -> bool {
    name.width().is_none() && matches!(name.extension(), "jpg" | "png")
}

/// Whether a list of media types has WebP itself (RFC 9110 §12.5.1). Who takes anything may mean what everybody sends.
fn accepts_webp(accept: &HeaderValue) -> bool {
    let Ok(accept) = accept.to_str() else { return false };
    accept.split(',').any(|range| {
        let mut parts = range.split(';').map(str::trim);
        parts.next().is_some_and(|kind| kind.eq_ignore_ascii_case("image/webp")) && parts.all(|it| !is_zero_weight(it))
    })
}

fn is_zero_weight(parameter: &str) -> bool {
    let weight = parameter.split_once('=').filter(|(name, _)| name.trim().eq_ignore_ascii_case("q"));
    weight.is_some_and(|(_, weight)| weight.trim().parse().is_ok_and(|weight: f32| weight <= 0.0))
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
    /// WebP copies, none of them wider.
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

/// One range of bytes (RFC 9110 §14.1.2). Several, or another unit, count as none: the whole is a fine answer.
fn wanted(value: &HeaderValue) -> Option<Part> {
    let (first, last) = value.to_str().ok()?.strip_prefix("bytes=")?.trim().split_once('-')?;
    match (first.is_empty(), last.is_empty()) {
        (true, _) => last.parse().ok().map(Part::Last),
        (false, true) => first.parse().ok().map(Part::From),
        (false, false) => {
            let (first, last): (u64, u64) = (first.parse().ok()?, last.parse().ok()?);
            (first <= last).then_some(Part::Within(first..last.saturating_add(1)))
        }
    }
}

/// `If-Range` with another tag means: the whole, please.
fn range_applies(headers: &HeaderMap, tag: &HeaderValue) -> bool {
    headers.get(header::IF_RANGE).is_none_or(|known| known == tag)
}

fn whole(blob: Blob) -> Response {
    let mut response = sent(blob.bytes, blob.copy);
    response.headers_mut().insert(header::CONTENT_LENGTH, blob.length.into());
    response
}

/// Whoever has the socket finds the file that the bytes are of, too, in an extension.
fn sent(bytes: BlobStream, copy: Option<FileCopy>) -> Response {
    let mut response = Body::from_stream(bytes).into_response();
    if let Some(copy) = copy {
        response.extensions_mut().insert(copy);
    }
    response
}

fn partial(blob: Blob) -> Response {
    let Blob { length, part, bytes, copy, .. } = blob;
    let mut response = sent(bytes, copy);
    *response.status_mut() = StatusCode::PARTIAL_CONTENT;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_LENGTH, (part.end - part.start).into());
    if let Ok(range) = HeaderValue::try_from(format!("bytes {}-{}/{length}", part.start, part.end - 1)) {
        headers.insert(header::CONTENT_RANGE, range);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(range: &str) -> Option<Part> {
        wanted(&range.parse().unwrap())
    }

    #[test]
    fn one_range_is_asked_for() {
        assert_eq!(part("bytes=0-9"), Some(Part::Within(0..10)));
        assert_eq!(part("bytes=90-"), Some(Part::From(90)));
        assert_eq!(part("bytes=-10"), Some(Part::Last(10)));
        assert_eq!(part("bytes=50-18446744073709551615"), Some(Part::Within(50..u64::MAX)));
    }

    #[test]
    fn what_is_no_single_range_is_ignored() {
        for range in ["bytes=9-0", "bytes=0-1,5-6", "items=0-1", "bytes=", "bytes=a-b"] {
            assert_eq!(part(range), None, "{range}");
        }
    }

    #[test]
    fn webp_is_for_those_who_name_it() {
        for accept in ["image/webp", "image/avif,image/webp,*/*;q=0.8", "text/html, IMAGE/WEBP;q=0.5"] {
            assert!(accepts_webp(&accept.parse().unwrap()), "{accept}");
        }
        for accept in ["*/*", "image/*", "image/webp;q=0", "image/webp; q=0.000, image/png", "image/webpx", ""] {
            assert!(!accepts_webp(&accept.parse().unwrap()), "{accept}");
        }
    }
}
