//! A reply that does not wait for the whole request must still reach a client that is sending.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use axum::{
    body::{Body, BodyDataStream, Bytes, HttpBody},
    extract::Request,
    http::header,
};
use futures_util::{Stream, StreamExt};
use tokio::runtime::Handle;

use crate::multipart::FORM_LIMIT;

/// How long the rest of a body is read that nobody wants.
const PATIENCE: Duration = Duration::from_secs(10);
/// How much of it: a form may be refused for its announced length, before any of it was read.
const LIMIT: usize = 2 * FORM_LIMIT;

/// The request, whose body is read on, up to a limit, when it is refused while the client still sends. To close a connection
/// on unread bytes resets it, and the client may never see the reply that says why (RFC 9112 §9.6).
pub(crate) fn hear_out(request: Request) -> Request {
    // Who asks first (`Expect: 100-continue`) sends nothing after a refusal.
    if request.body().is_end_stream() || request.headers().contains_key(header::EXPECT) {
        return request;
    }
    request.map(|body| Body::from_stream(HeardOut(Some(body.into_data_stream()))))
}

/// A body that is read to its end even if it is dropped before; `None` at the end.
struct HeardOut(Option<BodyDataStream>);

impl Stream for HeardOut {
    type Item = Result<Bytes, axum::Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let Some(body) = &mut self.0 else { return Poll::Ready(None) };
        let chunk = ready!(body.poll_next_unpin(cx));
        if !matches!(chunk, Some(Ok(_))) {
            self.0 = None;
        }
        Poll::Ready(chunk)
    }
}

impl Drop for HeardOut {
    fn drop(&mut self) {
        if let (Some(rest), Ok(runtime)) = (self.0.take(), Handle::try_current()) {
            runtime.spawn(tokio::time::timeout(PATIENCE, discard(rest)));
        }
    }
}

async fn discard(mut rest: BodyDataStream) {
    let mut read = 0;
    while let Some(Ok(chunk)) = rest.next().await {
        read += chunk.len();
        if read > LIMIT {
            return;
        }
    }
}
