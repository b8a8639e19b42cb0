//! What a client can do, and what it gets back. Every reply is held against the contract as it arrives.

use std::{
    future::{Future, IntoFuture},
    panic::Location,
    pin::Pin,
};

use reqwest::{
    Method, RequestBuilder,
    header::{AUTHORIZATION, HeaderMap},
    multipart::{Form, Part},
};
use serde_json::Value;

use crate::{
    app::{TestApp, given_address},
    contract::Contract,
};

/// Somebody who calls the API, with a token or without.
#[derive(Clone)]
pub struct Client {
    pub app: TestApp,
    pub token: Option<String>,
}

/// A call about to be made: `.await` makes it.
pub struct Call {
    app: TestApp,
    method: Method,
    path: String,
    request: RequestBuilder,
    /// The line of the story that makes it.
    line: &'static Location<'static>,
}

/// What came back.
#[derive(Clone)]
pub struct Reply {
    pub method: Method,
    pub path: String,
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
    line: &'static Location<'static>,
    /// The end of the server's log, for whoever reads why a test failed.
    log: String,
}

impl Client {
    #[track_caller]
    pub fn get(&self, path: &str) -> Call {
        self.call(Method::GET, path)
    }

    #[track_caller]
    pub fn post(&self, path: &str) -> Call {
        self.call(Method::POST, path)
    }

    #[track_caller]
    pub fn put(&self, path: &str) -> Call {
        self.call(Method::PUT, path)
    }

    #[track_caller]
    pub fn patch(&self, path: &str) -> Call {
        self.call(Method::PATCH, path)
    }

    #[track_caller]
    pub fn delete(&self, path: &str) -> Call {
        self.call(Method::DELETE, path)
    }

    /// `path` may also be a link that the server gave out.
    #[track_caller]
    pub fn call(&self, method: Method, path: &str) -> Call {
        let mut request = self.app.request(method.clone(), path);
        if let Some(token) = &self.token {
            request = request.header(AUTHORIZATION, format!("Bearer {token}"));
        }
        Call { app: self.app.clone(), method, path: path.to_owned(), request, line: Location::caller() }
    }
}

impl Call {
    pub fn json(self, body: Value) -> Self {
        self.header("content-type", "application/json").body(body.to_string())
    }

    pub fn form(mut self, form: Form) -> Self {
        self.request = self.request.multipart(form.percent_encode_noop());
        self
    }

    pub fn body(mut self, body: impl Into<reqwest::Body>) -> Self {
        self.request = self.request.body(body);
        self
    }

    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.request = self.request.header(name, value);
        self
    }

    /// As a browser sends its refresh token.
    pub fn refresh_cookie(self, token: &str) -> Self {
        self.header("cookie", &format!("refreshToken={token}"))
    }

    pub fn idempotency_key(self, key: &str) -> Self {
        self.header("idempotency-key", key)
    }

    /// The reply, or `None` when the server went away before it was complete.
    pub async fn try_send(self) -> Option<Reply> {
        let Self { app, method, path, request, line } = self;
        let response = request.send().await.ok()?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let body = response.bytes().await.ok()?.to_vec();
        let log = if status >= 500 { app.log.tail() } else { String::new() };
        let reply = Reply { method, path, status, headers, body, line, log };
        reply.keeps_to_the_conventions();
        if !reply.is_a_proxys() {
            Contract::of(&app).await?.check(&reply);
        }
        Some(reply)
    }
}

impl IntoFuture for Call {
    type Output = Reply;
    type IntoFuture = Pin<Box<dyn Future<Output = Reply> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        let (app, what) = (self.app.clone(), format!("{}: {} {}", self.line, self.method, self.path));
        Box::pin(async move { self.try_send().await.unwrap_or_else(|| panic!("{what}: no reply\n{}", app.log.tail())) })
    }
}

