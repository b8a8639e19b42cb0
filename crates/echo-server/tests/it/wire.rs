//! HTTP by hand, for requests that no client library would send.

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::{Duration, timeout},
};

use crate::app::TestApp;

/// How long a reply may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// Sends these bytes, then nothing more, and returns the status line's number; `None` when the server hangs up without one.
pub async fn send(app: &TestApp, request: &[u8]) -> Option<u16> {
    let mut stream = connect(app).await;
    // A server that has read enough may close while this is still being written.
    let written = stream.write_all(request).await.is_ok() && stream.shutdown().await.is_ok();
    status(stream, written).await
}

/// Sends a request's head, and waits until the server has let it in and wants its body, of `length` bytes.
pub async fn begin(app: &TestApp, head: &str, length: usize) -> TcpStream {
    let mut stream = connect(app).await;
    let fields = format!("Host: echo\r\nConnection: close\r\nContent-Length: {length}\r\nExpect: 100-continue");
    stream.write_all(format!("{head}\r\n{fields}\r\n\r\n").as_bytes()).await.unwrap();
    let mut wanted = *b"HTTP/1.1 100 Continue\r\n\r\n";
    timeout(PATIENCE, stream.read_exact(&mut wanted)).await.unwrap().unwrap();
    assert!(wanted.starts_with(b"HTTP/1.1 100 "), "{}", String::from_utf8_lossy(&wanted));
    stream
}

/// Sends the body, and returns what [`send`] does.
pub async fn finish(mut stream: TcpStream, body: &[u8]) -> Option<u16> {
    let written = stream.write_all(body).await.is_ok();
    status(stream, written).await
}

async fn status(mut stream: TcpStream, written: bool) -> Option<u16> {
    let mut reply = Vec::new();
    let read = timeout(PATIENCE, stream.read_to_end(&mut reply)).await;
    assert!(read.is_ok(), "the server neither answers nor hangs up (request written: {written})");
    let line = String::from_utf8_lossy(&reply);
    line.strip_prefix("HTTP/1.1 ")?.get(..3)?.parse().ok()
}

async fn connect(app: &TestApp) -> TcpStream {
    let address = app.address();
    TcpStream::connect(address.strip_prefix("http://").unwrap()).await.unwrap()
}

/// A request's head and body with a length that fits.
pub fn request(head: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let mut bytes =
        format!("{head}\r\nHost: echo\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n").into_bytes();
    bytes.extend_from_slice(body);
    bytes
}
