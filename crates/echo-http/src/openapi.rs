//! The API's description, generated from the handlers, and its reader.

use axum::{
    Json, Router,
    extract::Request,
    http::{HeaderValue, header},
    middleware::{self, Next},
    response::{IntoResponse, Redirect, Response},
    routing::get,
};
use utoipa::{
    OpenApi,
    openapi::{
        ContentBuilder, HttpMethod, Ref, ResponseBuilder,
        path::Operation,
        security::{Http, HttpAuthScheme, SecurityScheme},
    },
};
use utoipa_swagger_ui::{Config, SwaggerUi};

use crate::error::ErrorBody;

/// What the handlers do not say: title, tags, security, and the failures that any operation can have.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Echo",
        description = "A social media backend. Every failure has the form of `ErrorBody`; `code` is stable. \
                       Every POST takes an `Idempotency-Key`.",
        license(name = "Apache-2.0", identifier = "Apache-2.0")
    ),
    components(schemas(ErrorBody)),
    tags(
        (name = "auth", description = "Accounts and sessions"),
        (name = "users", description = "Profiles, search, follows"),
        (name = "posts", description = "Posts, likes, comments"),
        (name = "feed", description = "Home timelines"),
        (name = "media", description = "Images"),
        (name = "operations", description = "For operators")
    )
)]
struct Description;

/// The document to which the handlers add themselves.
pub(crate) fn empty() -> utoipa::openapi::OpenApi {
    let mut document = Description::openapi();
    let bearer = SecurityScheme::Http(Http::builder().scheme(HttpAuthScheme::Bearer).bearer_format("JWT").build());
    document.components.get_or_insert_default().add_security_scheme("bearer", bearer);
    document
}

/// Says of every operation which failures it shares with others of its kind.
pub(crate) fn complete(document: &mut utoipa::openapi::OpenApi) {
    for (path, item) in &mut document.paths.paths {
        let operations = [
            (HttpMethod::Get, &mut item.get),
            (HttpMethod::Post, &mut item.post),
            (HttpMethod::Put, &mut item.put),
            (HttpMethod::Patch, &mut item.patch),
            (HttpMethod::Delete, &mut item.delete),
        ];
        for (method, operation) in operations {
            if let Some(operation) = operation {
                add_failures(path, &method, operation);
            }
        }
    }
}

fn add_failures(path: &str, method: &HttpMethod, operation: &mut Operation) {
    let mut failures = vec![
        ("400", "The input breaks a rule"),
        ("408", "It took too long"),
        ("429", "Too many requests; see Retry-After"),
        ("500", "Our fault; the log has it under the request id"),
        ("503", "At the limit, or a dependency is gone; see Retry-After"),
    ];
    if operation.security.is_some() {
        failures.push(("401", "Not signed in, or no longer"));
    }
    if path.contains('{') {
        failures.push(("404", "There is no such thing"));
    }
    if operation.request_body.is_some() {
        failures.push(("413", "Too large"));
        failures.push(("415", "Not a type that is taken"));
    }
    if *method == HttpMethod::Post {
        failures.push(("409", "It contradicts what is kept, or the first request with this Idempotency-Key still runs"));
        failures.push(("413", "Too large"));
        failures.push(("422", "This Idempotency-Key was used for another request"));
    }
    for (status, description) in failures {
        operation.responses.responses.entry(status.to_owned()).or_insert_with(|| ResponseBuilder::new().description(description).into());
    }
    for (status, response) in &mut operation.responses.responses {
        let utoipa::openapi::RefOr::T(response) = response else { continue };
        if status.starts_with(['4', '5']) && response.content.is_empty() {
            let body = ContentBuilder::new().schema(Some(Ref::from_schema_name("ErrorBody"))).build();
            response.content.insert("application/json".to_owned(), body.into());
        }
    }
}

/// `/api/openapi.json` and `/docs`, with everything that the page needs out of the binary.
pub(crate) fn routes(document: utoipa::openapi::OpenApi) -> Router {
    let config = Config::from(DOCUMENT).validator_url("none").try_it_out_enabled(true).persist_authorization(true);
    let pages = Router::from(SwaggerUi::new("/docs").config(config)).layer(middleware::from_fn(own_host_only));
    let document: std::sync::Arc<utoipa::openapi::OpenApi> = document.into();
    Router::new()
        .route(DOCUMENT, get(async move || Json(&*document).into_response()))
        .route("/docs", get(async || Redirect::permanent("/docs/")))
        .merge(pages)
}

const DOCUMENT: &str = "/api/openapi.json";

/// The reader may load nothing from another host.
async fn own_host_only(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let policy = "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; script-src 'self' 'unsafe-inline'";
    response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(policy));
    response
}
