//! Puts the parts together: the one place that knows every crate.

mod blobs;
mod records;
mod shared;

use std::{sync::Arc, thread::available_parallelism, time::Duration};

use anyhow::{Context, Result};
use axum::{Router, routing::get};
use echo_crypto::{AccessSigner, AesSealer, Keys, PasswordThreads, RefreshSigner, SigningKey};
use echo_domain::{
    Broadcast, Clock, Consumer, Hears, HereToo, IdSource, Relay, Sealer,
    auth::{self, AccessTokens, AuthService, CachedAccounts, Gate, Lookup, PasswordHasher},
    feed::{FeedKeeper, FeedService, Policy},
    media::{self, CachedBlobs, ImagePipeline, MediaDesk, MediaKeeper, MediaService, StemSource},
    posts::{self, CachedPosts, Catalog, PostCatalog, PostKeeper, PostService},
    users::{self, CachedProfiles, Directory, ProfileDirectory, ProfileKeeper, ProfileStore, UserService},
};
use echo_http::{
    Areas, AuthApi, BodyRoom, Bounds, Callers, Cookies, Cursors, Dependency, ExportApi, FeedApi, FrontPage,
    Idempotency, MediaApi, NewIds, OperationsApi, PostsApi, PublicKey, PublicKeys, ReadyPosts, Surroundings, UsersApi,
};
use echo_media::ImageThreads;
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::{
    sync::{Semaphore, watch},
    task::JoinSet,
};
use tower_http::normalize_path::NormalizePath;

use crate::{
    config::{Settings, Switch},
    data_dir::DataDir,
    system::{self, SystemClock},
};

pub(crate) use blobs::{Blobs, Place};
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
/// Sign-ins that wait for a thread: with two threads and 25 ms each, the last waits about 6 s.
const PASSWORD_QUEUE: usize = 512;
/// Bytes of records that are remembered; the JSON made of them may take as many, and images half as many.
const CACHE: u64 = 32 * 1024 * 1024;
/// Images that wait for a thread; their bytes are among [`BODIES`]. With two threads and half a second each, as 12 megapixels
/// take, the last waits about half of [`DEADLINE`].
const IMAGE_QUEUE: usize = 128;

/// What every command that touches data stands on.
pub(crate) struct Base {
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) ids: Arc<IdSource>,
    pub(crate) records: Records,
    shared: Shared,
    /// What remembers, and so has to hear of changes by other processes.
    hears: Vec<Arc<dyn Hears>>,
    pub(crate) auth: Arc<AuthService>,
    profiles: Arc<dyn ProfileStore>,
    directory: Arc<dyn Directory>,
    gate: Arc<Gate>,
    sealer: Arc<dyn Sealer>,
    public_keys: PublicKeys,
}

/// What demo data is written through.
pub(crate) struct Stores {
    pub(crate) records: Records,
    pub(crate) passwords: Arc<dyn PasswordHasher>,
    pub(crate) media: Arc<dyn MediaDesk>,
}

/// All of Echo, ready to serve.
pub(crate) struct Echo {
    pub(crate) app: NormalizePath<Router>,
    pub(crate) internal: Router,
    background: Background,
}

/// What goes on beside requests.
struct Background {
    read_only: bool,
    relay: Relay,
    shared: Shared,
    hears: Vec<Arc<dyn Hears>>,
    auth: Arc<AuthService>,
    media: Arc<MediaKeeper>,
    idempotency: Idempotency,
    metrics: PrometheusHandle,
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

/// Opens the database and the keys, and what only needs these.
///
/// # Errors
/// In one line that names what is wrong and the cure.
pub(crate) async fn base(settings: &Settings, data: &DataDir) -> Result<Base> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let instance = echo_crypto::random_bytes();
    let records = Records::open(settings, data, instance).await?;
    let shared = match settings.cluster.redis_url() {
        Some(url) => Shared::in_redis(url, &records, &clock, instance).await?,
        None => Shared::alone(&records, &clock),
    };
    let (keys, access, public_keys) = keys(settings, data)?;
    let gate = Arc::new(Gate::new(access, clock.clone()));
    let accounts =
        Arc::new(CachedAccounts::new(records.accounts.clone(), CACHE / 16, clock.clone(), shared.others.clone()));
    let profiles = Arc::new(CachedProfiles::new(
        shared.profiles(records.profiles.clone()),
        CACHE / 4,
        &clock,
        shared.others.clone(),
    ));
    let directory: Arc<dyn Directory> = Arc::new(ProfileDirectory { profiles: profiles.clone() });
    let auth = AuthService::new(auth::Parts {
        accounts: accounts.clone(),
        sessions: records.sessions.clone(),
        directory: directory.clone(),
        passwords: passwords()?,
        gate: gate.clone(),
        refresh: Arc::new(RefreshSigner::new(keys.derive("refresh tokens"))),
        clock: clock.clone(),
        others: shared.others.clone(),
    });
    Ok(Base {
        hears: vec![accounts, profiles.clone(), gate.clone()],
        clock,
        ids: Arc::new(system::ids()),
        records,
        shared,
        auth: Arc::new(auth),
        profiles,
        directory,
        gate,
        sealer: Arc::new(AesSealer::new(keys.derive("seal"))),
        public_keys,
    })
}

