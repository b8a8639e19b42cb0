//! A reply to a request that was not read whole must still reach a client that is sending.

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
use tokio::{runtime::Handle, sync::oneshot};

use crate::multipart::FORM_LIMIT;

/// How long the rest of a body is read that nobody wants.
const PATIENCE: Duration = Duration::from_secs(10);
/// How much of it: a form may be refused for its announced length, before any of it was read.
const LIMIT: usize = 2 * FORM_LIMIT;

/// The request, and what waits until its body has been read, up to a limit, even if nobody wants it. To close a connection on
/// unread bytes resets it, and the client may never see the reply that says why (RFC 9112 §9.6); a proxy that was replied to
/// while it sent closes the client's connection after having said that it stays open (nginx 1.22).
pub(crate) fn hear_out(request: Request) -> (Request, impl Future<Output = ()>) {
    // Who asks first (`Expect: 100-continue`) sends nothing after a refusal.
    let sends = !request.body().is_end_stream() && !request.headers().contains_key(header::EXPECT);
    let (done, read) = oneshot::channel();
    let request = match sends {
        true => request.map(|body| Body::from_stream(HeardOut(Some((body.into_data_stream(), done))))),
        false => request,
    };
    (request, async move {
        if sends {
            // An error says that the body has been read or given up.
            let _ = tokio::time::timeout(PATIENCE, read).await;
        }
    })
}

/// A body that is read to its end even if it is dropped before, and who waits for that; `None` at the end.
struct HeardOut(Option<(BodyDataStream, oneshot::Sender<()>)>);

impl Stream for HeardOut {
    type Item = Result<Bytes, axum::Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let Some((body, _)) = &mut self.0 else { return Poll::Ready(None) };
        let chunk = ready!(body.poll_next_unpin(cx));
        if !matches!(chunk, Some(Ok(_))) {
            self.0 = None;
        }
        Poll::Ready(chunk)
    }
}

impl Drop for HeardOut {
    fn drop(&mut self) {
        if let (Some((rest, done)), Ok(runtime)) = (self.0.take(), Handle::try_current()) {
            runtime.spawn(async move {
                // In vain if it takes too long: then nobody waits for it any more.
                let _ = tokio::time::timeout(PATIENCE, discard(rest)).await;
                drop(done);
            });
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
