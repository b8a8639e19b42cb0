//! One neighbour: connections to it, and how it is asked.

use std::time::{Duration, Instant as Started};

use axum::http::{HeaderValue, Method, Request, Response, StatusCode, Uri, header, request};
use bytes::Bytes;
use echo_domain::{
    BoxError, Errand, Error, Result,
    trace::{self, Trace},
};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::{TokioExecutor, TokioTimer},
};
use tokio::time::{Instant, timeout};
use tracing::{Instrument, field::Empty};

use crate::{
    breaker::{Breaker, Pass},
    call::{Call, Manner},
    failure::{BadAddress, Failure, Misunderstood, NotAsked},
    fields,
    figures::Figures,
    outcome::ErrorBody,
    pace,
    token::ServiceToken,
};

/// Which neighbour it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Service {
    Auth,
    Users,
    Posts,
    Media,
}

impl Service {
    /// As errors and logs name it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Auth => "the auth service",
            Self::Users => "the users service",
            Self::Posts => "the posts service",
            Self::Media => "the media service",
        }
    }

    /// As figures name it.
    const fn label(self) -> &'static str {
        match self {
            Self::Auth => "auth",
            Self::Users => "users",
            Self::Posts => "posts",
            Self::Media => "media",
        }
    }
}

/// Asks one neighbour over HTTP/1.1, on connections that are kept.
///
/// A call takes no longer than what asked for it may ([`Errand::deadline`]). What may be done twice is tried up to four
/// times, with growing pauses of random length; the rest only as long as it cannot have been heard. After five failures
/// in a row nobody asks for a while, of up to four seconds, but for one who sees whether it is back.
///
/// # Errors
/// Those that the neighbour had. [`Error::Unavailable`] with its name when it did not answer; [`Error::Internal`] when it
/// answered something that no neighbour says.
#[derive(Debug)]
pub struct Peer {
    service: Service,
    /// Without a slash at its end.
    address: String,
    authorization: HeaderValue,
    client: Client<HttpConnector, Full<Bytes>>,
    breaker: Breaker,
    figures: Figures,
}

/// A call as it goes over the wire.
#[derive(Debug, Clone)]
pub(crate) struct Letter {
    pub(crate) manner: Manner,
    /// Arguments beside the body; may be empty.
    pub(crate) query: String,
    pub(crate) body: Bytes,
}

impl Peer {
    /// How long a connection may take to be made.
    const CONNECT: Duration = Duration::from_secs(1);
    /// How long calls may take that nobody waits for.
    const UNHURRIED: Duration = Duration::from_secs(20);
    /// Shorter than a neighbour goes on before it stops, where `STOP_DELAY` is as in what is shipped.
    const IDLE: Duration = Duration::from_secs(3);
    const IDLE_CONNECTIONS: usize = 128;
    /// The longest answer, in bytes, but for blobs.
    const LONGEST: usize = 16 << 20;
    /// When a neighbour that did not answer is worth asking again.
    const RETRY_AFTER: Duration = Duration::from_secs(1);

    /// `address` is that of its internal listener: `http://host:port`.
    ///
    /// # Errors
    /// When it is not.
    pub fn new(service: Service, address: &str, token: &ServiceToken) -> Result<Self, BadAddress> {
        let bad = || BadAddress(address.to_owned());
        let uri: Uri = address.parse().map_err(|_| bad())?;
        let rest = uri.path_and_query().map_or("", |rest| rest.as_str());
        if uri.scheme_str() != Some("http") || uri.host().is_none_or(str::is_empty) || !["", "/"].contains(&rest) {
            return Err(bad());
        }
        let mut connector = HttpConnector::new();
        connector.set_connect_timeout(Some(Self::CONNECT));
        connector.set_nodelay(true);
        connector.set_keepalive(Some(Self::IDLE));
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(Self::IDLE)
            .pool_max_idle_per_host(Self::IDLE_CONNECTIONS)
            .build(connector);
        Ok(Self {
            service,
            address: address.trim_end_matches('/').to_owned(),
            authorization: token.header(),
            client,
            breaker: Breaker::default(),
            figures: Figures::of(service.label()),
        })
    }

    /// Whether the neighbour answers, and lets Echo in; asked whatever came of calls before.
    ///
    /// # Errors
    /// When it does not.
    pub async fn check(&self) -> Result<()> {
        let manner = Manner::quick("/internal/check").within(Self::CONNECT);
        let letter = Letter { manner, query: String::new(), body: Bytes::new() };
        let answer =
            async { self.whole(self.exchange(&letter, &Errand::current(), Self::CONNECT).await?, manner).await };
        let answer = timeout(Self::CONNECT, answer).await.unwrap_or(Err(Failure::Late(Self::CONNECT)));
        answer.map_err(|failure| self.unavailable(failure, Self::RETRY_AFTER))?.map(drop)
    }

