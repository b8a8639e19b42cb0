//! `/api/auth`: signing up, in and out.

use std::sync::Arc;

use axum::{
    Json,
    body::HttpBody,
    extract::{FromRef, FromRequest, Request, State},
    http::{HeaderMap, HeaderValue, header},
    response::{IntoResponse, Response},
};
use echo_domain::{
    Error, SessionId, UserId,
    auth::{AuthService, Session, SignUp, SignedIn},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    error::ApiResult,
    extract::{ApiJson, ApiPath, CurrentUser, NewId, NewIds},
    reply::{Envelope, Moment, Reply},
};

/// What the auth routes need.
pub struct AuthApi {
    pub auth: Arc<AuthService>,
    pub ids: NewIds,
    pub cookies: Cookies,
    pub keys: PublicKeys,
}

/// How the refresh token's cookie is set.
#[derive(Clone, Copy)]
pub struct Cookies {
    /// Whether clients come by HTTPS.
    pub secure: bool,
}

/// The keys that access tokens are verified with; none when the secret is shared (HS256).
#[derive(Clone)]
pub struct PublicKeys(pub Arc<[PublicKey]>);

/// An Ed25519 public key (RFC 8037).
#[derive(Clone, Serialize, ToSchema)]
pub struct PublicKey {
    #[schema(example = "OKP")]
    pub kty: String,
    #[schema(example = "Ed25519")]
    pub crv: String,
    #[schema(example = "EdDSA")]
    pub alg: String,
    #[serde(rename = "use")]
    #[schema(example = "sig")]
    pub usage: String,
    pub kid: String,
    pub x: String,
}

impl FromRef<Arc<AuthApi>> for NewIds {
    fn from_ref(api: &Arc<AuthApi>) -> Self {
        api.ids.clone()
    }
}

pub(crate) fn router() -> OpenApiRouter<Arc<AuthApi>> {
    OpenApiRouter::new()
        .routes(routes!(sign_up))
        .routes(routes!(log_in))
        .routes(routes!(refresh))
        .routes(routes!(log_out))
        .routes(routes!(sessions))
        .routes(routes!(end_session))
        .routes(routes!(change_password))
        .routes(routes!(jwks))
}

/// Sign up
///
/// Opens an account and its profile.
#[utoipa::path(post, path = "/api/auth/signup", tag = "auth", request_body = SignUpForm,
    responses((status = 201, description = "User created", body = Envelope<OpenedBody>)))]
async fn sign_up(
    State(api): State<Arc<AuthApi>>,
    NewId(id): NewId<UserId>,
    ApiJson(form): ApiJson<SignUpForm>,
) -> ApiResult<Reply<OpenedBody>> {
    let SignUpForm { name, username, email, password } = form;
    let opened = api.auth.sign_up(id, SignUp { name, username, email, password }).await?;
    let body =
        OpenedBody { id: opened.id.to_string(), name: opened.name, username: opened.username, email: opened.email };
    Ok(Reply::created("User created", body))
}

/// Sign in
///
/// With e-mail or username. The refresh token comes as a cookie, or in `data` when `cookie` is false.
#[utoipa::path(post, path = "/api/auth/login", tag = "auth", request_body = LoginForm, responses(
    (status = 200, description = "Login successful", body = Envelope<LoginBody>),
    (status = 401, description = "Unknown login or wrong password"),
    (status = 403, description = "The account is suspended")))]
async fn log_in(
    State(api): State<Arc<AuthApi>>,
    NewId(id): NewId<SessionId>,
    headers: HeaderMap,
    ApiJson(form): ApiJson<LoginForm>,
) -> ApiResult<Response> {
    let device = headers.get(header::USER_AGENT).and_then(|agent| agent.to_str().ok()).unwrap_or_default();
    let login = form.email.or(form.username).ok_or_else(|| Error::invalid("email", "or username must be given"))?;
    let SignedIn { account, name, access, refresh } = api.auth.log_in(id, &login, &form.password, device).await?;
    let by_cookie = form.cookie.unwrap_or(true);
    let body = LoginBody {
        id: account.id.to_string(),
        username: account.username.as_str().to_owned(),
        email: account.email.as_str().to_owned(),
        name,
        access_token: access,
        refresh_token: (!by_cookie).then(|| refresh.clone()),
    };
    let mut response = Reply::ok("Login successful", body).into_response();
    if by_cookie {
        api.cookies.set(&mut response, &refresh, Session::LIFETIME.as_secs());
    }
    Ok(response)
}

