//! Puts the parts together: the one place that knows every crate.

mod auth;
mod blobs;
mod media;
mod neighbours;
mod posts;
mod records;
mod shared;
mod users;

use std::{sync::Arc, thread::available_parallelism, time::Duration};

use anyhow::{Context, Result};
use axum::{
    Router,
    http::{HeaderMap, StatusCode, header},
    response::IntoResponse,
    routing::get,
};
use echo_crypto::{AccessSigner, AesSealer, Keys, SigningKey};
use echo_domain::{
    Census, Clock, Consumer, Hears, IdSource, Relay, Sealer,
    auth::{AccessTokens, AccountStore, AuthService, Gate, Lookup, PasswordHasher},
    media::{MediaDesk, MediaKeeper, MediaService},
    posts::PostStore,
    users::ProfileStore,
};
use echo_http::{
    Areas, BodyRoom, Bounds, Callers, Cursors, FrontPage, IN_FLIGHT, Idempotency, Leaving, Links, NewIds,
    OperationsApi, PublicKey, PublicKeys, ReadyPosts, Surroundings,
};
use echo_telemetry::{Exposition, Metrics};
use tokio::{
    sync::{Semaphore, watch},
    task::JoinSet,
};
use tower_http::normalize_path::NormalizePath;

use crate::{
    config::{Settings, Switch},
    data_dir::DataDir,
    roles::{Role, Roles},
    system::{self, SystemClock},
};

pub(crate) use blobs::{Blobs, Place};
use neighbours::Neighbours;
pub(crate) use records::Records;
use shared::Shared;

/// Who reacts to events: each is kept until all of these have.
pub(crate) const CONSUMERS: [&str; 4] = ["users", "posts", "media", "feed"];
/// Requests that run at a time; more are turned away.
const RUNNING: usize = 4096;
/// Bytes of bodies in memory at a time.
const BODIES: usize = 256 * 1024 * 1024;
/// How long a reply may take to begin; uploads over slow lines are the longest.
const DEADLINE: Duration = Duration::from_secs(60);
/// Bytes of records that are remembered; the JSON made of them may take as many, and images half as many.
const CACHE: u64 = 32 * 1024 * 1024;

/// What every command that touches data stands on.
pub(crate) struct Base {
    /// Of which areas it has the records.
    roles: Roles,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) ids: Arc<IdSource>,
    pub(crate) records: Records,
    shared: Shared,
    /// What remembers, and so has to hear of changes by other processes.
    hears: Vec<Arc<dyn Hears>>,
    gate: Arc<Gate>,
    keys: Keys,
    sealer: Arc<dyn Sealer>,
    public_keys: PublicKeys,
}

/// What demo data is written through.
pub(crate) struct Stores {
    pub(crate) records: Records,
    pub(crate) accounts: Arc<dyn AccountStore>,
    pub(crate) profiles: Arc<dyn ProfileStore>,
    pub(crate) posts: Arc<dyn PostStore>,
    pub(crate) passwords: Arc<dyn PasswordHasher>,
    pub(crate) media: Arc<dyn MediaDesk>,
}

/// What this process does of Echo, ready to serve.
pub(crate) struct Echo {
    pub(crate) app: NormalizePath<Router>,
    pub(crate) internal: Router,
    background: Background,
}

/// What the routes of several areas need.
struct Front {
    ids: NewIds,
    cursors: Cursors,
    links: Links,
    ready: ReadyPosts,
    /// How clients reach this Echo.
    public_url: String,
}

/// What goes on beside requests.
struct Background {
    read_only: bool,
    relay: Relay,
    shared: Shared,
    hears: Vec<Arc<dyn Hears>>,
    gate: Arc<Gate>,
    sessions: Option<Arc<dyn Lookup>>,
    auth: Option<Arc<AuthService>>,
    media: Option<Arc<MediaKeeper>>,
    idempotency: Idempotency,
    /// Only where somebody may ask for what it finds.
    census: Option<Census>,
}

