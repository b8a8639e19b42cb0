//! What the bench asks a server beside the load.

use anyhow::{Context, Result};
use serde_json::{Value, json};

use crate::{data, server::Server};

/// A reply's bytes, and what they are.
pub(crate) struct Reply {
    pub(crate) content_type: String,
    pub(crate) body: Vec<u8>,
}

/// # Errors
/// When the reply is no success.
pub(crate) fn get(server: &Server, path: &str, token: Option<&str>) -> Result<Reply> {
    let mut request = ureq::get(format!("{}{path}", server.url));
    if let Some(token) = token {
        request = request.header("Authorization", format!("Bearer {token}"));
    }
    let mut response = request.call().with_context(|| format!("GET {path}"))?;
    let content_type = response.headers().get("content-type").context("a reply without a type")?.to_str()?.to_owned();
    Ok(Reply { content_type, body: response.body_mut().read_to_vec()? })
}

/// Signs the first `n` people in; their access tokens.
///
/// # Errors
/// When one cannot sign in.
pub(crate) fn tokens(server: &Server, n: usize) -> Result<Vec<String>> {
    (0..n).map(|person| token(server, person)).collect()
}

/// Signs a person in.
///
/// # Errors
/// When that is refused.
pub(crate) fn token(server: &Server, person: usize) -> Result<String> {
    let url = format!("{}/api/auth/login", server.url);
    let mut response = ureq::post(url).send_json(sign_in(person)).context("signing in")?;
    let reply: Value = response.body_mut().read_json()?;
    Ok(reply["data"]["accessToken"].as_str().context("no access token")?.to_owned())
}

/// The body that signs a person in.
pub(crate) fn sign_in(person: usize) -> Value {
    json!({ "username": data::username(person), "password": data::PASSWORD })
}
