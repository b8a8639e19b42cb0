//! What gives a task or pod the keys of its role, as ECS and EKS have it.

use std::{
    io::Write,
    net::TcpListener,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    thread,
};

use axum::{
    Router,
    http::{HeaderMap, StatusCode},
    routing::get,
};
use tempfile::NamedTempFile;

const TOKEN: &str = "the pod's own token";

/// How long its keys are good.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Lasting {
    Long,
    /// They are over already, so that each request asks anew.
    No,
}

/// Whoever brings the token gets a key: first `role-1`, then `role-2`, and so on.
pub(crate) struct Giver {
    address: String,
    token: NamedTempFile,
}

impl Giver {
    /// On a thread of its own until the process ends.
    pub(crate) fn start(lasting: Lasting) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}/role", listener.local_addr().unwrap());
        let mut token = NamedTempFile::new().unwrap();
        token.write_all(TOKEN.as_bytes()).unwrap();
        thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(give(listener, lasting));
        });
        Self { address, token }
    }

    /// What the pod is told about it.
    pub(crate) fn environment(&self) -> [(&'static str, String); 2] {
        [
            ("AWS_CONTAINER_CREDENTIALS_FULL_URI", self.address.clone()),
            ("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", self.token.path().to_str().unwrap().to_owned()),
        ]
    }
}

async fn give(listener: TcpListener, lasting: Lasting) {
    listener.set_nonblocking(true).unwrap();
    let listener = tokio::net::TcpListener::from_std(listener).unwrap();
    let given = Arc::new(AtomicU32::new(0));
    let year = match lasting {
        Lasting::Long => 2999,
        Lasting::No => 2001,
    };
    let role = get(async move |headers: HeaderMap| {
        if headers.get("authorization").is_none_or(|token| token != TOKEN) {
            return Err(StatusCode::FORBIDDEN);
        }
        let n = given.fetch_add(1, Ordering::Relaxed) + 1;
        Ok(format!(
            r#"{{"AccessKeyId":"role-{n}","SecretAccessKey":"secret-{n}","Token":"session-{n}","Expiration":"{year}-01-01T00:00:00Z"}}"#
        ))
    });
    axum::serve(listener, Router::new().route("/role", role)).await.unwrap();
}