/// Brings the database of an older Echo up to date, unless that is off or nothing is to change. The caller serves the
/// folder.
///
/// # Errors
/// In one line.
pub(crate) fn migrate(settings: &Settings, data: &DataDir) -> Result<()> {
    let may = settings.data.migrate == Switch::On && settings.data.read_only == Switch::Off;
    if may && settings.cluster.mongodb_uri().is_none() {
        echo_sqlite::migrate(&data.database())?;
    }
    Ok(())
}

/// Opens the records of these roles, and the keys.
///
/// # Errors
/// In one line that names what is wrong and the cure.
pub(crate) async fn base(settings: &Settings, data: &DataDir, roles: Roles) -> Result<Base> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let instance = echo_crypto::random_bytes();
    let records = Records::open(settings, data, roles, instance).await?;
    let shared = match settings.cluster.redis_url() {
        Some(url) => Shared::in_redis(url, &records, &clock, instance).await?,
        None => Shared::alone(&records, &clock),
    };
    let (keys, access, public_keys) = keys(settings, data)?;
    let gate = Arc::new(Gate::new(access, clock.clone()));
    Ok(Base {
        roles,
        hears: vec![gate.clone()],
        ids: Arc::new(system::ids()),
        sealer: Arc::new(AesSealer::new(keys.derive("seal"))),
        clock,
        records,
        shared,
        gate,
        keys,
        public_keys,
    })
}

/// The use cases around accounts, for whoever has all records.
///
/// # Errors
/// When threads are not to be had.
pub(crate) fn accounts(settings: &Settings, base: &mut Base) -> Result<Arc<AuthService>> {
    let mut neighbours = Neighbours::elsewhere(settings, base)?;
    users::profiles(base, &mut neighbours)?;
    auth::service(base, &mut neighbours)
}

/// Opens what is needed to write many records at once.
///
/// # Errors
/// As [`base`] and [`echo`].
pub(crate) async fn stores(settings: &Settings, data: &DataDir) -> Result<Stores> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let records = Records::open_all(settings, data).await?;
    let blobs = Blobs::open(Place::of(settings)?, settings, data, &clock).await?;
    Ok(Stores {
        accounts: records.accounts()?,
        profiles: records.profiles()?,
        posts: records.posts()?,
        passwords: auth::passwords()?,
        media: Arc::new(MediaService::new(media::parts(settings, &blobs, &records, &clock)?)),
        records,
    })
}

/// Where images are, if they are this process's business.
///
/// # Errors
/// In one line that names the setting and the cure.
pub(crate) async fn images(settings: &Settings, data: &DataDir, base: &Base) -> Result<Option<Blobs>> {
    if !base.roles.has(Role::Media) {
        return Ok(None);
    }
    let place = Place::of(settings)?;
    if place == Place::Files && settings.cluster.redis_url().is_some() {
        tracing::warn!("images are in a folder, which every process has to have: share it, or set S3_BUCKET");
    }
    Blobs::open(place, settings, data, &base.clock).await.map(Some)
}