/// Get a new access token
///
/// For a refresh token, in its cookie or in the body. Each use gives the next one; the previous still works for a minute.
#[utoipa::path(post, path = "/api/auth/refresh", tag = "auth", request_body = Option<RefreshForm>, responses(
    (status = 200, description = "New access token generated", body = Envelope<RefreshedBody>),
    (status = 401, description = "No refresh token came"),
    (status = 403, description = "The refresh token is not valid, has expired, or was used before")))]
async fn refresh(State(api): State<Arc<AuthApi>>, request: Request) -> ApiResult<Response> {
    let by_cookie = Cookies::get(request.headers());
    let in_body = refresh_token_of(request).await?;
    let given = in_body.clone().or(by_cookie);
    let given = given.ok_or_else(|| Error::unauthenticated("refresh_token_missing", "No refresh token came"))?;
    let (access, next) = api.auth.refresh(&given).await?;
    let body = RefreshedBody { access_token: access, refresh_token: in_body.is_some().then(|| next.clone()) };
    let from_cookie = body.refresh_token.is_none();
    let mut response = Reply::ok("New access token generated", body).into_response();
    if from_cookie {
        api.cookies.set(&mut response, &next, Session::LIFETIME.as_secs());
    }
    Ok(response)
}

/// Sign out
///
/// Ends this session at once and clears the cookie.
#[utoipa::path(post, path = "/api/auth/logout", tag = "auth", security(("bearer" = [])),
    responses((status = 200, description = "Logout successful", body = Envelope<Option<String>>)))]
async fn log_out(State(api): State<Arc<AuthApi>>, CurrentUser(viewer): CurrentUser) -> ApiResult<Response> {
    api.auth.log_out(viewer).await?;
    let mut response = Reply::ok("Logout successful", ()).into_response();
    api.cookies.set(&mut response, "", 0);
    Ok(response)
}

/// List sessions
///
/// Where one is signed in, newest first.
#[utoipa::path(get, path = "/api/auth/sessions", tag = "auth", security(("bearer" = [])),
    responses((status = 200, description = "The live sessions", body = Envelope<Vec<SessionBody>>)))]
async fn sessions(
    State(api): State<Arc<AuthApi>>,
    CurrentUser(viewer): CurrentUser,
) -> ApiResult<Reply<Vec<SessionBody>>> {
    let sessions = api.auth.sessions(viewer).await?;
    let body = sessions.into_iter().map(|session| SessionBody::new(session, viewer.session)).collect();
    Ok(Reply::ok("Sessions retrieved successfully", body))
}

/// End a session
#[utoipa::path(delete, path = "/api/auth/sessions/{id}", tag = "auth", security(("bearer" = [])),
    params(("id" = String, Path, description = "The session", pattern = "^[0-9a-f]{24}$")),
    responses((status = 200, description = "Session ended", body = Envelope<Option<String>>)))]
async fn end_session(
    State(api): State<Arc<AuthApi>>,
    CurrentUser(viewer): CurrentUser,
    ApiPath(id): ApiPath<SessionId>,
) -> ApiResult<Reply<()>> {
    api.auth.end_session(viewer, id).await?;
    Ok(Reply::ok("Session ended", ()))
}

/// Change the password
///
/// Ends every other session.
#[utoipa::path(post, path = "/api/auth/password", tag = "auth", security(("bearer" = [])), request_body = PasswordForm,
    responses(
        (status = 200, description = "Password changed", body = Envelope<Option<String>>),
        (status = 403, description = "The current password is wrong")))]
async fn change_password(
    State(api): State<Arc<AuthApi>>,
    CurrentUser(viewer): CurrentUser,
    ApiJson(form): ApiJson<PasswordForm>,
) -> ApiResult<Reply<()>> {
    api.auth.change_password(viewer, &form.current_password, &form.new_password).await?;
    Ok(Reply::ok("Password changed", ()))
}

/// The keys that access tokens are signed with
///
/// A JWK set (RFC 7517). Empty when tokens are signed with a shared secret.
#[utoipa::path(get, path = "/api/auth/.well-known/jwks.json", tag = "auth",
    responses((status = 200, description = "The key set", body = KeySet)))]
