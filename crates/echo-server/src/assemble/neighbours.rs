//! What the areas ask of one another: in this process by a call, in others over the network.

use std::sync::Arc;

use anyhow::{Context, Result, bail};
use async_trait::async_trait;
use axum::Router;
use echo_domain::{
    auth::{Lookup, RememberedLookup},
    media::MediaDesk,
    posts::Catalog,
    users::{Directory, RememberedDirectory},
};
use echo_http::Dependency;
use echo_peers::{Peer, RemoteCatalog, RemoteDirectory, RemoteLookup, RemoteMediaDesk, Served, Service};

use crate::{
    config::{Cluster, Settings},
    roles::{Role, Roles},
};

use super::{Base, CACHE};

/// Whom areas ask: empty where nobody here asks.
pub(super) struct Neighbours {
    cluster: Cluster,
    peers: Vec<(Role, Arc<Peer>)>,
    /// As it was a moment ago, or for as long as it is gone.
    pub(super) lookup: Option<Arc<dyn Lookup>>,
    /// As it is kept at this moment.
    pub(super) kept_lookup: Option<Arc<dyn Lookup>>,
    /// As it was a moment ago, or for as long as it is gone.
    pub(super) directory: Option<Arc<dyn Directory>>,
    /// As it is kept at this moment.
    pub(super) kept_directory: Option<Arc<dyn Directory>>,
    pub(super) catalog: Option<Arc<dyn Catalog>>,
    pub(super) media: Option<Arc<dyn MediaDesk>>,
}

impl Neighbours {
    /// Those in other processes. The areas of this one add themselves.
    ///
    /// # Errors
    /// When a setting says no such place.
    pub(super) fn elsewhere(settings: &Settings, base: &mut Base) -> Result<Self> {
        let cluster = settings.cluster.clone();
        let peers: Vec<_> = base
            .roles
            .peers()
            .map(|role| anyhow::Ok((role, Arc::new(peer(&cluster, role)?))))
            .collect::<Result<_>>()?;
        let of_role = |of| peers.iter().find(|(role, _)| *role == of).map(|(_, peer)| peer.clone());
        let kept_directory = of_role(Role::Users).map(|it| Arc::new(RemoteDirectory(it)) as Arc<dyn Directory>);
        let directory = kept_directory.clone().map(|kept| {
            let remembered = Arc::new(RememberedDirectory::new(kept, CACHE / 4, &base.clock));
            base.hears.push(remembered.clone());
            remembered as Arc<dyn Directory>
        });
        let kept_lookup = of_role(Role::Auth).map(|it| Arc::new(RemoteLookup(it)) as Arc<dyn Lookup>);
        let lookup = kept_lookup.clone().map(|kept| {
            let remembered = Arc::new(RememberedLookup::new(kept, CACHE / 16, &base.clock));
            base.hears.push(remembered.clone());
            remembered as Arc<dyn Lookup>
        });
        Ok(Self {
            lookup,
            kept_lookup,
            directory,
            kept_directory,
            catalog: of_role(Role::Posts).map(|it| Arc::new(RemoteCatalog(it)) as Arc<dyn Catalog>),
            media: of_role(Role::Media).map(|it| Arc::new(RemoteMediaDesk(it)) as Arc<dyn MediaDesk>),
            cluster,
            peers,
        })
    }

    pub(super) fn lookup(&self) -> Result<Arc<dyn Lookup>> {
        self.or_say_where(self.lookup.as_ref(), Role::Auth)
    }

    pub(super) fn kept_lookup(&self) -> Result<Arc<dyn Lookup>> {
        self.or_say_where(self.kept_lookup.as_ref(), Role::Auth)
    }

    pub(super) fn directory(&self) -> Result<Arc<dyn Directory>> {
        self.or_say_where(self.directory.as_ref(), Role::Users)
    }

    pub(super) fn kept_directory(&self) -> Result<Arc<dyn Directory>> {
        self.or_say_where(self.kept_directory.as_ref(), Role::Users)
    }

    pub(super) fn catalog(&self) -> Result<Arc<dyn Catalog>> {
        self.or_say_where(self.catalog.as_ref(), Role::Posts)
    }

    pub(super) fn media(&self) -> Result<Arc<dyn MediaDesk>> {
        self.or_say_where(self.media.as_ref(), Role::Media)
    }

    /// What other processes may ask of the areas in this one.
    ///
    /// # Errors
    /// When the token could be guessed.
    pub(super) fn served(&self, roles: Roles) -> Result<Router> {
        let Some(token) = self.cluster.service_token()? else { return Ok(Router::new()) };
        let served = Served {
            lookup: self.lookup.clone().filter(|_| roles.has(Role::Auth)),
            // Who asks remembers by itself, and hears of changes when this process does.
            directory: self.kept_directory.clone().filter(|_| roles.has(Role::Users)),
            catalog: self.catalog.clone().filter(|_| roles.has(Role::Posts)),
            desk: self.media.clone().filter(|_| roles.has(Role::Media)),
        };
        Ok(echo_peers::router(served, &token))
    }

    /// What readiness tells of those elsewhere.
    pub(super) fn dependencies(&self) -> impl Iterator<Item = Arc<dyn Dependency>> {
        self.peers.iter().map(|(role, peer)| Arc::new(Asked { role: *role, peer: peer.clone() }) as Arc<dyn Dependency>)
    }

    /// The neighbour; when there is none, the error names the setting.
    fn or_say_where<T: ?Sized>(&self, neighbour: Option<&Arc<T>>, role: Role) -> Result<Arc<T>> {
        match neighbour {
            Some(neighbour) => Ok(neighbour.clone()),
            None => {
                Err(self.cluster.peer(role).err().unwrap_or_else(|| anyhow::anyhow!("nobody asks {}", role.name())))
            }
        }
    }
}

fn peer(cluster: &Cluster, role: Role) -> Result<Peer> {
    let (setting, address) = cluster.peer(role)?;
    let token = cluster.service_token()?.context("SERVICE_TOKEN must be set")?;
    let service = match role {
        Role::Auth => Service::Auth,
        Role::Users => Service::Users,
        Role::Posts => Service::Posts,
        Role::Media => Service::Media,
        Role::Worker => bail!("nobody asks a worker"),
    };
    Peer::new(service, address, &token).context(setting)
}

/// A neighbour in another process as readiness sees it: without it, what asks it gets 503, and all else works.
struct Asked {
    role: Role,
    peer: Arc<Peer>,
}

#[async_trait]
impl Dependency for Asked {
    fn name(&self) -> &'static str {
        self.role.name()
    }

    fn is_needed(&self) -> bool {
        false
    }

    async fn check(&self) -> echo_domain::Result<()> {
        self.peer.check().await
    }
}
