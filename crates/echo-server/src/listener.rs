//! Sockets: accepting connections, under limits, and letting them end in peace.

use std::{convert::Infallible, net::SocketAddr, sync::Arc, time::Duration};

use anyhow::{Context, Result};
use axum::{
    body::Body,
    extract::{ConnectInfo, Request},
    http::{HeaderValue, header::CONNECTION},
    response::Response,
};
use echo_domain::metric::Metric;
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::{GracefulShutdown, Watcher},
};
use metrics::Gauge;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore, watch},
};
use tokio_io_timeout::TimeoutStream;
use tower::{Service, ServiceExt};

use crate::from_file::{FromFile, Sending};

/// How long a client may take to send the head of a request, and so how long an idle connection lives.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);
/// How long a client may take no byte of a reply.
const STALL: Duration = Duration::from_secs(30);
/// How long requests that run may take when everything ends.
const DRAIN: Duration = Duration::from_secs(20);
/// Connections at a time; more wait to be accepted.
const CONNECTIONS: usize = 16_384;

pub(crate) static CONNECTIONS_OPEN: Metric<1> = Metric::gauge(
    "echo_http_connections",
    ["listener"],
    "Connections that are open, idle ones too: `public` for the API, `internal` for metrics and other processes.",
);

/// Binds the address that `setting` gives.
///
/// # Errors
/// Naming the setting.
pub(crate) async fn bind(address: SocketAddr, setting: &str) -> Result<TcpListener> {
    TcpListener::bind(address).await.with_context(|| format!("cannot listen on {address} (set {setting} to another)"))
}

/// Serves `app` until `stop` becomes true; then accepts no more, and returns when what runs is done. From when `leaving`
/// becomes true, every connection is closed after its reply, so that its client goes elsewhere with the next request.
/// `name` is what its figures are called.
pub(crate) async fn serve<S>(
    name: &'static str,
    listener: TcpListener,
    app: S,
    leaving: watch::Receiver<bool>,
    mut stop: watch::Receiver<bool>,
) where
    S: Service<Request, Response = Response, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send,
{
    let open = CONNECTIONS_OPEN.level([name]);
    open.set(0);
    let graceful = GracefulShutdown::new();
    let room = Arc::new(Semaphore::new(CONNECTIONS));
    while !*stop.borrow() {
        tokio::select! {
            Ok((stream, peer, place)) = accept(&listener, &room) => {
                let place = Place::take(place, &open);
                let conversation = converse(stream, peer, app.clone(), leaving.clone(), graceful.watcher());
                tokio::spawn(async move {
                    conversation.await;
                    drop(place);
                });
            }
            _ = stop.changed() => {}
        }
    }
    drop(listener);
    if tokio::time::timeout(DRAIN, graceful.shutdown()).await.is_err() {
        tracing::warn!("some requests were cut off: they did not end in time");
    }
}

/// A connection's place among those that are open.
struct Place {
    open: Gauge,
    _permit: OwnedSemaphorePermit,
}

impl Place {
    fn take(permit: OwnedSemaphorePermit, open: &Gauge) -> Self {
        open.increment(1);
        Self { open: open.clone(), _permit: permit }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.open.decrement(1);
    }
}

async fn accept(
    listener: &TcpListener,
    room: &Arc<Semaphore>,
) -> Result<(TcpStream, SocketAddr, OwnedSemaphorePermit)> {
    let place = room.clone().acquire_owned().await?;
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => return Ok((stream, peer, place)),
            Err(error) => {
                // Out of file descriptors, most likely: others end, then there is room again.
                tracing::warn!(error = &error as &dyn std::error::Error, "cannot accept a connection for now");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

fn with_patience<S: AsyncRead + AsyncWrite>(stream: S) -> TimeoutStream<S> {
    let mut stream = TimeoutStream::new(stream);
    stream.set_write_timeout(Some(STALL));
    stream
}

/// Answers what one client asks until it goes.
async fn converse<S>(stream: TcpStream, peer: SocketAddr, app: S, leaving: watch::Receiver<bool>, watcher: Watcher)
where
    S: Service<Request, Response = Response, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send,
{
    // Replies are written whole: waiting to fill a packet only delays them.
    let _ = stream.set_nodelay(true);
    let sending = Sending::default();
    let stream = FromFile { stream, sending: sending.clone() };
    let service = service_fn(move |request: hyper::Request<Incoming>| {
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(ConnectInfo(peer));
        let (answer, sending, leaving) = (app.clone().oneshot(request), sending.clone(), leaving.clone());
        async move {
            let mut response = answer.await?;
            if *leaving.borrow() {
                response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
            }
            sending.is_now(response.extensions_mut().remove());
            Ok::<_, Infallible>(response)
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .serve_connection(TokioIo::new(Box::pin(with_patience(stream))), service);
    // What breaks a connection is the client's business: it went, or sent what is no HTTP.
    let _ = watcher.watch(connection).await;
}
