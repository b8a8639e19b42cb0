//! `Idempotency-Key`: a POST that may be sent again (draft-ietf-httpapi-idempotency-key-header-07).

use std::{sync::Arc, time::Duration};

use axum::{
    body::{Body, Bytes, to_bytes},
    extract::{Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header, request::Parts},
    middleware::Next,
    response::{IntoResponse, Response},
};
use echo_domain::{
    Error, Sealer,
    idempotency::{Begun, Fingerprint, IdempotencyStore, RequestKey},
};
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use crate::{
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

/// A reply as it is kept.
#[derive(Serialize, Deserialize)]
struct Kept {
    status: u16,
    headers: Vec<(String, Vec<u8>)>,
    body: Vec<u8>,
}

/// Does a POST with a key once, and gives every repetition the first reply.
pub(crate) async fn once(State(idempotency): State<Idempotency>, request: Request, next: Next) -> Response {
    if request.method() != Method::POST || !request.headers().contains_key(KEY) {
        return next.run(request).await;
    }
    idempotency.run(request, next).await.unwrap_or_else(IntoResponse::into_response)
}

impl Idempotency {
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
        let (mut parts, body) = request.into_parts();
        let limit = if multipart::is_form(&parts.headers) { multipart::FORM_LIMIT } else { JSON_LIMIT };
        let body = read_body(Request::new(body), limit).await?;
        let (key, fingerprint) = (self.key(&parts)?, self.fingerprint(&parts, &body));

        match self.store.begin(&key, &fingerprint, self.ids.next(), self.ids.clock.now()).await? {
            Begun::Running => Err(ApiError::IdempotencyInProgress),
            Begun::Mismatch => Err(ApiError::IdempotencyKeyReused),
            Begun::Done(sealed) => self.replay(&key, &sealed),
            Begun::First { seed } => {
                parts.extensions.insert(ReservedId(seed));
                let request = Request::from_parts(parts, Body::from(body));
                // To its end even if the client goes: what is begun is either finished or released.
                detached(async move { self.first(key, next.run(request).await).await }).await?
            }
        }
    }

    /// Keeps the reply for later, unless another try may have a better one.
    async fn first(self, key: RequestKey, response: Response) -> ApiResult<Response> {
        let passing = [StatusCode::UNAUTHORIZED, StatusCode::REQUEST_TIMEOUT, StatusCode::TOO_MANY_REQUESTS];
        if response.status().is_server_error() || passing.contains(&response.status()) {
            self.store.release(&key).await?;
            return Ok(response);
        }
        let (parts, body) = response.into_parts();
        let body = to_bytes(body, usize::MAX).await.map_err(Error::internal)?;
        let headers = parts.headers.iter().map(|(name, value)| (name.to_string(), value.as_bytes().to_vec())).collect();
        let kept = Kept { status: parts.status.as_u16(), headers, body: body.to_vec() };
        let plain = serde_json::to_vec(&kept).map_err(Error::internal)?;
        let sealed = self.sealer.seal(&key, &plain)?;
        self.store.finish(&key, &sealed).await?;
        Ok(Response::from_parts(parts, Body::from(body)))
    }

    fn replay(&self, key: &RequestKey, sealed: &[u8]) -> ApiResult<Response> {
        let plain = self.sealer.open(key, sealed).ok_or_else(|| Error::internal("a kept reply does not open"))?;
        let kept: Kept = serde_json::from_slice(&plain).map_err(Error::internal)?;
        let mut response = Response::new(Body::from(kept.body));
        *response.status_mut() = StatusCode::from_u16(kept.status).map_err(Error::internal)?;
        for (name, value) in kept.headers {
            let name = HeaderName::try_from(name).map_err(Error::internal)?;
            response.headers_mut().append(name, HeaderValue::try_from(value).map_err(Error::internal)?);
        }
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
        self.sealer.digest(&[target.as_bytes(), kind.as_bytes(), cookie(&parts.headers), &body_digest])
    }
}

/// The refresh token may come as a cookie: part of what is asked for.
fn cookie(headers: &HeaderMap) -> &[u8] {
    headers.get(header::COOKIE).map_or(b"", HeaderValue::as_bytes)
}
