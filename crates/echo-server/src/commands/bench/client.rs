//! A client of Echo: connections that send one request after the other.

use std::{net::SocketAddr, time::Duration};

use anyhow::{Context, Result, ensure};
use axum::http::{Method, Request, StatusCode, header};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::{net::TcpStream, time::timeout};

/// How long a reply may take: longer than Echo gives itself.
const PATIENCE: Duration = Duration::from_secs(70);

/// A request, as often as it is wanted.
pub(super) type Call = Request<Full<Bytes>>;

pub(super) fn call(
    method: Method,
    path: &str,
    token: Option<&str>,
    kind: &str,
    body: impl Into<Bytes>,
) -> Result<Call> {
    let mut call = Request::builder().method(method).uri(path).header(header::HOST, "localhost");
    if let Some(token) = token {
        call = call.header(header::AUTHORIZATION, format!("Bearer {token}"));
    }
    if !kind.is_empty() {
        call = call.header(header::CONTENT_TYPE, kind);
    }
    Ok(call.body(Full::new(body.into()))?)
}

pub(super) fn get(path: &str, token: Option<&str>) -> Result<Call> {
    call(Method::GET, path, token, "", Bytes::new())
}

/// One connection. Its socket is closed when this is dropped.
pub(super) struct Connection(SendRequest<Full<Bytes>>);

impl Connection {
    /// # Errors
    /// When nobody listens there.
    pub(super) async fn open(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(address).await.with_context(|| format!("no Echo answers at {address}"))?;
        stream.set_nodelay(true)?;
        let (sender, connection) = handshake(TokioIo::new(stream)).await?;
        // How it ended, the next request tells.
        tokio::spawn(async { drop(connection.await) });
        Ok(Self(sender))
    }

    /// Sends a request and waits for all of the reply.
    ///
    /// # Errors
    /// When none comes in time, or the connection breaks; then it is of no use any more.
    pub(super) async fn send(&mut self, call: &Call) -> Result<(StatusCode, Bytes)> {
        let reply = async {
            self.0.ready().await?;
            let (head, body) = self.0.send_request(call.clone()).await?.into_parts();
            Ok((head.status, body.collect().await?.to_bytes()))
        };
        timeout(PATIENCE, reply).await.context("no reply came in time")?
    }

    /// What a successful reply tells.
    ///
    /// # Errors
    /// As [`Self::send`], or when it is none.
    pub(super) async fn data(&mut self, call: &Call) -> Result<Value> {
        let (status, body) = self.send(call).await?;
        let path = call.uri().path();
        ensure!(status.is_success(), "{path} answers {status}: {}", String::from_utf8_lossy(&body));
        Ok(serde_json::from_slice::<Value>(&body).with_context(|| format!("{path} answers no JSON"))?["data"].take())
    }
}
