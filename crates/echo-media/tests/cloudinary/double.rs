//! What stands in for Cloudinary: it keeps pictures, checks signatures as the documentation says, and fails when told.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write,
    sync::{Arc, Mutex, mpsc},
    thread,
    time::{Duration, SystemTime},
};

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, SHA256, digest};
use axum::{
    Json, Router,
    extract::{DefaultBodyLimit, Multipart, Path, Request, State},
    http::{HeaderMap, StatusCode, header},
    middleware::{Next, from_fn_with_state},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use serde_json::{Value, json};

pub const CLOUD: &str = "demo";
pub const KEY: &str = "1234";
pub const SECRET: &str = "abcd";

/// How it behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mood {
    Well,
    /// Answers with a fault of its own.
    Broken,
    /// Turns everybody away.
    Limiting,
    /// Never answers.
    Silent,
    /// Loses half of what is uploaded.
    Forgetful,
}

/// A server on a port and a thread of its own, until the process ends.
#[derive(Clone)]
pub struct Double {
    pub address: String,
    state: Arc<Mutex<Kept>>,
}

struct Kept {
    mood: Mood,
    /// By `public_id`.
    pictures: BTreeMap<String, Vec<u8>>,
}

type Shared = Arc<Mutex<Kept>>;

impl Double {
    pub fn start() -> Self {
        let state = Arc::new(Mutex::new(Kept { mood: Mood::Well, pictures: BTreeMap::new() }));
        let (sender, address) = mpsc::channel();
        let ours = state.clone();
        thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async move {
                let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
                sender.send(format!("http://{}", listener.local_addr().unwrap())).unwrap();
                axum::serve(listener, router(ours)).await.unwrap();
            });
        });
        Self { address: address.recv().unwrap(), state }
    }

    pub fn is(&self, mood: Mood) {
        self.state.lock().unwrap().mood = mood;
    }

    /// What it keeps, by `public_id`.
    pub fn pictures(&self) -> BTreeSet<String> {
        self.state.lock().unwrap().pictures.keys().cloned().collect()
    }

    /// As if it had been there before Echo.
    pub fn keep(&self, public_id: &str, bytes: &[u8]) {
        self.state.lock().unwrap().pictures.insert(public_id.to_owned(), bytes.to_owned());
    }
}

fn router(state: Shared) -> Router {
    Router::new()
        .route("/v1_1/demo/image/upload", post(upload))
        .route("/v1_1/demo/image/destroy", post(destroy))
        .route("/demo/image/upload/{*path}", get(deliver))
        .layer(DefaultBodyLimit::disable())
        .layer(from_fn_with_state(state.clone(), behave))
        .with_state(state)
}

async fn behave(State(state): State<Shared>, request: Request, next: Next) -> Response {
    let mood = state.lock().unwrap().mood;
    match mood {
        Mood::Well | Mood::Forgetful => next.run(request).await,
        Mood::Broken => StatusCode::BAD_GATEWAY.into_response(),
        Mood::Limiting => {
            (StatusCode::from_u16(420).unwrap(), Json(json!({"error": {"message": "Rate Limit Exceeded"}})))
                .into_response()
        }
        Mood::Silent => std::future::pending().await,
    }
}

async fn upload(State(state): State<Shared>, form: Multipart) -> Response {
    let (fields, mut file) = match signed(form).await {
        Ok(signed) => signed,
        Err(refused) => return refused,
    };
    let mut kept = state.lock().unwrap();
    if kept.mood == Mood::Forgetful {
        file.truncate(file.len() / 2);
    }
    let existing = kept.pictures.contains_key(&fields["public_id"]);
    if !existing || fields.get("overwrite").is_none_or(|it| it != "false") {
        kept.pictures.insert(fields["public_id"].clone(), file);
    }
    let mut told = json!({"public_id": fields["public_id"], "bytes": kept.pictures[&fields["public_id"]].len()});
    if existing {
        told["existing"] = Value::Bool(true);
    }
    Json(told).into_response()
}

