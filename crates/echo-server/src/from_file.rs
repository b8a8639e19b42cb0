//! Sending what is in a file, too, without copying it: the kernel takes it from the file (sendfile(2)).

use std::{
    fs::File,
    io::{self, IoSlice},
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll, ready},
};

use echo_domain::media::FileCopy;
use rustix::{
    fs::sendfile,
    net::{SendFlags, send},
};
use tokio::{
    io::{AsyncRead, AsyncWrite, Interest, ReadBuf},
    net::TcpStream,
};

/// What a connection sends now that is in a file, too. hyper knows nothing of files: it is given the bytes in memory, and
/// when it writes them, they are found by where they lie. What is not found is copied, as ever.
#[derive(Clone, Default)]
pub(crate) struct Sending(Arc<Mutex<Option<FileCopy>>>);

/// A connection that takes bytes from the file that they are in.
pub(crate) struct FromFile {
    pub(crate) stream: TcpStream,
    pub(crate) sending: Sending,
}

impl Sending {
    pub(crate) fn is_now(&self, copy: Option<FileCopy>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = copy;
    }

    /// The file that these bytes are in, and from where on.
    fn find(&self, bytes: &[u8]) -> Option<(Arc<File>, u64)> {
        let sending = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let FileCopy { bytes: whole, file } = sending.as_ref()?;
        let whole = whole.as_ptr_range();
        let is_in_it = !bytes.is_empty() && whole.contains(&bytes.as_ptr()) && bytes.as_ptr_range().end <= whole.end;
        is_in_it.then(|| (file.clone(), (bytes.as_ptr().addr() - whole.start.addr()) as u64))
    }
}

impl FromFile {
    /// Writes what goes before something out of the file, with which the kernel fills the packet.
    fn poll_begin(&self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_try(cx, || send(&self.stream, bytes, SendFlags::MORE))
    }

    /// Returns 0 when the file has become shorter than it was.
    fn poll_send(&self, cx: &mut Context<'_>, file: &File, from: u64, count: usize) -> Poll<io::Result<usize>> {
        self.poll_try(cx, || {
            let mut from = from;
            sendfile(&self.stream, file, Some(&mut from), count)
        })
    }

    fn poll_try(&self, cx: &mut Context<'_>, write: impl Fn() -> rustix::io::Result<usize>) -> Poll<io::Result<usize>> {
        loop {
            ready!(self.stream.poll_write_ready(cx))?;
            match self.stream.try_io(Interest::WRITABLE, || write().map_err(io::Error::from)) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                written => return Poll::Ready(written),
            }
        }
    }
}

impl AsyncWrite for FromFile {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if let Some((file, from)) = parts.first().and_then(|part| self.sending.find(part)) {
            let sent = ready!(self.poll_send(cx, &file, from, parts[0].len()))?;
            if sent > 0 {
                return Poll::Ready(Ok(sent));
            }
            self.sending.is_now(None);
        }
        let copied = parts.iter().take_while(|part| self.sending.find(part).is_none()).count();
        if copied == 1 && parts.len() > 1 {
            return self.poll_begin(cx, &parts[0]);
        }
        Pin::new(&mut self.stream).poll_write_vectored(cx, &parts[..copied])
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

impl AsyncRead for FromFile {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, into)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use bytes::Bytes;
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::TcpListener,
    };

    use super::*;

    async fn pair() -> (FromFile, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (stream, _) = listener.accept().await.unwrap();
        (FromFile { stream, sending: Sending::default() }, client)
    }

    /// In the file, everything is another letter than in memory: so it shows where bytes came from.
    fn copy(length: usize) -> FileCopy {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&vec![b'f'; length]).unwrap();
        FileCopy { bytes: vec![b'm'; length].into(), file: Arc::new(file) }
    }

    /// What arrives of these parts.
    async fn sent(mut from: FromFile, mut client: TcpStream, parts: &[Bytes]) -> String {
        let mut received = String::new();
        let send = async {
            let mut parts = parts.to_vec();
            while !parts.is_empty() {
                let slices: Vec<_> = parts.iter().map(|part| IoSlice::new(part)).collect();
                let mut sent = from.write_vectored(&slices).await.unwrap();
                assert!(sent > 0);
                while let Some(part) = parts.first_mut().filter(|_| sent > 0) {
                    let of_it = sent.min(part.len());
                    drop(part.split_to(of_it));
                    sent -= of_it;
                    parts.retain(|part| !part.is_empty());
                }
            }
            from.shutdown().await.unwrap();
        };
        tokio::join!(send, async { client.read_to_string(&mut received).await.unwrap() });
        received
    }

    #[tokio::test]
    async fn what_is_in_the_file_is_taken_from_it_and_all_else_from_memory() {
        let (from, client) = pair().await;
        let copy = copy(3_000_000);
        from.sending.is_now(Some(copy.clone()));

        let part = copy.bytes.slice(1000..2_500_000);
        let received = sent(from, client, &["head ".into(), part.clone(), " tail".into()]).await;

        assert_eq!(received, format!("head {} tail", "f".repeat(part.len())));
    }

    #[tokio::test]
    async fn what_the_file_has_no_more_is_taken_from_memory() {
        let (from, client) = pair().await;
        let copy = copy(300);
        copy.file.set_len(100).unwrap();
        from.sending.is_now(Some(copy.clone()));

        let received = sent(from, client, &[copy.bytes]).await;

        assert_eq!(received, format!("{}{}", "f".repeat(100), "m".repeat(200)));
    }

    #[tokio::test]
    async fn what_was_sent_before_is_not_found_any_more() {
        let (from, client) = pair().await;
        let (before, now) = (copy(300), copy(200));
        from.sending.is_now(Some(before.clone()));
        from.sending.is_now(Some(now));

        assert_eq!(sent(from, client, &[before.bytes]).await, "m".repeat(300));
    }
}
