//! The users area: profiles, and who follows whom.

use std::sync::Arc;

use anyhow::Result;
use echo_domain::users::{self, CachedProfiles, ProfileDirectory, ProfileKeeper, ProfileStore, UserService};
use echo_http::{ExportApi, UsersApi};

use super::{Base, CACHE, Front, neighbours::Neighbours};

/// The area, put together.
pub(super) struct Users {
    service: Arc<UserService>,
    pub(super) keeper: Arc<ProfileKeeper>,
}

/// What it keeps, and tells its neighbours of.
///
/// # Errors
/// When it is not opened.
pub(super) fn profiles(base: &mut Base, neighbours: &mut Neighbours) -> Result<Arc<dyn ProfileStore>> {
    let kept = base.records.profiles()?;
    let shared = base.shared.profiles(kept.clone());
    let profiles = Arc::new(CachedProfiles::new(shared, CACHE / 4, &base.clock, base.shared.others.clone()));
    base.hears.push(profiles.clone());
    neighbours.directory = Some(Arc::new(ProfileDirectory { profiles: profiles.clone() }));
    neighbours.kept_directory = Some(Arc::new(ProfileDirectory { profiles: kept }));
    Ok(profiles)
}

/// # Errors
/// Naming the setting that does not say where a neighbour is.
pub(super) fn area(profiles: Arc<dyn ProfileStore>, base: &Base, neighbours: &Neighbours) -> Result<Users> {
    let clock = base.clock.clone();
    let service = UserService::new(users::Parts {
        profiles: profiles.clone(),
        accounts: neighbours.lookup()?,
        posts: neighbours.catalog()?,
        media: neighbours.media()?,
        clock: clock.clone(),
        ids: base.ids.clone(),
    });
    // A name that was remembered would stay wrong.
    let keeper = ProfileKeeper { profiles, accounts: neighbours.kept_lookup()?, clock };
    Ok(Users { service: Arc::new(service), keeper: Arc::new(keeper) })
}

impl Users {
    pub(super) fn api(&self, front: &Front) -> Arc<UsersApi> {
        Arc::new(UsersApi {
            users: self.service.clone(),
            cursors: front.cursors.clone(),
            links: front.links.clone(),
            ready: front.ready.clone(),
        })
    }

    pub(super) fn export(&self, front: &Front, neighbours: &Neighbours) -> Result<Arc<ExportApi>> {
        Ok(Arc::new(ExportApi {
            users: self.service.clone(),
            posts: neighbours.catalog()?,
            media: neighbours.media()?,
            links: front.links.clone(),
        }))
    }
}
