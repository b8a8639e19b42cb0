//! Which requests are counted, and how many are too many.

use std::time::Duration;

use axum::{
    extract::MatchedPath,
    http::{Extensions, Method},
};
use echo_domain::{
    Result,
    limits::{Policy, RateLimiter, Verdict},
};

use crate::{
    caller::Caller,
    error::{ApiError, ApiResult},
};

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);

/// Guessing passwords; counted by network, since nobody is signed in.
const LOGIN: Policy = Policy { name: "login", quota: 20, window: MINUTE };
/// Guessing the password of an account that one is signed in to.
const PASSWORD: Policy = Policy { name: "password", quota: 10, window: MINUTE };
const SIGNUP: Policy = Policy { name: "signup", quota: 60, window: HOUR };
const REFRESH: Policy = Policy { name: "refresh", quota: 60, window: MINUTE };
const UPLOAD: Policy = Policy { name: "upload", quota: 120, window: MINUTE };
const EXPORT: Policy = Policy { name: "export", quota: 5, window: HOUR };
const WRITE: Policy = Policy { name: "write", quota: 300, window: MINUTE };
const READ: Policy = Policy { name: "read", quota: 1200, window: MINUTE };

/// Turns away who does too much. Operations and images are not counted; what leads nowhere is.
///
/// # Errors
/// [`ApiError::RateLimited`]
pub(crate) async fn limit(limiter: &dyn RateLimiter, method: &Method, extensions: &Extensions) -> ApiResult<()> {
    let route = extensions.get::<MatchedPath>().map_or("", MatchedPath::as_str);
    let Some(policy) = policy(method, route) else { return Ok(()) };
    let caller = Caller::of(extensions);
    let key = if [LOGIN, SIGNUP, REFRESH].contains(&policy) { caller.network() } else { caller.key() };
    match verdict(limiter, &policy, &key).await {
        Verdict::Allowed => Ok(()),
        Verdict::Limited { retry_after } => {
            let Policy { name, quota, window } = policy;
            Err(ApiError::RateLimited { policy: name, quota, window, retry_after })
        }
    }
}

/// A limiter that does not answer limits nobody: Echo rather serves.
async fn verdict(limiter: &dyn RateLimiter, policy: &Policy, key: &str) -> Verdict {
    let counted: Result<Verdict> = limiter.take(policy, key).await;
    counted.unwrap_or_else(|error| {
        tracing::warn!(error = &error as &dyn std::error::Error, "requests are not counted for now");
        Verdict::Allowed
    })
}

fn policy(method: &Method, route: &str) -> Option<Policy> {
    Some(match route {
        "/api/auth/login" => LOGIN,
        "/api/auth/signup" => SIGNUP,
        "/api/auth/refresh" => REFRESH,
        "/api/auth/password" => PASSWORD,
        "/api/users/me" if method == Method::DELETE => PASSWORD,
        "/api/users/me/export" => EXPORT,
        "/api/media" => UPLOAD,
        "/" | "/healthz" | "/readyz" | "/docs" | "/docs/{file}" | "/media/{name}" | "/api/openapi.json" => return None,
        _ if matches!(*method, Method::GET | Method::HEAD) => READ,
        _ => WRITE,
    })
}
