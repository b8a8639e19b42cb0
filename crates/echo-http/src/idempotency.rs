//! `Idempotency-Key`: a POST that may be sent again (draft-ietf-httpapi-idempotency-key-header-07).

use std::{panic::AssertUnwindSafe, sync::Arc, time::Duration};

use axum::{
    body::{Body, Bytes, to_bytes},
    extract::{MatchedPath, Request},
    http::{HeaderName, HeaderValue, StatusCode, request::Parts, response},
    middleware::Next,
    response::{IntoResponse, Response},
};
use echo_domain::{
    Error, Result, Sealer,
    idempotency::{Begun, Fingerprint, IdempotencyStore, RequestKey},
};
use futures_util::FutureExt;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use crate::{
    auth::Cookies,
    caller::Caller,
    error::{ApiError, ApiResult},
    extract::{JSON_LIMIT, NewIds, ReservedId, media_type, read_body},
    multipart,
    observe::detached,
};

const KEY: HeaderName = HeaderName::from_static("idempotency-key");
const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

/// How long a reply is kept.
const KEPT: Duration = Duration::from_secs(24 * 3600);

/// What remembers requests.
#[derive(Clone)]
pub struct Idempotency {
    pub store: Arc<dyn IdempotencyStore>,
    /// Replies may hold tokens: whoever reads the store must not.
    pub sealer: Arc<dyn Sealer>,
    pub ids: NewIds,
}

/// The head of a reply as it is kept: one line of JSON, then the body follows.
#[derive(Serialize, Deserialize)]
struct Head {
    status: u16,
    headers: Vec<(String, String)>,
}

/// Whether the request comes as far as a handler: for what is refused before, nothing need be read or remembered.
fn gets_in(request: &Request) -> bool {
    let route = request.extensions().get::<MatchedPath>().map_or("", MatchedPath::as_str);
    let signed_in = Caller::of(request.extensions()).viewer().is_ok_and(|viewer| viewer.is_some());
    !route.is_empty() && (signed_in || PUBLIC.contains(&route))
}

/// Where a POST needs no sign-in.
const PUBLIC: [&str; 3] = ["/api/auth/signup", "/api/auth/login", "/api/auth/refresh"];

impl Idempotency {
    /// Does a POST with a key once, and gives every repetition the first reply.
    pub(crate) async fn once(&self, request: Request, next: Next) -> Response {
        if !request.headers().contains_key(KEY) || !gets_in(&request) {
            return next.run(request).await;
        }
        self.clone().run(request, next).await.unwrap_or_else(IntoResponse::into_response)
    }