async fn jwks(State(api): State<Arc<AuthApi>>) -> Json<KeySet> {
    Json(KeySet { keys: api.keys.0.to_vec() })
}

/// What one fills in to sign up. A missing field counts as empty, so that the reply names every one that is.
#[derive(Default, Deserialize, ToSchema)]
#[serde(default)]
struct SignUpForm {
    #[schema(required = true, example = "Ana Lima", min_length = 1, max_length = 50)]
    name: String,
    #[schema(required = true, example = "ana_lima", pattern = "^[A-Za-z0-9_]{4,32}$")]
    username: String,
    #[schema(required = true, example = "ana@example.com")]
    email: String,
    #[schema(required = true, example = "correct horse battery", min_length = 8, max_length = 128)]
    password: String,
}

/// A new account.
#[derive(Serialize, ToSchema)]
struct OpenedBody {
    #[serde(rename = "_id")]
    id: String,
    name: String,
    username: String,
    email: String,
}

/// What one signs in with: e-mail or username, and the password.
#[derive(Deserialize, ToSchema)]
struct LoginForm {
    #[schema(example = "ana@example.com")]
    email: Option<String>,
    #[schema(example = "ana_lima")]
    username: Option<String>,
    #[schema(example = "correct horse battery")]
    password: String,
    /// Whether the refresh token comes as a cookie.
    #[schema(default = true)]
    cookie: Option<bool>,
}

/// Who signed in, with an access token for 15 minutes.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct LoginBody {
    #[serde(rename = "_id")]
    id: String,
    username: String,
    email: String,
    name: String,
    access_token: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh_token: Option<String>,
}

#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct RefreshForm {
    refresh_token: Option<String>,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct RefreshedBody {
    access_token: String,
    /// When the old one came in the body.
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh_token: Option<String>,
}

/// A sign-in on a device.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct SessionBody {
    #[serde(rename = "_id")]
    id: String,
    /// The client's `User-Agent`.
    device: String,
    #[schema(value_type = String, format = DateTime)]
    created_at: Moment,
    #[schema(value_type = String, format = DateTime)]
    last_used_at: Moment,
    /// Whether it is the one that asks.
    current: bool,
}

#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct PasswordForm {
    current_password: String,
    #[schema(min_length = 8, max_length = 128)]
    new_password: String,
}

#[derive(Serialize, ToSchema)]
struct KeySet {
    keys: Vec<PublicKey>,
}

impl SessionBody {
    fn new(session: Session, current: SessionId) -> Self {
        Self {
            id: session.id.to_string(),
            current: session.id == current,
            device: session.device,
            created_at: session.created.into(),
            last_used_at: session.rotated.into(),
        }
    }
}

impl Cookies {
    const NAME: &'static str = "refreshToken";

    pub(crate) fn get(headers: &HeaderMap) -> Option<String> {
        let pairs = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
        let mut pairs = pairs.flat_map(|value| value.split(';')).filter_map(|pair| pair.trim().split_once('='));
        let token = pairs.find(|(name, _)| *name == Self::NAME).map(|(_, token)| token.to_owned());
        // As a client keeps it that does not understand how a cookie is cleared.
        token.filter(|token| !token.is_empty())
    }

    /// Empty and 0 seconds clears it. Tokens are base64url and dots: nothing needs quoting.
    fn set(self, response: &mut Response, token: &str, seconds: u64) {
        let secure = if self.secure { "; Secure" } else { "" };
        let cookie =
            format!("{}={token}; Max-Age={seconds}; Path=/api/auth; HttpOnly; SameSite=Strict{secure}", Self::NAME);
        if let Ok(cookie) = HeaderValue::try_from(cookie) {
            response.headers_mut().append(header::SET_COOKIE, cookie);
        }
    }
}

/// The refresh token in the body; none when there is no body, as clients with a cookie send it.
async fn refresh_token_of(request: Request) -> ApiResult<Option<String>> {
    if request.body().is_end_stream() {
        return Ok(None);
    }
    let ApiJson(form) = ApiJson::<RefreshForm>::from_request(request, &()).await?;
    Ok(form.refresh_token)
}
