//! HTTP by hand, for requests that no client library would send.

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::{Duration, timeout},
};

use crate::app::TestApp;

/// Sends these bytes, then nothing more, and returns the status line's number; `None` when the server hangs up without one.
pub async fn send(app: &TestApp, request: &[u8]) -> Option<u16> {
    let address = app.address();
    let address = address.strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(address).await.unwrap();
    // A server that has read enough may close while this is still being written.
    let written = stream.write_all(request).await.is_ok() && stream.shutdown().await.is_ok();
    let mut reply = Vec::new();
    let read = timeout(Duration::from_secs(30), stream.read_to_end(&mut reply)).await;
    assert!(read.is_ok(), "the server neither answers nor hangs up (request written: {written})");
    let line = String::from_utf8_lossy(&reply);
    line.strip_prefix("HTTP/1.1 ")?.get(..3)?.parse().ok()
}

/// A request's head and body with a length that fits.
pub fn request(head: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let mut bytes =
        format!("{head}\r\nHost: echo\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n").into_bytes();
    bytes.extend_from_slice(body);
    bytes
}
