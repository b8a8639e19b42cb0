//! The contracts of what areas ask of one another: in this process, over a socket, and with a memory in front.

use std::sync::Arc;

use echo_domain::{
    auth::lookup_contract as auth, media::desk_contract as media, posts::catalog_contract as posts,
    users::directory_contract as users,
};
use echo_peers::{RemoteCatalog, RemoteDirectory, RemoteLookup, RemoteMediaDesk, Service};

use crate::{places::Place, sockets::Neighbour};

/// In the same process: a plain call.
mod here {
    use super::*;

    async fn lookup() -> (auth::Asked, Place) {
        let place = Place::new();
        let (lookup, backend, passwords) = (place.lookup.clone(), place.backend.clone(), place.passwords.clone());
        (auth::Asked { lookup, backend, passwords }, place)
    }

    async fn directory() -> (users::Asked, Place) {
        let place = Place::new();
        (users::Asked { directory: place.directory.clone(), backend: place.backend.clone() }, place)
    }

    async fn catalog() -> (posts::Asked, Place) {
        let place = Place::new();
        (posts::Asked { catalog: place.catalog.clone(), backend: place.backend.clone() }, place)
    }

    async fn desk() -> (media::Asked, Place) {
        let place = Place::new();
        let (desk, backend, blobs) = (place.desk.clone(), place.backend.clone(), place.blobs.clone());
        (media::Asked { desk, backend, blobs }, place)
    }

    mod auth_area {
        echo_domain::lookup_contract!(super::lookup);
    }
    mod users_area {
        echo_domain::directory_contract!(super::directory);
    }
    mod posts_area {
        echo_domain::catalog_contract!(super::catalog);
    }
    mod media_area {
        echo_domain::media_desk_contract!(super::desk);
    }
}

/// In another process: over HTTP.
mod remote {
    use super::*;

    async fn lookup() -> (auth::Asked, (Place, Neighbour)) {
        let place = Place::new();
        let neighbour = Neighbour::start(place.served()).await;
        let lookup = Arc::new(RemoteLookup(neighbour.peer(Service::Auth)));
        let (backend, passwords) = (place.backend.clone(), place.passwords.clone());
        (auth::Asked { lookup, backend, passwords }, (place, neighbour))
    }

    async fn directory() -> (users::Asked, (Place, Neighbour)) {
        let place = Place::new();
        let neighbour = Neighbour::start(place.served()).await;
        let directory = Arc::new(RemoteDirectory(neighbour.peer(Service::Users)));
        (users::Asked { directory, backend: place.backend.clone() }, (place, neighbour))
    }

    async fn catalog() -> (posts::Asked, (Place, Neighbour)) {
        let place = Place::new();
        let neighbour = Neighbour::start(place.served()).await;
        let catalog = Arc::new(RemoteCatalog(neighbour.peer(Service::Posts)));
        (posts::Asked { catalog, backend: place.backend.clone() }, (place, neighbour))
    }

    async fn desk() -> (media::Asked, (Place, Neighbour)) {
        let place = Place::new();
        let neighbour = Neighbour::start(place.served()).await;
        let desk = Arc::new(RemoteMediaDesk(neighbour.peer(Service::Media)));
        let (backend, blobs) = (place.backend.clone(), place.blobs.clone());
        (media::Asked { desk, backend, blobs }, (place, neighbour))
    }

    mod auth_area {
        echo_domain::lookup_contract!(super::lookup);
    }
    mod users_area {
        echo_domain::directory_contract!(super::directory);
    }
    mod posts_area {
        echo_domain::catalog_contract!(super::catalog);
    }
    mod media_area {
        echo_domain::media_desk_contract!(super::desk);
    }
}

/// In another process, which tells its changes to a memory here.
mod remembered {
    use echo_domain::{
        Alone, Clock, HereToo,
        auth::{CachedAccounts, RememberedLookup},
        contract::Backend,
        users::{CachedProfiles, RememberedDirectory},
    };

    use crate::places::Noon;

    use super::*;

    const BYTES: u64 = 4 << 20;

    async fn lookup() -> (auth::Asked, (Place, Neighbour)) {
        let place = Place::new();
        let neighbour = Neighbour::start(place.served()).await;
        let clock: Arc<dyn Clock> = Arc::new(Noon);
        let remote = Arc::new(RemoteLookup(neighbour.peer(Service::Auth)));
        let lookup = Arc::new(RememberedLookup::new(remote, BYTES, &clock));
        let told = Arc::new(HereToo { here: lookup.clone(), others: Arc::new(Alone) });
        let accounts = Arc::new(CachedAccounts::new(place.backend.accounts.clone(), BYTES, clock, told));
        let backend = Backend { accounts, ..place.backend.clone() };
        (auth::Asked { lookup, backend, passwords: place.passwords.clone() }, (place, neighbour))
    }

    async fn directory() -> (users::Asked, (Place, Neighbour)) {
        let place = Place::new();
        let neighbour = Neighbour::start(place.served()).await;
        let clock: Arc<dyn Clock> = Arc::new(Noon);
        let remote = Arc::new(RemoteDirectory(neighbour.peer(Service::Users)));
        let directory = Arc::new(RememberedDirectory::new(remote, BYTES, &clock));
        let told = Arc::new(HereToo { here: directory.clone(), others: Arc::new(Alone) });
        let profiles = Arc::new(CachedProfiles::new(place.backend.profiles.clone(), BYTES, &clock, told));
        let backend = Backend { profiles, ..place.backend.clone() };
        (users::Asked { directory, backend }, (place, neighbour))
    }

    mod auth_area {
        echo_domain::lookup_contract!(super::lookup);
    }
    mod users_area {
        echo_domain::directory_contract!(super::directory);
    }
}