    /// # Errors
    /// As [`Peer`] says.
    pub(crate) async fn call<C: Call>(&self, call: &C) -> Result<C::Answer> {
        let body = serde_json::to_vec(call).map_err(Error::internal)?;
        let answer: Bytes = self.ask(Letter { manner: C::MANNER, query: String::new(), body: body.into() }).await?;
        self.read(&answer, C::MANNER)
    }

    /// # Errors
    /// [`Error::Internal`] when it is not what such a call is answered with.
    pub(crate) fn read<T: serde::de::DeserializeOwned>(&self, answer: &[u8], manner: Manner) -> Result<T> {
        serde_json::from_slice(answer).map_err(|error| self.unreadable(manner, error))
    }

    pub(crate) fn unreadable(&self, manner: Manner, error: impl Into<BoxError>) -> Error {
        let (who, path) = (self.service.name(), manner.path.to_owned());
        Error::internal(Misunderstood::Unreadable { who, path, source: error.into() })
    }

    /// What it answers: the bytes, or the head of it with a body that is still to come.
    ///
    /// # Errors
    /// As [`Peer`] says.
    pub(crate) async fn ask<T: Answer>(&self, letter: Letter) -> Result<T> {
        let started = Started::now();
        let span = tracing::debug_span!(
            target: trace::TARGET,
            "call",
            otel.name = format!("POST {}", letter.manner.path),
            otel.kind = "client",
            http.request.method = "POST",
            url.template = letter.manner.path,
            peer.service = self.service.name(),
            otel.status_code = Empty,
            "error.type" = Empty,
        );
        let outcome = self.insist(&letter).instrument(span.clone()).await;
        trace::note(&span, &outcome);
        self.figures.called(letter.manner.path, started.elapsed(), &outcome);
        outcome
    }

    /// Tries until there is an answer, as often as may be.
    async fn insist<T: Answer>(&self, letter: &Letter) -> Result<T> {
        let errand = Errand::current();
        let deadline = errand.deadline.unwrap_or_else(|| Instant::now() + Self::UNHURRIED);
        let mut tries = 0;
        loop {
            let failure = match self.attempt(letter, &errand, deadline).await {
                Ok(answer) => return answer,
                Err(Refused::Failure(failure)) => failure,
                Err(Refused::NotAsked(reason)) => return Err(self.not_asked(reason)),
            };
            tries += 1;
            let may_again = letter.manner.repeatable || failure.is_unheard();
            let pause = pace::pause(tries);
            if !may_again || tries == pace::TRIES || Instant::now() + pause >= deadline {
                return Err(self.unavailable(failure, Self::RETRY_AFTER));
            }
            self.tell_again(letter.manner, &failure);
            tokio::time::sleep(pause).await;
        }
    }