    /// Forgets what is older than a day, again and again, until `stop` becomes true.
    pub async fn forget_old(self, mut stop: watch::Receiver<bool>) {
        while !*stop.borrow() {
            let pause = match self.store.forget(self.ids.clock.now() - KEPT, 1000).await {
                Ok(1000) => Duration::ZERO,
                Ok(_) => Duration::from_secs(600),
                Err(error) => {
                    tracing::warn!(error = &error as &dyn std::error::Error, "old replies stay for now");
                    Duration::from_secs(60)
                }
            };
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                _ = stop.changed() => {}
            }
        }
    }

    async fn run(self, request: Request, next: Next) -> ApiResult<Response> {
        let limit = if multipart::is_form(request.headers()) { multipart::FORM_LIMIT } else { JSON_LIMIT };
        let (mut parts, body) = request.into_parts();
        let body = read_body(Request::from_parts(parts.clone(), body), limit).await?;
        let (key, fingerprint) = (self.key(&parts)?, self.fingerprint(&parts, &body));

        match self.store.begin(&key, &fingerprint, self.ids.next(), self.ids.clock.now()).await? {
            Begun::Running => Err(ApiError::IdempotencyInProgress),
            Begun::Mismatch => Err(ApiError::IdempotencyKeyReused),
            Begun::Done(sealed) => self.replay(&key, &sealed),
            Begun::First { seed } => {
                parts.extensions.insert(ReservedId(seed));
                let request = Request::from_parts(parts, Body::from(body));
                // To its end even if the client goes: what is begun is either finished or released.
                let first = detached(async move { self.first(key, request, next).await });
                first.await.map_err(Error::internal)?
            }
        }
    }

    /// Does it, and keeps the reply for later, unless another try may have a better one.
    async fn first(self, key: RequestKey, request: Request, next: Next) -> ApiResult<Response> {
        let reply = match AssertUnwindSafe(next.run(request)).catch_unwind().await {
            Ok(reply) if !reply.status().is_server_error() && reply.status() != StatusCode::UNAUTHORIZED => reply,
            Ok(reply) => {
                self.insist(key, None).await;
                return Ok(reply);
            }
            Err(_) => {
                self.insist(key, None).await;
                return Err(Error::internal("a request panicked").into());
            }
        };
        let (parts, body) = reply.into_parts();
        let body = to_bytes(body, usize::MAX).await.map_err(Error::internal)?;
        let sealed = self.sealer.seal(&key, &pack(&parts, &body)?)?;
        self.insist(key, Some(sealed)).await;
        Ok(Response::from_parts(parts, Body::from(body)))
    }

    /// Ends a request in the store; while that does not answer, goes on in the background, since nobody else would.
    async fn insist(&self, key: RequestKey, sealed: Option<Vec<u8>>) {
        if self.end(&key, sealed.as_deref()).await.is_ok() {
            return;
        }
        tracing::warn!("a request with a key is not ended yet");
        let again = self.clone();
        tokio::spawn(async move {
            while again.end(&key, sealed.as_deref()).await.is_err() {
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        });
    }

    /// Without a reply to keep, another try may begin.
    async fn end(&self, key: &RequestKey, sealed: Option<&[u8]>) -> Result<()> {
        match sealed {
            Some(reply) => self.store.finish(key, reply).await,
            None => self.store.release(key).await,
        }
    }

    fn replay(&self, key: &RequestKey, sealed: &[u8]) -> ApiResult<Response> {
        let plain = self.sealer.open(key, sealed).ok_or_else(|| Error::internal("a kept reply does not open"))?;
        let mut response = unpack(&plain)?;
        response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
        Ok(response)
    }

    /// Who asks, and with which key. Without an account, a network stands in for one.
    fn key(&self, parts: &Parts) -> ApiResult<RequestKey> {
        let bad = || ApiError::malformed("Idempotency-Key", "must be 1 to 255 visible ASCII characters, once");
        let mut values = parts.headers.get_all(KEY).iter();
        let (Some(value), None) = (values.next(), values.next()) else { return Err(bad()) };
        let key = value.as_bytes();
        if !(1..=255).contains(&key.len()) || !key.iter().all(u8::is_ascii_graphic) {
            return Err(bad());
        }
        Ok(self.sealer.digest(&[b"key", Caller::of(&parts.extensions).key().as_bytes(), key]))
    }

    /// What is asked for. A form sent again may come with another boundary: that is no other request.
    fn fingerprint(&self, parts: &Parts, body: &Bytes) -> Fingerprint {
        let kind = media_type(&parts.headers).unwrap_or_default();
        let boundary = multipart::boundary(&parts.headers);
        let body_digest = match boundary.as_deref() {
            Some(boundary) => {
                let pieces: Vec<_> = multipart::split(body, boundary).collect();
                self.sealer.digest(&pieces)
            }
            None => self.sealer.digest(&[body]),
        };
        let target = parts.uri.path_and_query().map_or("", |target| target.as_str());
        // The refresh token may come as a cookie: then it is part of what is asked for. Other cookies are not.
        let cookie = Some(Cookies::get(&parts.headers)).filter(|_| target.starts_with("/api/auth/")).flatten();
        let cookie = cookie.unwrap_or_default();
        self.sealer.digest(&[target.as_bytes(), kind.as_bytes(), cookie.as_bytes(), &body_digest])
    }
}

fn pack(parts: &response::Parts, body: &[u8]) -> Result<Vec<u8>> {
    let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let headers = parts.headers.iter().map(|(name, value)| (name.to_string(), text(value))).collect();
    let mut kept = serde_json::to_vec(&Head { status: parts.status.as_u16(), headers }).map_err(Error::internal)?;
    kept.push(b'\n');
    kept.extend_from_slice(body);
    Ok(kept)
}

fn unpack(kept: &[u8]) -> Result<Response> {
    let end = memchr::memchr(b'\n', kept).ok_or_else(|| Error::internal("a kept reply has no head"))?;
    let head: Head = serde_json::from_slice(&kept[..end]).map_err(Error::internal)?;
    let mut response = Response::new(Body::from(kept[end + 1..].to_vec()));
    *response.status_mut() = StatusCode::from_u16(head.status).map_err(Error::internal)?;
    for (name, value) in head.headers {
        let name = HeaderName::try_from(name).map_err(Error::internal)?;
        response.headers_mut().append(name, HeaderValue::try_from(value).map_err(Error::internal)?);
    }
    Ok(response)
}
