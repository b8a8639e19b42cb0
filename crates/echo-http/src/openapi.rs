//! The API's description, generated from the handlers, and its reader.

use std::{
    io::Read,
    sync::{Arc, OnceLock},
};

use axum::{
    body::Bytes,
    extract::{FromRef, State},
    http::{HeaderMap, header},
    response::{IntoResponse, Redirect, Response},
};
use echo_domain::Error;
use flate2::read::GzDecoder;
use utoipa::{
    OpenApi,
    openapi::{
        ContentBuilder, HttpMethod, Ref, ResponseBuilder,
        path::Operation,
        security::{Http, HttpAuthScheme, SecurityScheme},
    },
};
use utoipa_axum::{router::OpenApiRouter, routes};
use utoipa_swagger_ui::Config;

use crate::{
    error::{ApiResult, ErrorBody},
    extract::ApiPath,
};

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

/// Says of every operation which replies it shares with others of its kind.
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
                name_by_area(operation);
                add_shared_replies(path, &method, operation);
            }
        }
    }
}

/// Handlers of several areas have one name: `posts_show`, `users_show`.
fn name_by_area(operation: &mut Operation) {
    let area = operation.tags.iter().flatten().next();
    if let (Some(area), Some(name)) = (area, &operation.operation_id) {
        operation.operation_id = Some(format!("{area}_{name}"));
    }
}

fn add_shared_replies(path: &str, method: &HttpMethod, operation: &mut Operation) {
    let mut shared = vec![
        ("400", "The input breaks a rule"),
        ("408", "It took too long"),
        ("429", "Too many requests; see Retry-After"),
        ("500", "Our fault; the log has it under the request id"),
        ("503", "At the limit, or a dependency is gone; see Retry-After"),
    ];
    if *method == HttpMethod::Get {
        shared.push(("304", "What `If-None-Match` names is still the same"));
    }
    if operation.security.is_some() {
        shared.push(("401", "Not signed in, or no longer"));
    }
    if path.contains('{') {
        shared.push(("404", "There is no such thing"));
    }
    if operation.request_body.is_some() {
        shared.push(("413", "Too large"));
        shared.push(("415", "Not a type that is taken"));
    }
    if *method == HttpMethod::Post {
        shared.push(("409", "It contradicts what is kept, or the first request with this Idempotency-Key still runs"));
        shared.push(("413", "Too large"));
        shared.push(("422", "This Idempotency-Key was used for another request"));
    }
    for (status, description) in shared {
        operation
            .responses
            .responses
            .entry(status.to_owned())
            .or_insert_with(|| ResponseBuilder::new().description(description).into());
    }
    for (status, response) in &mut operation.responses.responses {
        let utoipa::openapi::RefOr::T(response) = response else { continue };
        if status.starts_with(['4', '5']) && response.content.is_empty() {
            let body = ContentBuilder::new().schema(Some(Ref::from_schema_name("ErrorBody"))).build();
            response.content.insert("application/json".to_owned(), body.into());
        }
    }
}

/// The finished document as JSON; empty until every handler has added itself.
pub(crate) type Finished = Arc<OnceLock<Bytes>>;

/// The document and its reader, with everything that the pages need out of the binary.
pub(crate) fn router(finished: Finished) -> OpenApiRouter {
    let reader = Reader(Arc::new(Config::from(DOCUMENT).validator_url("none").persist_authorization(true)));
    OpenApiRouter::new()
        .routes(routes!(document))
        .routes(routes!(docs))
        .routes(routes!(docs_file))
        .with_state(Api { finished, reader })
}

const DOCUMENT: &str = "/api/openapi.json";
const READER: &str = "/docs/index.html";

#[derive(Clone, FromRef)]
struct Api {
    finished: Finished,
    reader: Reader,
}

#[derive(Clone)]
struct Reader(Arc<Config<'static>>);

/// This document
#[utoipa::path(get, path = "/api/openapi.json", tag = "operations",
    responses((status = 200, description = "OpenAPI 3.1", body = Object)))]
async fn document(State(finished): State<Finished>) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "application/json")], finished.get().cloned().unwrap_or_default())
}

/// This document, to read and to try
#[utoipa::path(get, path = "/docs", tag = "operations", responses((status = 308, description = "To the first page")))]
async fn docs() -> Redirect {
    Redirect::permanent(READER)
}

/// A page of the reader, or what belongs to one
#[utoipa::path(get, path = "/docs/{file}", tag = "operations",
    params(("file" = String, Path, description = "index.html, to begin with")),
    responses((status = 200, description = "The file")))]
async fn docs_file(
    State(Reader(config)): State<Reader>,
    ApiPath(file): ApiPath<String>,
    wanted: HeaderMap,
) -> ApiResult<Response> {
    let found = utoipa_swagger_ui::serve(&file, config).map_err(|error| Error::internal(error.to_string()))?;
    let file = found.ok_or_else(|| Error::not_found("page_not_found", "There is no such page; see /docs"))?;
    let headers = [
        (header::CONTENT_TYPE, file.content_type.as_str()),
        (header::CONTENT_SECURITY_POLICY, OWN_HOST_ONLY),
        (header::VARY, header::ACCEPT_ENCODING.as_str()),
    ];
    if !file.gzpipped {
        return Ok((headers, file.bytes.into_owned()).into_response());
    }
    if takes_gzip(&wanted) {
        return Ok((headers, [(header::CONTENT_ENCODING, "gzip")], file.bytes.into_owned()).into_response());
    }
    let mut whole = Vec::new();
    GzDecoder::new(&*file.bytes).read_to_end(&mut whole).map_err(Error::internal)?;
    Ok((headers, whole).into_response())
}

/// As every browser does. Whoever says so with a quality of its own gets it as it is.
fn takes_gzip(wanted: &HeaderMap) -> bool {
    let encodings = wanted.get_all(header::ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    encodings.flat_map(|value| value.split(',')).any(|encoding| encoding.trim().eq_ignore_ascii_case("gzip"))
}

/// The reader loads nothing from another host. It styles itself as it runs.
const OWN_HOST_ONLY: &str = "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:";
