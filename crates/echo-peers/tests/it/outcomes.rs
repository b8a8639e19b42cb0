//! Errors arrive as what they were.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use echo_domain::{
    Error, FieldError, Refusal, Result, SessionId, Timestamp, UserId,
    auth::{Email, Identity, Lookup, Username},
    contract::sample,
};
use echo_peers::{RemoteLookup, Served, Service};

use crate::sockets::Neighbour;

/// A neighbour to whom everything happens that may: which, the time asked about tells.
struct Unlucky;

fn misfortunes() -> Vec<Error> {
    let refusal = || Refusal::new("some_code", "Qué \"lástima\" 🦀");
    let field = || FieldError::new("content[2].value", "must not be 🦀");
    vec![
        Error::Invalid(vec![field(), FieldError::new("name", "must be shorter")]),
        Error::Unauthenticated(refusal()),
        Error::Forbidden(refusal()),
        Error::NotFound(refusal()),
        Error::Conflict(refusal()),
        Error::TooLarge(field()),
        Error::Unsupported(field()),
        Error::StorageFull,
        Error::OverQuota(refusal()),
        Error::Unavailable {
            what: "image processing",
            retry_after: Duration::from_millis(2500),
            source: Some("the queue is full".into()),
        },
        Error::internal("a row has no author"),
    ]
}

#[async_trait]
impl Lookup for Unlucky {
    async fn account(&self, _: UserId) -> Result<Identity> {
        panic!("of which nobody has heard")
    }

    async fn rename(&self, _: UserId, _: Option<&Username>, _: Option<&Email>) -> Result<()> {
        Ok(())
    }

    async fn delete(&self, _: UserId, _: &str) -> Result<()> {
        Ok(())
    }

    async fn revoked_since(&self, which: Timestamp) -> Result<Vec<(SessionId, Timestamp)>> {
        Err(misfortunes().swap_remove(usize::try_from(which.millis()).unwrap()))
    }
}

async fn unlucky() -> (RemoteLookup, Neighbour) {
    let neighbour = Neighbour::start(Served { lookup: Some(Arc::new(Unlucky)), ..Served::default() }).await;
    (RemoteLookup(neighbour.peer(Service::Auth)), neighbour)
}

/// All that it says, with its causes.
fn told(error: &Error) -> String {
    let mut text = format!("{error}");
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

#[tokio::test]
async fn every_kind_of_error_arrives_as_it_was() {
    let (lookup, _neighbour) = unlucky().await;

    for (which, sent) in (0..).zip(misfortunes()) {
        let arrived = lookup.revoked_since(Timestamp::from_millis(which)).await.unwrap_err();

        match (&arrived, &sent) {
            (Error::Invalid(arrived), Error::Invalid(sent)) => assert_eq!(arrived, sent),
            (Error::Unauthenticated(arrived), Error::Unauthenticated(sent))
            | (Error::Forbidden(arrived), Error::Forbidden(sent))
            | (Error::NotFound(arrived), Error::NotFound(sent))
            | (Error::Conflict(arrived), Error::Conflict(sent))
            | (Error::OverQuota(arrived), Error::OverQuota(sent)) => assert_eq!(arrived, sent),
            (Error::TooLarge(arrived), Error::TooLarge(sent))
            | (Error::Unsupported(arrived), Error::Unsupported(sent)) => assert_eq!(arrived, sent),
            (Error::StorageFull, Error::StorageFull) => {}
            (
                Error::Unavailable { what, retry_after, .. },
                Error::Unavailable { what: sent_what, retry_after: sent_retry_after, .. },
            ) => {
                assert_eq!((what, retry_after), (sent_what, sent_retry_after));
                assert!(told(&arrived).contains("the queue is full"), "{}", told(&arrived));
            }
            (Error::Internal(_), Error::Internal(_)) => {
                assert_eq!(told(&arrived), "internal error: the auth service failed: a row has no author");
            }
            _ => panic!("{arrived:?} of {sent:?}"),
        }
    }
}

#[tokio::test]
async fn a_panic_is_an_internal_error_and_harms_no_other_call() {
    let (lookup, _neighbour) = unlucky().await;

    for _ in 0..10 {
        let arrived = lookup.account(sample::id()).await.unwrap_err();
        assert!(matches!(arrived, Error::Internal(_)), "{arrived:?}");
    }

    lookup.delete(sample::id(), "").await.unwrap();
}