/// Everything on top of the base that is this process's. `public_url` is how clients reach it; `leaving` becomes true
/// when it is about to stop. `metrics` are told on the inside.
///
/// # Errors
/// When threads are not to be had.
pub(crate) fn echo(
    settings: &Settings,
    images: Option<&Blobs>,
    mut base: Base,
    public_url: &str,
    leaving: watch::Receiver<bool>,
    metrics: Option<Metrics>,
) -> Result<Echo> {
    let roles = base.roles;
    let front = Front::new(&base, Blobs::links(settings, public_url)?, public_url);

    let mut asked = Neighbours::elsewhere(settings, &mut base)?;
    let profiles = roles.has(Role::Users).then(|| users::profiles(&mut base, &mut asked)).transpose()?;
    let auth = roles.has(Role::Auth).then(|| auth::service(&mut base, &mut asked)).transpose()?;
    let posts = roles.has(Role::Posts).then(|| posts::area(&mut base, &mut asked)).transpose()?;
    let media = images.map(|images| media::area(settings, images, &base, &mut asked)).transpose()?;
    // Everybody knows everybody now.
    let users = profiles.map(|profiles| users::area(profiles, &base, &asked)).transpose()?;
    let media_keeper = media.clone().map(|parts| media::keeper(parts, &asked)).transpose()?;
    let feed_keeper = roles.has(Role::Worker).then(|| posts::feed_keeper(&base, &asked)).transpose()?;
    let consumers = [
        users.as_ref().map(|it| it.keeper.clone() as Arc<dyn Consumer>),
        posts.as_ref().map(|it| it.keeper() as Arc<dyn Consumer>),
        media_keeper.clone().map(|it| it as Arc<dyn Consumer>),
        feed_keeper.map(|it| it as Arc<dyn Consumer>),
    ];

    let areas = Areas {
        auth: auth.clone().map(|it| auth::api(it, &base, &front)),
        users: users.as_ref().map(|it| it.api(&front)),
        export: users.as_ref().map(|it| it.export(&front, &asked)).transpose()?,
        posts: posts.as_ref().map(|it| it.api(&base, &front, &asked)).transpose()?,
        feed: posts.as_ref().map(|it| it.feed(&base, &front, &asked)).transpose()?,
        media: media.as_ref().map(|it| media::api(it, &front, &asked)).transpose()?,
        operations: OperationsApi {
            dependencies: [base.records.dependency()]
                .into_iter()
                .chain(base.shared.dependency())
                .chain(images.and_then(Blobs::dependency))
                .chain(asked.dependencies())
                .collect(),
            front_page: FrontPage::new(public_url),
            leaving: Leaving(leaving),
        },
    };
    let census = metrics.is_some().then(|| census(&base)).transpose()?;
    let read_only = settings.data.read_only == Switch::On;
    let idempotency =
        Idempotency { store: base.records.requests.clone(), sealer: base.sealer.clone(), ids: front.ids.clone() };
    let running = Arc::new(Semaphore::new(RUNNING));
    if let Some(metrics) = &metrics {
        let (in_flight, running) = (IN_FLIGHT.level::<&str>([]), running.clone());
        metrics.read(move || in_flight.set((RUNNING - running.available_permits()) as f64));
    }
    let around = Surroundings {
        read_only,
        ids: front.ids,
        bounds: Bounds { running, deadline: DEADLINE, bodies: BodyRoom::new(BODIES) },
        callers: Callers {
            gate: base.gate.clone(),
            trusted_proxies: settings.clients.trusted_proxies.iter().map(|network| network.0).collect(),
        },
        limiter: (settings.clients.rate_limits == Switch::On).then(|| base.shared.limiter.clone()),
        idempotency: idempotency.clone(),
        cors_origins: settings.clients.cors_origins.iter().map(|origin| origin.0.clone()).collect(),
    };
    Ok(Echo {
        app: echo_http::app(areas, around),
        internal: internal(metrics).merge(asked.served(roles)?),
        background: Background {
            read_only,
            relay: Relay {
                log: base.shared.events.clone(),
                consumers: consumers.into_iter().flatten().collect(),
                everybody: &CONSUMERS,
            },
            shared: base.shared,
            hears: base.hears,
            gate: base.gate,
            sessions: asked.lookup,
            auth,
            media: media_keeper,
            idempotency,
            census,
        },
    })
}

impl Front {
    fn new(base: &Base, links: Links, public_url: &str) -> Self {
        let clock = base.clock.clone();
        Self {
            ids: NewIds { clock: clock.clone(), ids: base.ids.clone() },
            cursors: Cursors { sealer: base.sealer.clone(), clock },
            ready: ReadyPosts::new(links.clone(), CACHE),
            links,
            public_url: public_url.to_owned(),
        }
    }
}

