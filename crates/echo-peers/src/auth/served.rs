//! Answering for the auth service.

use std::sync::Arc;

use axum::Router;
use echo_domain::auth::{Email, Lookup, Username};

use crate::serve::answer;

use super::{Delete, FindAccount, Rename, RevokedSince};

pub(crate) fn routes(lookup: &Arc<dyn Lookup>) -> Router {
    Router::new()
        .merge(answer(
            lookup,
            |lookup, call: FindAccount| async move { Ok(lookup.account(call.account).await?.into()) },
        ))
        .merge(answer(lookup, |lookup, Rename { account, username, email }| async move {
            // Parsed where they come from.
            let (username, email) = (username.map(Username::from_store), email.map(Email::from_store));
            lookup.rename(account, username.as_ref(), email.as_ref()).await
        }))
        .merge(answer(lookup, |lookup, call: Delete| async move { lookup.delete(call.account, &call.password).await }))
        .merge(answer(lookup, |lookup, call: RevokedSince| async move { lookup.revoked_since(call.since).await }))
}
