//! What operators and newcomers look at: health, readiness, the API's description, the front page.

use std::{collections::BTreeMap, sync::Arc};

use async_trait::async_trait;
use axum::{
    Json,
    extract::{FromRef, State},
    http::{HeaderValue, StatusCode, header},
    response::{Html, IntoResponse, Response},
};
use echo_domain::{Error, Result};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

/// Something that Echo stands on.
#[async_trait]
pub trait Dependency: Send + Sync {
    fn name(&self) -> &'static str;

    /// Whether nothing works without it.
    fn is_needed(&self) -> bool {
        true
    }

    /// # Errors
    /// When it does not work.
    async fn check(&self) -> Result<()>;
}

/// What the operations routes need.
#[derive(Clone, FromRef)]
pub struct OperationsApi {
    pub dependencies: Arc<[Arc<dyn Dependency>]>,
    pub front_page: FrontPage,
}

/// The page at `/`.
#[derive(Clone)]
pub struct FrontPage(Arc<str>);

impl FrontPage {
    /// For an Echo that clients reach at `public_url`.
    pub fn new(public_url: &str) -> Self {
        let page = include_str!("front_page.html");
        Self(page.replace("{version}", env!("CARGO_PKG_VERSION")).replace("{url}", &public_url.replace('<', "")).into())
    }
}

pub(crate) fn router(api: OperationsApi) -> OpenApiRouter {
    OpenApiRouter::new().routes(routes!(front_page)).routes(routes!(alive)).routes(routes!(ready)).with_state(api)
}

/// What runs here
#[utoipa::path(get, path = "/", tag = "operations",
    responses((status = 200, description = "A page for people", body = String, content_type = "text/html")))]
async fn front_page(State(FrontPage(page)): State<FrontPage>) -> Response {
    let policy = HeaderValue::from_static("default-src 'none'; style-src 'unsafe-inline'");
    ([(header::CONTENT_SECURITY_POLICY, policy)], Html(page.to_string())).into_response()
}

/// Whether the process lives
#[utoipa::path(get, path = "/healthz", tag = "operations",
    responses((status = 200, description = "It does", body = AliveBody)))]
async fn alive() -> Json<AliveBody> {
    Json(AliveBody { status: "ok" })
}

/// Whether everything works that Echo cannot do without
#[utoipa::path(get, path = "/readyz", tag = "operations", responses(
    (status = 200, description = "It does", body = ReadyBody),
    (status = 503, description = "Something does not", body = ReadyBody)))]
async fn ready(State(dependencies): State<Arc<[Arc<dyn Dependency>]>>) -> Response {
    let mut told = BTreeMap::new();
    let mut ready = true;
    for dependency in dependencies.iter() {
        let works = tokio::time::timeout(PATIENCE, dependency.check()).await;
        let works = works.unwrap_or_else(|_| Err(Error::internal("it takes too long")));
        if let Err(error) = &works {
            tracing::warn!(dependency = dependency.name(), error = error as &dyn std::error::Error, "not ready");
            ready &= !dependency.is_needed();
        }
        told.insert(dependency.name(), if works.is_ok() { "ok" } else { "unavailable" });
    }
    let (code, status) = if ready { (StatusCode::OK, "ok") } else { (StatusCode::SERVICE_UNAVAILABLE, "unavailable") };
    (code, Json(ReadyBody { status, dependencies: told })).into_response()
}

/// How long a dependency may take to answer.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(2);

#[derive(Serialize, ToSchema)]
struct AliveBody {
    #[schema(example = "ok")]
    status: &'static str,
}

/// Each `ok` or `unavailable`.
#[derive(Serialize, ToSchema)]
struct ReadyBody {
    #[schema(example = "ok")]
    status: &'static str,
    #[schema(value_type = BTreeMap<String, String>)]
    dependencies: BTreeMap<&'static str, &'static str>,
}
