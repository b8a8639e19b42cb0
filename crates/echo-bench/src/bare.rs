//! What Echo is compared with: axum that answers one path with the same bytes, and does nothing else.
//!
//! It runs as a process of its own, with as many threads as `echod` has, and accepts and serves connections as `echod`
//! does (`echo-server/src/listener.rs`), but for the protection from clients that read nothing.

use std::{fs, io::Write, path::PathBuf, time::Duration};

use anyhow::Result;
use axum::{
    Router,
    body::{Body, Bytes},
    extract::Request,
    http::header,
    routing::get,
};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpListener;
use tower::ServiceExt;

#[derive(Debug, clap::Args)]
pub(crate) struct Bare {
    #[arg(long)]
    pub(crate) path: String,
    #[arg(long)]
    pub(crate) content_type: String,
    /// File whose bytes it answers
    #[arg(long)]
    pub(crate) body: PathBuf,
}

impl Bare {
    /// Prints where it is, and serves until it is killed.
    ///
    /// # Errors
    /// When it cannot read the file or listen.
    pub(crate) fn serve(self) -> Result<()> {
        let body = Bytes::from(fs::read(self.body)?);
        let reply = async move || ([(header::CONTENT_TYPE, self.content_type)], body);
        let app = Router::new().route(&self.path, get(reply));
        tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(accept(app))
    }
}

/// Prints where `app` is, and serves it until the process is killed.
///
/// # Errors
/// When it cannot listen.
pub(crate) async fn accept(app: Router) -> Result<()> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    writeln!(std::io::stdout(), "http://{}", listener.local_addr()?)?;
    loop {
        let (stream, _) = listener.accept().await?;
        let app = app.clone();
        tokio::spawn(async move {
            let _ = stream.set_nodelay(true);
            let service = service_fn(move |request: hyper::Request<Incoming>| {
                app.clone().oneshot(Request::map(request, Body::new))
            });
            let connection = http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(Duration::from_secs(30))
                .serve_connection(TokioIo::new(stream), service);
            // The client goes when it has what it came for.
            let _ = connection.await;
        });
    }
}
