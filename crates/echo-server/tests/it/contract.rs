//! What the server says that it does, and whether a reply agrees: its own OpenAPI document.

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::Value;
use tokio::sync::OnceCell;

use crate::{app::TestApp, client::Reply, hostile::NOBODY};

pub struct Contract {
    pub document: Value,
    pub operations: Vec<Operation>,
}

/// One method of one path.
pub struct Operation {
    pub method: Method,
    /// As the document has it: `/api/posts/{id}`.
    pub path: String,
    /// Whether it is refused without a token.
    pub needs_sign_in: bool,
    pub definition: Value,
    statuses: BTreeSet<String>,
}

impl Contract {
    /// The document of this run's server, read once; `None` when the server cannot be reached any more.
    pub async fn of(app: &TestApp) -> Option<&'static Self> {
        static CONTRACT: OnceCell<Contract> = OnceCell::const_new();
        let read = async || {
            let response = app.request(Method::GET, "/api/openapi.json").send().await?.error_for_status()?;
            response.json().await.map(Self::new)
        };
        CONTRACT.get_or_try_init(read).await.ok()
    }

    fn new(document: Value) -> Self {
        let mut operations = Vec::new();
        for (path, item) in document["paths"].as_object().into_iter().flatten() {
            for (method, definition) in item.as_object().into_iter().flatten() {
                let Ok(method) = method.to_uppercase().parse::<Method>() else { continue };
                if definition["responses"].is_object() {
                    operations.push(Operation::new(method, path, definition));
                }
            }
        }
        assert!(!operations.is_empty(), "no operation in /api/openapi.json");
        Self { document, operations }
    }

    pub fn operation(&self, method: &Method, path: &str) -> Option<&Operation> {
        let method = if method == Method::HEAD { &Method::GET } else { method };
        let mut fitting: Vec<_> = self.operations.iter().filter(|it| it.method == method && it.fits(path)).collect();
        // `/api/users/me` before `/api/users/{id}`
        fitting.sort_by_key(|it| it.path.matches('{').count());
        fitting.first().copied()
    }

    /// Fails when the document does not have this operation, or not with this status.
    pub fn check(&self, reply: &Reply) {
        let path = local_path(&reply.path);
        // Asked by browsers on their own.
        if reply.method == Method::OPTIONS {
            return;
        }
        let operation = self.operation(&reply.method, path);
        let nothing_there = reply.status == 405 || (reply.status == 404 && reply.json()["code"] == "route_not_found");
        match operation {
            None => assert!(nothing_there || reply.status == 429, "not in /api/openapi.json: {reply}"),
            Some(it) => {
                assert!(!nothing_there, "in /api/openapi.json, but not there: {reply}");
                let documented = &it.statuses;
                assert!(documented.contains(&reply.status.to_string()), "{documented:?} are documented, not {reply}");
            }
        }
    }
}

impl Operation {
    fn new(method: Method, path: &str, definition: &Value) -> Self {
        let statuses = definition["responses"].as_object().into_iter().flatten().map(|(status, _)| status.clone());
        // `security: [{}, {bearer: []}]` is sign-in where there is one, none otherwise.
        let security = definition["security"].as_array();
        let needs_sign_in = security.is_some_and(|ways| {
            !ways.is_empty() && ways.iter().all(|way| way.as_object().is_some_and(|schemes| !schemes.is_empty()))
        });
        Self {
            method,
            path: path.to_owned(),
            needs_sign_in,
            statuses: statuses.collect(),
            definition: definition.clone(),
        }
    }

    fn fits(&self, path: &str) -> bool {
        let (mut wanted, mut given) = (self.path.split('/'), path.split('/'));
        loop {
            match (wanted.next(), given.next()) {
                (None, None) => return true,
                (Some(wanted), Some(given)) if wanted == given || (wanted.starts_with('{') && !given.is_empty()) => {}
                _ => return false,
            }
        }
    }

    /// Its path with an id that nothing has; `{file}` is a page of the reader.
    pub fn sample_path(&self) -> String {
        let sample = |part| match part {
            "{file}" => "index.html",
            part if str::starts_with(part, "{") => NOBODY,
            part => part,
        };
        self.path.split('/').map(sample).collect::<Vec<_>>().join("/")
    }
}

/// Without address, query and trailing slash.
fn local_path(path: &str) -> &str {
    let path = match path.split_once("://") {
        Some((_, rest)) => rest.find('/').map_or("/", |start| &rest[start..]),
        None => path,
    };
    let path = path.split('?').next().unwrap_or_default();
    let path = path.trim_end_matches('/');
    if path.is_empty() { "/" } else { path }
}