async fn destroy(State(state): State<Shared>, form: Multipart) -> Response {
    let (fields, _) = match signed(form).await {
        Ok(signed) => signed,
        Err(refused) => return refused,
    };
    let removed = state.lock().unwrap().pictures.remove(&fields["public_id"]);
    Json(json!({"result": if removed.is_some() { "ok" } else { "not found" }})).into_response()
}

/// The form's fields and its file, if the signature is theirs.
async fn signed(mut form: Multipart) -> Result<(BTreeMap<String, String>, Vec<u8>), Response> {
    let (mut fields, mut file) = (BTreeMap::new(), Vec::new());
    while let Some(field) = form.next_field().await.unwrap() {
        let name = field.name().unwrap().to_owned();
        match name.as_str() {
            "file" => file = field.bytes().await.unwrap().to_vec(),
            _ => drop(fields.insert(name, field.text().await.unwrap())),
        }
    }
    let pairs: Vec<_> = fields
        .iter()
        .filter(|(name, _)| !["api_key", "signature", "cloud_name", "resource_type"].contains(&name.as_str()))
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    let text = pairs.join("&") + SECRET;
    let expected =
        [&SHA1_FOR_LEGACY_USE_ONLY, &SHA256].map(|algorithm| hex(digest(algorithm, text.as_bytes()).as_ref()));
    let given = fields.get("signature").cloned().unwrap_or_default();
    let fresh = fields.get("timestamp").and_then(|it| it.parse().ok()).is_some_and(is_fresh);
    if !expected.contains(&given) || fields.get("api_key").is_none_or(|key| key != KEY) || !fresh {
        let told = json!({"error": {"message": format!("Invalid Signature {given}. String to sign - '{}'.", pairs.join("&"))}});
        return Err((StatusCode::UNAUTHORIZED, Json(told)).into_response());
    }
    Ok((fields, file))
}

/// A signature counts for an hour.
#[expect(clippy::disallowed_methods, reason = "the double's own clock")]
fn is_fresh(timestamp: u64) -> bool {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    now.abs_diff(Duration::from_secs(timestamp)) < Duration::from_secs(3600)
}

async fn deliver(State(state): State<Shared>, Path(path): Path<String>, headers: HeaderMap) -> Response {
    let (transformation, name) =
        path.split_once("c_limit,").map_or(("", path.as_str()), |(_, rest)| rest.split_once('/').unwrap());
    let id = name.rsplit_once('.').map_or(name, |(id, _)| id);
    let Some(picture) = state.lock().unwrap().pictures.get(id).cloned() else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let whole = if transformation.is_empty() { picture } else { [transformation.as_bytes(), &picture].concat() };
    let Some(asked) = headers.get(header::RANGE) else { return whole.into_response() };
    let length = whole.len();
    let (first, last) = asked.to_str().unwrap().strip_prefix("bytes=").unwrap().split_once('-').unwrap();
    let (start, end) = match (first.parse::<usize>(), last.parse::<usize>()) {
        (Ok(first), Ok(last)) => (first, last.saturating_add(1).min(length)),
        (Ok(first), Err(_)) => (first, length),
        (Err(_), Ok(last)) => (length.saturating_sub(last), length),
        (Err(_), Err(_)) => (length, length),
    };
    if start >= end {
        return (StatusCode::RANGE_NOT_SATISFIABLE, [(header::CONTENT_RANGE, format!("bytes */{length}"))])
            .into_response();
    }
    let told = format!("bytes {start}-{}/{length}", end - 1);
    (StatusCode::PARTIAL_CONTENT, [(header::CONTENT_RANGE, told)], whole[start..end].to_vec()).into_response()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut hex, byte| {
        write!(hex, "{byte:02x}").unwrap();
        hex
    })
}
