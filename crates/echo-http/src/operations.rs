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
use futures_util::future::join_all;
use serde::Serialize;
use tokio::sync::watch;
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
    pub leaving: Leaving,
}

/// Becomes true when the process is about to stop: nothing more is to be sent to it.
#[derive(Clone)]
pub struct Leaving(pub watch::Receiver<bool>);

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

pub(crate) fn router() -> OpenApiRouter<OperationsApi> {
    OpenApiRouter::new().routes(routes!(front_page)).routes(routes!(alive)).routes(routes!(ready))
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
async fn ready(
    State(dependencies): State<Arc<[Arc<dyn Dependency>]>>,
    State(Leaving(leaving)): State<Leaving>,
) -> Response {
    let works = join_all(dependencies.iter().map(|it| works(&**it))).await;
    let told = dependencies.iter().zip(&works).map(|(it, works)| (it.name(), if *works { OK } else { UNAVAILABLE }));
    let (code, status) = if *leaving.borrow() {
        (StatusCode::SERVICE_UNAVAILABLE, "stopping")
    } else if dependencies.iter().zip(&works).all(|(it, works)| *works || !it.is_needed()) {
        (StatusCode::OK, OK)
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, UNAVAILABLE)
    };
    (code, Json(ReadyBody { status, dependencies: told.collect() })).into_response()
}

async fn works(dependency: &dyn Dependency) -> bool {
    let works = tokio::time::timeout(PATIENCE, dependency.check()).await;
    let works = works.unwrap_or_else(|_| Err(Error::internal("it takes too long")));
    if let Err(error) = &works {
        tracing::warn!(dependency = dependency.name(), error = error as &dyn std::error::Error, "not ready");
    }
    works.is_ok()
}

const OK: &str = "ok";
const UNAVAILABLE: &str = "unavailable";

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
    /// `ok`, `unavailable` or, on the way out, `stopping`
    #[schema(example = "ok")]
    status: &'static str,
    #[schema(value_type = BTreeMap<String, String>)]
    dependencies: BTreeMap<&'static str, &'static str>,
}