/// Opens what is needed to write many records at once.
///
/// # Errors
/// As [`base`] and [`echo`].
pub(crate) async fn stores(settings: &Settings, data: &DataDir) -> Result<Stores> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let records = Records::open(settings, data, echo_crypto::random_bytes()).await?;
    let blobs = Blobs::open(Place::of(settings)?, settings, data, &clock).await?;
    Ok(Stores {
        passwords: passwords()?,
        media: Arc::new(MediaService::new(media_parts(settings, &blobs, &records, &clock)?)),
        records,
    })
}

/// Where images are.
///
/// # Errors
/// In one line that names the setting and the cure.
pub(crate) async fn images(settings: &Settings, data: &DataDir, base: &Base) -> Result<Blobs> {
    let place = Place::of(settings)?;
    if place == Place::Files && settings.cluster.redis_url().is_some() {
        tracing::warn!("images are in a folder, which every process has to have: share it, or set S3_BUCKET");
    }
    Blobs::open(place, settings, data, &base.clock).await
}

/// Everything on top of the base. `public_url` is how clients reach it.
///
/// # Errors
/// When threads are not to be had.
pub(crate) fn echo(
    settings: &Settings,
    images: &Blobs,
    base: Base,
    public_url: &str,
    metrics: PrometheusHandle,
) -> Result<Echo> {
    let records = &base.records;
    let (clock, ids, directory) = (base.clock.clone(), base.ids.clone(), base.directory.clone());
    let profiles = base.profiles.clone();
    let copies = base.shared.timeline_copies(&clock);
    let others = base.shared.others.clone();
    let told: Arc<dyn Broadcast> = match copies.clone() {
        Some(copies) => Arc::new(HereToo { here: copies, others }),
        None => others,
    };
    let post_store = Arc::new(CachedPosts::new(base.shared.posts(records.posts.clone()), CACHE / 2, &clock, told));
    let hears: Vec<Arc<dyn Hears>> = vec![post_store.clone()];
    let hears = [base.hears, hears, copies.iter().map(|it| it.clone() as Arc<dyn Hears>).collect()].concat();
    let catalog: Arc<dyn Catalog> = Arc::new(PostCatalog { posts: post_store.clone(), directory: directory.clone() });

    let media_parts = media_parts(settings, images, records, &clock)?;
    let blobs = media_parts.blobs.clone();
    let media = Arc::new(MediaService::new(media_parts.clone()));
    let desk: Arc<dyn MediaDesk> = media.clone();
    let lookup: Arc<dyn Lookup> = base.auth.clone();

    let posts = Arc::new(PostService::new(posts::Parts {
        posts: post_store.clone(),
        catalog: catalog.clone(),
        directory: directory.clone(),
        media: desk.clone(),
        clock: clock.clone(),
        ids: ids.clone(),
    }));
    let users = Arc::new(UserService::new(users::Parts {
        profiles: profiles.clone(),
        accounts: lookup.clone(),
        posts: catalog.clone(),
        media: desk.clone(),
        clock: clock.clone(),
        ids: ids.clone(),
    }));
    let timelines = base.shared.timelines.clone();
    let feed = Arc::new(FeedService {
        posts: catalog.clone(),
        directory: directory.clone(),
        timelines: timelines.clone(),
        copies,
        policy: Policy::ECHO,
        clock: clock.clone(),
        ids: ids.clone(),
    });
    let feed_keeper = FeedKeeper {
        timelines,
        directory: Arc::new(ProfileDirectory { profiles: records.profiles.clone() }),
        policy: Policy::ECHO,
    };
    let media_keeper = Arc::new(MediaKeeper::new(media_parts, catalog, directory));
    let consumers: Vec<Arc<dyn Consumer>> = vec![
        Arc::new(ProfileKeeper { profiles, accounts: lookup, clock: clock.clone() }),
        Arc::new(PostKeeper { posts: post_store }),
        media_keeper.clone(),
        Arc::new(feed_keeper),
    ];
    let new_ids = NewIds { clock: clock.clone(), ids };
    let cursors = Cursors { sealer: base.sealer.clone(), clock: clock.clone() };
    let links = images.links(settings, public_url);
    let ready = ReadyPosts::new(links.clone(), CACHE);
    let idempotency =
        Idempotency { store: records.requests.clone(), sealer: base.sealer.clone(), ids: new_ids.clone() };
    let areas = Areas {
        auth: AuthApi {
            auth: base.auth.clone(),
            ids: new_ids.clone(),
            cookies: Cookies { secure: public_url.starts_with("https://") },
            keys: base.public_keys.clone(),
        },
        export: ExportApi {
            users: users.clone(),
            posts: posts.clone(),
            media,
            blobs: blobs.clone(),
            links: links.clone(),
        },
        users: UsersApi {
            users,
            auth: base.auth.clone(),
            cursors: cursors.clone(),
            links: links.clone(),
            ready: ready.clone(),
        },
        posts: PostsApi {
            posts,
            cursors: cursors.clone(),
            links: links.clone(),
            ready: ready.clone(),
            ids: new_ids.clone(),
        },
        feed: FeedApi { feed, cursors, ready },
        media: MediaApi { media: desk, blobs, links, ids: new_ids.clone() },
        operations: OperationsApi {
            dependencies: [Arc::new(records.clone()) as Arc<dyn Dependency>]
                .into_iter()
                .chain(base.shared.dependency())
                .chain(images.dependency())
                .collect(),
            front_page: FrontPage::new(public_url),
        },
    };
    let read_only = settings.data.read_only == Switch::On;
    let around = Surroundings {
        read_only,
        ids: new_ids,
        bounds: Bounds { running: Semaphore::new(RUNNING), deadline: DEADLINE, bodies: BodyRoom::new(BODIES) },
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
        internal: internal(metrics.clone()),
        background: Background {
            read_only,
            relay: Relay { log: base.shared.events.clone(), consumers },
            shared: base.shared,
            hears,
            auth: base.auth,
            media: media_keeper,
            idempotency,
            metrics,
        },
    })
}

