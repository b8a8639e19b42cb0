//! An Echo that stories are told to, and the people in it.

use std::{
    collections::hash_map::RandomState,
    hash::BuildHasher,
    ops::Deref,
    sync::{
        Arc, LazyLock, OnceLock, RwLock,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};

use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    client::{Client, Reply},
    echod::{Log, SharedServer},
};

/// Everyone's password, unless a story is about passwords.
pub const PASSWORD: &str = "seven green herons";

/// An Echo at an address. Clones are the same one.
#[derive(Clone)]
pub struct TestApp {
    /// `http://host:port`; another one after a restart.
    address: Arc<RwLock<String>>,
    http: reqwest::Client,
    /// What the server printed, when it is ours.
    pub log: Log,
}

impl TestApp {
    /// The Echo that all stories share: at `ECHO_TEST_URL`, else a process that lives as long as this one.
    #[expect(clippy::unused_async, reason = "reads like everything else in a story")]
    pub async fn start() -> Self {
        static SHARED: OnceLock<SharedServer> = OnceLock::new();
        if let Some(url) = given_address() {
            return Self::at(url, Log::default());
        }
        let server = SHARED.get_or_init(SharedServer::start);
        Self::at(&server.address, server.log.clone())
    }

    pub fn at(address: &str, log: Log) -> Self {
        let http = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(Duration::from_secs(60))
            // The server closes what is idle for 30 s; a request sent at that moment would get no reply.
            .pool_idle_timeout(Duration::from_secs(15))
            .build()
            .unwrap();
        Self { address: Arc::new(RwLock::new(address.trim_end_matches('/').to_owned())), http, log }
    }

    pub fn moved_to(&self, address: &str) {
        *self.address.write().unwrap() = address.to_owned();
    }

    pub fn address(&self) -> String {
        self.address.read().unwrap().clone()
    }

    /// `path` at this server. What links to this machine is this server's, whatever name and port the link was made with.
    pub fn url(&self, path: &str) -> String {
        for host in ["http://localhost:", "http://127.0.0.1:"] {
            if let Some(rest) = path.strip_prefix(host) {
                return self.address() + rest.find('/').map_or("", |start| &rest[start..]);
            }
        }
        if path.starts_with("http") { path.to_owned() } else { self.address() + path }
    }

    /// The page of figures, which only the inside sees: where the server said that it is.
    pub async fn figures(&self) -> String {
        let lines = self.log.lines();
        let page = lines.iter().find_map(|line| line.trim().strip_prefix("Metrics "));
        let page = page.unwrap_or_else(|| panic!("no word of metrics in {lines:?}"));
        self.http.get(page).send().await.unwrap().text().await.unwrap()
    }

    pub fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        self.http.request(method, self.url(path))
    }

    pub fn anonymous(&self) -> Client {
        self.bearing(None)
    }

    /// Somebody who shows `token`, whatever it is.
    pub fn bearing(&self, token: Option<&str>) -> Client {
        Client { app: self.clone(), token: token.map(str::to_owned) }
    }

    /// Somebody new called something like `name`, signed in.
    pub async fn sign_up(&self, name: &str) -> Person {
        let username = unique(name);
        let email = format!("{username}@example.com");
        let form = json!({"name": name, "username": username, "email": email, "password": PASSWORD});
        self.anonymous().post("/api/auth/signup").json(form).await.expect(201);
        self.log_in(&username, PASSWORD).await
    }

    /// A new session, as a mobile app opens it.
    pub async fn log_in(&self, username: &str, password: &str) -> Person {
        let form = json!({"username": username, "password": password, "cookie": false});
        let data = self.anonymous().post("/api/auth/login").json(form).await.expect(200).data();
        Person {
            id: text(&data["_id"]),
            username: text(&data["username"]),
            email: text(&data["email"]),
            refresh_token: text(&data["refreshToken"]),
            client: self.bearing(Some(&text(&data["accessToken"]))),
        }
    }
}

/// Somebody with an account, in one session of theirs. What a client can do, they do signed in.
#[derive(Clone)]
pub struct Person {
    pub id: String,
    pub username: String,
    pub email: String,
    pub refresh_token: String,
    client: Client,
}

impl Deref for Person {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.client
    }
}

impl Person {
    pub fn token(&self) -> &str {
        self.client.token.as_deref().unwrap()
    }

    pub fn path(&self) -> String {
        format!("/api/users/{}", self.id)
    }

