//! The auth area: who lets people in.

use std::sync::Arc;

use anyhow::{Context, Result};
use echo_crypto::{PasswordThreads, RefreshSigner};
use echo_domain::auth::{self, AuthService, CachedAccounts, PasswordHasher};
use echo_http::{AuthApi, Cookies};

use super::{Base, CACHE, Front, cores, neighbours::Neighbours};

/// Sign-ins that wait for a thread: with two threads and 25 ms each, the last waits about 6 s.
const PASSWORD_QUEUE: usize = 512;

/// Puts the area together, and tells its neighbours.
///
/// # Errors
/// When threads are not to be had.
pub(super) fn service(base: &mut Base, neighbours: &mut Neighbours) -> Result<Arc<AuthService>> {
    let (clock, others) = (base.clock.clone(), base.shared.others.clone());
    let kept = base.records.accounts()?;
    let accounts = Arc::new(CachedAccounts::new(kept, CACHE / 16, clock.clone(), others.clone()));
    base.hears.push(accounts.clone());
    let auth = Arc::new(AuthService::new(auth::Parts {
        accounts,
        sessions: base.records.sessions()?,
        directory: neighbours.directory()?,
        passwords: passwords()?,
        gate: base.gate.clone(),
        refresh: Arc::new(RefreshSigner::new(base.keys.derive("refresh tokens"))),
        clock,
        others,
    }));
    neighbours.lookup = Some(auth.clone());
    neighbours.kept_lookup = Some(auth.clone());
    Ok(auth)
}

/// Its routes.
pub(super) fn api(auth: Arc<AuthService>, base: &Base, front: &Front) -> Arc<AuthApi> {
    Arc::new(AuthApi {
        auth,
        ids: front.ids.clone(),
        cookies: Cookies { secure: front.public_url.starts_with("https://") },
        keys: base.public_keys.clone(),
    })
}

/// # Errors
/// When threads are not to be had.
pub(super) fn passwords() -> Result<Arc<dyn PasswordHasher>> {
    let threads = PasswordThreads::new(cores(), PASSWORD_QUEUE).context("cannot start the threads for passwords")?;
    Ok(Arc::new(threads))
}
