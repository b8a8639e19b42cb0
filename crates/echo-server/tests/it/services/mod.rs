//! Echo as services: a process for each role, behind nginx with the routes that the project ships.

mod apart;
mod gone;
mod nginx;
mod rolling;
mod start;

use std::{collections::BTreeMap, time::Duration};

use tempfile::TempDir;

use crate::{
    app::TestApp,
    cluster::servers::{Server, free_port},
    echod::{Log, OwnServer, own_folder},
};

use nginx::Nginx;

const SECRET: &str = "only-for-tests-only-for-tests-only-for-tests";
/// When what follows from a request has happened.
const SETTLED: Duration = Duration::from_secs(20);
pub const ROLES: [&str; 5] = ["auth", "users", "posts", "media", "worker"];

/// Five processes or more, and what they stand on.
pub struct Services {
    /// By role; the first of each is its only one, unless a story adds others.
    roles: BTreeMap<&'static str, Vec<OwnServer>>,
    /// Where clients find all of them.
    pub front: TestApp,
    _nginx: Nginx,
    _stores: Stores,
}

/// What all processes stand on.
pub struct Stores {
    pub mongo: Server,
    redis: Server,
    images: TempDir,
}

impl Stores {
    /// `None`, with a line that says so, when this run's server is given.
    pub fn start() -> Option<Self> {
        let images = own_folder()?;
        Some(Self { mongo: Server::mongo(), redis: Server::redis(), images })
    }
}

/// Where a process listens: for clients, and for the other processes.
#[derive(Clone, Copy)]
struct Ports {
    public: u16,
    internal: u16,
}

impl Services {
    /// One process for each role. `None`, with a line that says so, when this run's server is given.
    pub async fn start() -> Option<Self> {
        Self::start_with(&[]).await
    }

    /// So many processes for the roles that are named, else one. They go on for longer than nginx keeps a connection before
    /// they stop.
    async fn start_with(replicas: &[(&str, usize)]) -> Option<Self> {
        let stores = Stores::start()?;
        let mongodb_uri = stores.mongo.mongodb_uri();
        Self::on(stores, replicas, |_| mongodb_uri.clone(), |_| Vec::new()).await
    }

    /// The same on these, with MongoDB where `mongodb_uri` says for each role, and what `more` sets for it.
    pub async fn on(
        stores: Stores,
        replicas: &[(&str, usize)],
        mongodb_uri: impl Fn(&str) -> String,
        more: impl Fn(&str) -> Vec<(&'static str, String)>,
    ) -> Option<Self> {
        let count = |role| replicas.iter().find(|(of, _)| *of == role).map_or(1, |(_, count)| *count);
        let ports: BTreeMap<_, Vec<_>> = ROLES
            .into_iter()
            .map(|role| {
                (role, (0..count(role)).map(|_| Ports { public: free_port(), internal: free_port() }).collect())
            })
            .collect();
        let nginx = Nginx::start(&ports);
        let mut settings: Vec<(String, String)> = [
            ("REDIS_URL", stores.redis.redis_url()),
            ("DATA_DIR", stores.images.path().to_str().unwrap().to_owned()),
            ("JWT_SECRET", SECRET.to_owned()),
            ("SERVICE_TOKEN", SECRET.to_owned()),
            ("PUBLIC_URL", nginx.address()),
            ("TRUSTED_PROXIES", "127.0.0.1/32".to_owned()),
            ("STOP_DELAY", "4".to_owned()),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .to_vec();
        for role in ["auth", "users", "posts", "media"] {
            settings.push((format!("PEER_{}_URL", role.to_uppercase()), nginx.inside(role)));
        }
        let mut roles = BTreeMap::new();
        for (role, ports) in ports {
            let mut servers = Vec::new();
            for Ports { public, internal } in ports {
                let own = [
                    ("ROLES".to_owned(), role.to_owned()),
                    ("MONGODB_URI".to_owned(), mongodb_uri(role)),
                    ("PORT".to_owned(), public.to_string()),
                    ("INTERNAL_ADDR".to_owned(), format!("127.0.0.1:{internal}")),
                ];
                let more = more(role).into_iter().map(|(name, value)| (name.to_owned(), value)).collect::<Vec<_>>();
                let all = [&settings[..], &own, &more].concat();
                let all: Vec<_> = all.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
                servers.push(OwnServer::start_with(&all).await?);
            }
            roles.insert(role, servers);
        }
        let front = TestApp::at(&nginx.address(), Log::default());
        Some(Self { roles, front, _nginx: nginx, _stores: stores })
    }

    /// The roles, and where each of their processes has its internal listener.
    pub fn internal(&self) -> impl Iterator<Item = (&'static str, String)> {
        let all = self.roles.iter().flat_map(|(role, servers)| servers.iter().map(|server| (*role, server)));
        all.map(|(role, server)| (role, server.setting("INTERNAL_ADDR").to_owned()))
    }

    /// The process with this role.
    fn of(&mut self, role: &str) -> &mut OwnServer {
        self.roles.get_mut(role).and_then(|servers| servers.first_mut()).unwrap()
    }
}
