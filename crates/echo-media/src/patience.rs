//! How long a store over the network is waited for.

use std::{future::Future, time::Duration};

use echo_domain::{BoxError, Error, Result};

/// The longest that a call to a store waits.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// For a connection.
    pub connect: Duration,
    /// For the next sign of life in a reply.
    pub answer: Duration,
    /// For the whole of a call with what is tried again in it; a reply's bytes may take longer.
    pub call: Duration,
}

impl Patience {
    /// What a request to Echo can wait for a store, and still be answered in time.
    pub const ECHO: Self =
        Self { connect: Duration::from_secs(2), answer: Duration::from_secs(5), call: Duration::from_secs(10) };

    /// What the call returns in time.
    ///
    /// # Errors
    /// Its own, or that it took too long.
    pub(crate) async fn within<T, E: Into<BoxError>>(
        self,
        call: impl Future<Output = Result<T, E>> + Send,
    ) -> Result<T, BoxError> {
        match tokio::time::timeout(self.call, call).await {
            Ok(done) => done.map_err(Into::into),
            Err(late) => Err(late.into()),
        }
    }
}

/// The store did not do it, and may do it later.
pub(crate) fn unavailable(source: impl Into<BoxError>) -> Error {
    Error::Unavailable {
        what: "the store for images",
        retry_after: Duration::from_secs(10),
        source: Some(source.into()),
    }
}

/// What lies at the bottom of an error, which says the most, in one line.
pub(crate) fn root(error: &BoxError) -> String {
    let mut root: &dyn std::error::Error = &**error;
    while let Some(deeper) = root.source() {
        root = deeper;
    }
    root.to_string().split_whitespace().collect::<Vec<_>>().join(" ")
}