impl Reply {
    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert!(self.status == status, "{status} was expected of {self}");
        self
    }

    /// Expects a failure with this stable code.
    #[track_caller]
    pub fn refused(self, status: u16, code: &str) -> Self {
        let reply = self.expect(status);
        assert!(reply.json()["code"] == code, "the code {code} was expected of {reply}");
        reply
    }

    /// Expects a 400 that names exactly these fields, in any order.
    #[track_caller]
    pub fn names(self, fields: &[&str]) -> Self {
        let reply = self.expect(400);
        let json = reply.json();
        let errors = json["errors"].as_array().unwrap_or_else(|| panic!("no errors in {reply}"));
        let mut named: Vec<_> = errors.iter().filter_map(|error| error["field"].as_str()).collect();
        named.sort_unstable();
        let mut fields = fields.to_vec();
        fields.sort_unstable();
        assert!(named == fields, "errors about {fields:?} were expected of {reply}");
        reply
    }

    /// What a success is about.
    #[track_caller]
    pub fn data(&self) -> Value {
        let json = self.json();
        let fields = crate::app::fields(&json);
        let well_formed = self.status < 300
            && json["statusCode"] == self.status
            && json["success"] == true
            && json["message"].as_str().is_some_and(|message| !message.is_empty())
            && fields == ["data", "message", "statusCode", "success"];
        assert!(well_formed, "no enveloped success: {self}");
        json["data"].clone()
    }

    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error} in {self}"))
    }

    #[track_caller]
    pub fn message(&self) -> String {
        crate::app::text(&self.json()["message"])
    }

    /// A header's value; empty when it is not there.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// The `Set-Cookie` line for the refresh token.
    pub fn set_cookie(&self) -> Option<&str> {
        let lines = self.headers.get_all("set-cookie").iter().filter_map(|line| line.to_str().ok());
        lines.into_iter().find(|line| line.starts_with("refreshToken="))
    }

    /// The refresh token that it sets.
    #[track_caller]
    pub fn refresh_cookie(&self) -> String {
        let line = self.set_cookie().unwrap_or_else(|| panic!("no refreshToken cookie in {self}"));
        line["refreshToken=".len()..].split(';').next().unwrap_or_default().to_owned()
    }

    /// What API.md says of every reply.
    fn keeps_to_the_conventions(&self) {
        if self.is_a_proxys() {
            return;
        }
        assert!(self.status != 500, "a fault of the server: {self}");
        assert!(!self.header("x-request-id").is_empty(), "no X-Request-Id: {self}");
        if self.status < 400 || self.method == Method::HEAD {
            return;
        }
        let json = self.json();
        let well_formed = json["statusCode"] == self.status
            && json["success"] == false
            && json["message"].as_str().is_some_and(|message| !message.is_empty())
            && json["code"].as_str().is_some_and(|code| !code.is_empty())
            // A replayed failure is the first one's, byte for byte.
            && (json["requestId"] == self.header("x-request-id") || self.header("idempotency-replayed") == "true")
            && json.get("data").is_none();
        assert!(well_formed, "no enveloped failure: {self}");
        if json.get("errors").is_some() {
            assert!(matches!(self.status, 400 | 413 | 415 | 422), "errors where none belong: {self}");
        }
    }
}

impl Reply {
    /// What is hardly an address, a proxy in front of the given Echo refuses in its own words.
    pub fn is_a_proxys(&self) -> bool {
        given_address().is_some() && self.status == 400 && self.header("content-type") == "text/html"
    }
}

impl std::fmt::Display for Reply {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { method, path, status, body, line, log, .. } = self;
        let body: String = String::from_utf8_lossy(body).chars().take(2000).collect();
        write!(f, "{method} {path} → {status}, called at {line}\n{body}\n{log}")
    }
}

impl std::fmt::Debug for Reply {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Display::fmt(self, f)
    }
}

/// A file as a browser sends it.
pub fn file(bytes: Vec<u8>) -> Part {
    Part::bytes(bytes).file_name("picture.png").mime_str("image/png").unwrap()
}

/// Parts of a post, each with the number that its client gives it.
pub trait Blocks: Sized {
    fn text_block(self, i: usize, text: &str) -> Self;
    fn image_block(self, i: usize, image: Vec<u8>) -> Self;
}

impl Blocks for Form {
    fn text_block(self, i: usize, text: &str) -> Self {
        self.text(format!("content[{i}][type]"), "text").text(format!("content[{i}][value]"), text.to_owned())
    }

    fn image_block(self, i: usize, image: Vec<u8>) -> Self {
        self.text(format!("content[{i}][type]"), "image").part(format!("content[{i}][value]"), file(image))
    }
}