impl Echo {
    /// Starts what goes on beside requests, until `stop` becomes true. Read-only, that changes nothing either: events
    /// wait.
    pub(crate) fn start_background(self, stop: &watch::Receiver<bool>) -> JoinSet<()> {
        let Background { read_only, relay, shared, hears, auth, media, idempotency, metrics } = self.background;
        let mut tasks = JoinSet::new();
        shared.start(&mut tasks, hears, stop);
        let (watching, ended) = (auth.clone(), stop.clone());
        tasks.spawn(async move { watching.watch_sessions(ended).await });
        tasks.spawn(keep_metrics_small(metrics, stop.clone()));
        if !read_only {
            tasks.spawn(relay.run(stop.clone()));
            tasks.spawn(media.sweep(stop.clone()));
            tasks.spawn(idempotency.forget_old(stop.clone()));
            let ended = stop.clone();
            tasks.spawn(async move { auth.forget_sessions(ended).await });
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

fn passwords() -> Result<Arc<dyn PasswordHasher>> {
    let threads = PasswordThreads::new(cores(), PASSWORD_QUEUE).context("cannot start the threads for passwords")?;
    Ok(Arc::new(threads))
}

fn media_parts(settings: &Settings, images: &Blobs, records: &Records, clock: &Arc<dyn Clock>) -> Result<media::Parts> {
    let pipeline = ImageThreads::new(cores(), IMAGE_QUEUE).context("cannot start the threads for images")?;
    Ok(media::Parts {
        media: records.media.clone(),
        blobs: Arc::new(CachedBlobs::new(images.store.clone(), CACHE / 2, clock.clone())),
        pipeline: Arc::new(pipeline) as Arc<dyn ImagePipeline>,
        clock: clock.clone(),
        room: images.room.clone(),
        stems: Arc::new(StemSource::new(echo_crypto::random_bytes())),
        quota: settings.images.quota(),
        doomed: Arc::default(),
    })
}

/// What only the inside may see.
fn internal(metrics: PrometheusHandle) -> Router {
    Router::new().route("/metrics", get(async move || metrics.render())).route("/healthz", get(async || "ok"))
}

async fn keep_metrics_small(metrics: PrometheusHandle, mut stop: watch::Receiver<bool>) {
    while !*stop.borrow() {
        metrics.run_upkeep();
        tokio::select! {
            () = tokio::time::sleep(Duration::from_secs(5)) => {}
            _ = stop.changed() => {}
        }
    }
}

fn cores() -> usize {
    available_parallelism().map_or(1, std::num::NonZero::get)
}