    /// Publishes one block of text.
    pub async fn publish(&self, text: &str) -> Post {
        let body = json!({"content": [{"type": "text", "value": text}]});
        Post::from(&self.post("/api/posts").json(body).await.expect(201).data())
    }

    /// Uploads an image that no post shows yet.
    pub async fn upload(&self, image: Vec<u8>) -> Value {
        let form = reqwest::multipart::Form::new().part("file", crate::client::file(image));
        self.post("/api/media").form(form).await.expect(201).data()
    }

    pub async fn like(&self, post: &Post) {
        self.put(&post.at("like")).await.expect(200);
    }

    pub async fn comment(&self, post: &Post, content: &str) {
        self.patch(&post.at("comment")).json(json!({"content": content})).await.expect(200);
    }

    pub async fn follow(&self, other: &Self) {
        self.patch(&format!("{}/follow", other.path())).await.expect(200);
    }
}

impl Client {
    /// A post as this client sees it.
    pub async fn view(&self, post: &Post) -> Value {
        self.get(&post.path()).await.expect(200).data()
    }

    /// What is in `list` at `path`, page by page, until a page says that it is the last or `enough` is true of it.
    pub async fn walk(&self, path: &str, limit: usize, mut enough: impl FnMut(&[Value]) -> bool) -> Vec<Value> {
        let mut all = Vec::new();
        let mut cursor = String::new();
        loop {
            let page = self.get(&format!("{path}?limit={limit}{cursor}")).await.expect(200).data();
            let items = page["items"].as_array().unwrap_or_else(|| panic!("{path}: no items in {page}"));
            assert!(items.len() <= limit, "{path}: a page of {} where {limit} were asked for", items.len());
            all.extend_from_slice(items);
            match page["nextCursor"].as_str() {
                Some(next) if !enough(items) => cursor = format!("&cursor={next}"),
                Some(_) => return all,
                None => {
                    assert!(page["nextCursor"].is_null(), "{path}: {page}");
                    return all;
                }
            }
        }
    }
}

/// A post that was published.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Post {
    pub id: String,
}

impl From<&Value> for Post {
    fn from(body: &Value) -> Self {
        Self { id: text(&body["_id"]) }
    }
}

impl Post {
    pub fn path(&self) -> String {
        format!("/api/posts/{}", self.id)
    }

    /// What belongs to it: `/api/posts/…/like`.
    pub fn at(&self, part: &str) -> String {
        format!("/api/posts/{}/{part}", self.id)
    }
}

/// `name` made into a username that nobody has, on whatever server, however often the tests run there.
pub fn unique(name: &str) -> String {
    static RUN: LazyLock<u64> = LazyLock::new(|| RandomState::new().hash_one("run") & 0xff_ffff_ffff);
    static COUNT: AtomicU32 = AtomicU32::new(0);
    format!("{name}_{:x}{:x}", *RUN, 0x100 + COUNT.fetch_add(1, Ordering::Relaxed))
}

/// Does the same thing `times` times at once.
pub async fn together<F: Future<Output = Reply>>(times: usize, request: impl Fn(usize) -> F) -> Vec<Reply> {
    join_all((0..times).map(request)).await
}

/// Waits for what happens by event, `within` a time; fails after it, saying `what` did not happen.
pub async fn eventually(what: &str, within: Duration, mut happened: impl AsyncFnMut() -> bool) {
    let deadline = Instant::now() + within;
    while !happened().await {
        assert!(Instant::now() < deadline, "not within {within:?}: {what}");
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
}

/// The text that `value` must be.
#[track_caller]
pub fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("a text was expected here: {value}")).to_owned()
}

/// The `_id` of each.
#[track_caller]
pub fn ids(list: &Value) -> Vec<String> {
    list.as_array()
        .unwrap_or_else(|| panic!("a list was expected here: {list}"))
        .iter()
        .map(|it| text(&it["_id"]))
        .collect()
}

/// The names of the fields of an object, sorted.
#[track_caller]
pub fn fields(object: &Value) -> Vec<String> {
    let mut fields: Vec<_> =
        object.as_object().unwrap_or_else(|| panic!("no object: {object}")).keys().cloned().collect();
    fields.sort();
    fields
}

/// What `ECHO_TEST_URL` says.
pub fn given_address() -> Option<&'static str> {
    static GIVEN: OnceLock<Option<String>> = OnceLock::new();
    #[expect(clippy::disallowed_methods, reason = "the tests' own setting, no server's")]
    GIVEN.get_or_init(|| std::env::var("ECHO_TEST_URL").ok()).as_deref()
}