impl Echo {
    /// Starts what goes on beside requests, until `stop` becomes true. Read-only, that changes nothing either: events
    /// wait.
    pub(crate) fn start_background(self, stop: &watch::Receiver<bool>) -> JoinSet<()> {
        let Background { read_only, relay, shared, hears, gate, sessions, auth, media, idempotency, census } =
            self.background;
        let mut tasks = JoinSet::new();
        shared.start(&mut tasks, hears, stop);
        if let Some(sessions) = sessions {
            let ended = stop.clone();
            tasks.spawn(async move { gate.watch(&*sessions, ended).await });
        }
        if let Some(census) = census {
            tasks.spawn(census.run(stop.clone()));
        }
        if !read_only {
            tasks.spawn(relay.run(stop.clone()));
            tasks.spawn(idempotency.forget_old(stop.clone()));
            if let Some(media) = media {
                tasks.spawn(media.sweep(stop.clone()));
            }
            if let Some(auth) = auth {
                let ended = stop.clone();
                tasks.spawn(async move { auth.forget_sessions(ended).await });
            }
        }
        tasks
    }
}

/// The keys of this Echo: from the shared secret, or kept in the data folder.
fn keys(settings: &Settings, data: &DataDir) -> Result<(Keys, Arc<dyn AccessTokens>, PublicKeys)> {
    let kept = || format!("cannot use the keys in {}", data.path.join("keys").display());
    match &settings.data.jwt_secret {
        Some(secret) => {
            let secret = secret.expose().as_bytes();
            let signer = AccessSigner::hs256(secret).context("JWT_SECRET")?;
            Ok((Keys::from_secret(secret), Arc::new(signer), PublicKeys(Arc::new([]))))
        }
        None => {
            if settings.cluster.redis_url().is_some() {
                tracing::warn!(
                    "keys are in the data folder, which every process has to have: share it, or set JWT_SECRET"
                );
            }
            let signer = AccessSigner::ed25519(&SigningKey::load_or_create(&data.path).with_context(kept)?);
            let public_keys = signer.jwks().map(|key| PublicKey {
                kty: key.kty.clone(),
                crv: key.crv.clone(),
                alg: key.alg.clone(),
                usage: key.r#use.clone(),
                kid: key.kid.clone(),
                x: key.x.clone(),
            });
            let keys = Keys::load_or_create(&data.path).with_context(kept)?;
            Ok((keys, Arc::new(signer), PublicKeys(public_keys.into_iter().collect())))
        }
    }
}

/// Of what this process keeps.
fn census(base: &Base) -> Result<Census> {
    let (roles, records) = (base.roles, &base.records);
    Ok(Census {
        accounts: roles.has(Role::Auth).then(|| records.accounts()).transpose()?,
        sessions: roles.has(Role::Auth).then(|| records.sessions()).transpose()?,
        posts: roles.has(Role::Posts).then(|| records.posts()).transpose()?,
        clock: base.clock.clone(),
    })
}

/// What only the inside may see.
fn internal(metrics: Option<Metrics>) -> Router {
    let inside = Router::new().route("/healthz", get(async || "ok"));
    match metrics {
        Some(metrics) => inside.route("/metrics", get(async move |headers| page(metrics, headers).await)),
        None => inside,
    }
}

/// In the form that the reader asks for; made where it keeps no request waiting.
async fn page(metrics: Metrics, headers: HeaderMap) -> impl IntoResponse {
    let accept = headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or_default();
    let exposition = Exposition::accepted(accept);
    let made = tokio::task::spawn_blocking(move || metrics.page(exposition)).await;
    made.map(|page| ([(header::CONTENT_TYPE, exposition.content_type())], page))
        .map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)
}

fn cores() -> usize {
    available_parallelism().map_or(1, std::num::NonZero::get)
}