    async fn attempt<T: Answer>(
        &self,
        letter: &Letter,
        errand: &Errand,
        deadline: Instant,
    ) -> Result<Result<T>, Refused> {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(NotAsked::TooLate.into());
        }
        let pass = self.breaker.admit().map_err(NotAsked::GivenUp)?;
        let within = left.min(letter.manner.patience);
        let answer = async { T::take(self, self.exchange(letter, errand, within).await?, letter.manner).await };
        let failure = match timeout(within, answer).await {
            Ok(Ok(answer)) => {
                self.answered(pass);
                return Ok(answer);
            }
            Ok(Err(failure)) => failure,
            // Whoever asked was in a hurry: that says nothing of the neighbour.
            Err(_) if within < letter.manner.patience => return Err(Failure::Late(within).into()),
            Err(_) => Failure::Late(within),
        };
        self.failed(pass, &failure);
        Err(failure.into())
    }

    async fn exchange(
        &self,
        letter: &Letter,
        errand: &Errand,
        within: Duration,
    ) -> Result<Response<Incoming>, Failure> {
        let request = self.address(letter, errand, within).map_err(|error| Failure::Broken(error.into()))?;
        self.client.request(request).await.map_err(|error| {
            if error.is_connect() { Failure::Unreachable(error.into()) } else { Failure::Broken(error.into()) }
        })
    }

    fn address(
        &self,
        Letter { manner, query, body }: &Letter,
        errand: &Errand,
        within: Duration,
    ) -> Result<Request<Full<Bytes>>, axum::http::Error> {
        let mark = if query.is_empty() { "" } else { "?" };
        let within = u64::try_from(within.as_millis()).unwrap_or(u64::MAX);
        let request = Request::builder()
            .method(Method::POST)
            .uri(format!("{}{}{mark}{query}", self.address, manner.path))
            .header(header::AUTHORIZATION, self.authorization.clone())
            .header(fields::DEADLINE, within);
        carry(request, errand).body(Full::new(body.clone()))
    }

    /// The body of an answer, or the error that it is.
    async fn whole(&self, response: Response<Incoming>, manner: Manner) -> Result<Result<Bytes>, Failure> {
        let status = response.status();
        let body = match Limited::new(response.into_body(), Self::LONGEST).collect().await {
            Ok(body) => body.to_bytes(),
            Err(error) if error.is::<LengthLimitError>() => return Ok(Err(self.unreadable(manner, error))),
            Err(error) => return Err(Failure::Broken(error)),
        };
        if status.is_success() {
            return Ok(Ok(body));
        }
        if let Ok(error) = serde_json::from_slice::<ErrorBody>(&body) {
            return Ok(Err(error.into_error(self.service.name())));
        }
        if status.is_server_error() {
            return Err(Failure::Faulty(status));
        }
        Ok(Err(self.refused(manner, status)))
    }

    fn refused(&self, manner: Manner, status: StatusCode) -> Error {
        let (who, path) = (self.service.name(), manner.path.to_owned());
        Error::internal(Misunderstood::Refused { who, path, status })
    }

    fn answered(&self, pass: Pass<'_>) {
        if pass.answered() {
            self.figures.is_up(true);
            tracing::info!(peer = self.service.name(), "a neighbour is back");
        }
    }

    fn failed(&self, pass: Pass<'_>, failure: &Failure) {
        if pass.failed() {
            self.figures.is_up(false);
            let error = failure as &dyn std::error::Error;
            tracing::warn!(peer = self.service.name(), error, "a neighbour does not answer, and is left alone for now");
        }
    }

    fn tell_again(&self, manner: Manner, failure: &Failure) {
        self.figures.retries.increment(1);
        let error = failure as &dyn std::error::Error;
        tracing::debug!(peer = self.service.name(), call = manner.path, error, "a neighbour is asked again");
    }

    fn not_asked(&self, reason: NotAsked) -> Error {
        let retry_after = match &reason {
            NotAsked::GivenUp(left) => (*left).max(Self::RETRY_AFTER),
            NotAsked::TooLate => Self::RETRY_AFTER,
        };
        self.unavailable(reason, retry_after)
    }

    fn unavailable(&self, source: impl Into<BoxError>, retry_after: Duration) -> Error {
        Error::Unavailable { what: self.service.name(), retry_after, source: Some(source.into()) }
    }
}

/// What a call may be answered with.
pub(crate) trait Answer: Sized + Send {
    /// Takes it out of a response, or the error that is in there.
    fn take(
        peer: &Peer,
        response: Response<Incoming>,
        manner: Manner,
    ) -> impl Future<Output = Result<Result<Self>, Failure>> + Send;
}

impl Answer for Bytes {
    async fn take(peer: &Peer, response: Response<Incoming>, manner: Manner) -> Result<Result<Self>, Failure> {
        peer.whole(response, manner).await
    }
}

impl Answer for Response<Incoming> {
    async fn take(peer: &Peer, response: Self, manner: Manner) -> Result<Result<Self>, Failure> {
        if response.status().is_success() {
            return Ok(Ok(response));
        }
        let told = peer.whole(response, manner).await?;
        Ok(told.and_then(|_| Err(Error::internal("a failure that succeeded"))))
    }
}

/// Why one try brought nothing.
enum Refused {
    Failure(Failure),
    NotAsked(NotAsked),
}

impl From<Failure> for Refused {
    fn from(failure: Failure) -> Self {
        Self::Failure(failure)
    }
}

impl From<NotAsked> for Refused {
    fn from(reason: NotAsked) -> Self {
        Self::NotAsked(reason)
    }
}

/// Puts whose request it is to a call, and where in its trace it is made.
fn carry(mut request: request::Builder, errand: &Errand) -> request::Builder {
    if !errand.request.is_empty() {
        request = request.header(fields::REQUEST_ID, &*errand.request);
    }
    let Some(trace) = Trace::here() else { return request };
    request = request.header(fields::TRACE, trace.to_string());
    match trace.state() {
        state if state.is_empty() => request,
        state => request.header(fields::TRACE_STATE, state),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_host_and_nothing_else() {
        let token = ServiceToken::new(&"x".repeat(32)).unwrap();
        let taken = |address| Peer::new(Service::Users, address, &token).is_ok();

        for address in ["http://users:9000", "http://10.0.0.7:9000/", "http://[::1]:9000"] {
            assert!(taken(address), "{address}");
        }
        for address in ["", "users:9000", "https://users:9000", "http://users:9000/internal", "http://", "/users"] {
            assert!(!taken(address), "{address}");
        }
    }
}
