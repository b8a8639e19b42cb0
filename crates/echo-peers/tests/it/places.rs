//! What the areas stand on: SQLite, files, and real passwords and images.

use std::sync::Arc;

use echo_crypto::{AccessSigner, Keys, PasswordThreads, RefreshSigner};
use echo_domain::{
    Alone, Clock, Timestamp,
    auth::{self, AuthService, Gate, Lookup, PasswordHasher},
    contract::{Backend, sample},
    media::{self, BlobStore, MediaDesk, MediaService, RoomEnough, StemSource},
    posts::{Catalog, PostCatalog},
    users::{Directory, ProfileDirectory},
};
use echo_media::{FileBlobs, ImageThreads};
use echo_peers::Served;
use echo_sqlite::{
    Database, Options, SqliteAccounts, SqliteEvents, SqliteIdempotency, SqliteMedia, SqlitePosts, SqliteProfiles,
};
use tempfile::TempDir;

/// Stands still: nothing is forgotten by age, so that what is not forgotten by the change shows.
pub struct Noon;

impl Clock for Noon {
    fn now(&self) -> Timestamp {
        sample::NOW
    }
}

/// All areas of one process, and what they stand on.
pub struct Place {
    pub backend: Backend,
    pub passwords: Arc<dyn PasswordHasher>,
    pub blobs: Arc<dyn BlobStore>,
    pub lookup: Arc<dyn Lookup>,
    pub directory: Arc<dyn Directory>,
    pub catalog: Arc<dyn Catalog>,
    pub desk: Arc<dyn MediaDesk>,
    _folder: TempDir,
}

impl Place {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let backend = backend(Database::open(&folder.path().join("echo.db"), Options::default()).unwrap());
        let passwords: Arc<dyn PasswordHasher> = Arc::new(PasswordThreads::new(2, 64).unwrap());
        let blobs: Arc<dyn BlobStore> = Arc::new(FileBlobs::open(&folder.path().join("media")).unwrap());
        let directory: Arc<dyn Directory> = Arc::new(ProfileDirectory { profiles: backend.profiles.clone() });
        let catalog = PostCatalog { posts: backend.posts.clone(), directory: directory.clone() };
        Self {
            lookup: Arc::new(auth(&backend, &directory, &passwords)),
            catalog: Arc::new(catalog),
            desk: Arc::new(desk(&backend, &blobs)),
            directory,
            backend,
            passwords,
            blobs,
            _folder: folder,
        }
    }

    pub fn served(&self) -> Served {
        Served {
            lookup: Some(self.lookup.clone()),
            directory: Some(self.directory.clone()),
            catalog: Some(self.catalog.clone()),
            desk: Some(self.desk.clone()),
        }
    }
}

fn backend(database: Arc<Database>) -> Backend {
    Backend {
        accounts: Arc::new(SqliteAccounts(database.clone())),
        sessions: Arc::new(SqliteAccounts(database.clone())),
        profiles: Arc::new(SqliteProfiles(database.clone())),
        posts: Arc::new(SqlitePosts(database.clone())),
        media: Arc::new(SqliteMedia(database.clone())),
        events: Arc::new(SqliteEvents(database.clone())),
        requests: Arc::new(SqliteIdempotency(database)),
    }
}

pub fn auth(backend: &Backend, directory: &Arc<dyn Directory>, passwords: &Arc<dyn PasswordHasher>) -> AuthService {
    let secret = [7; 32];
    let clock: Arc<dyn Clock> = Arc::new(Noon);
    let access = Arc::new(AccessSigner::hs256(&secret).unwrap());
    AuthService::new(auth::Parts {
        accounts: backend.accounts.clone(),
        sessions: backend.sessions.clone(),
        directory: directory.clone(),
        passwords: passwords.clone(),
        gate: Arc::new(Gate::new(access, clock.clone())),
        refresh: Arc::new(RefreshSigner::new(Keys::from_secret(&secret).derive("refresh tokens"))),
        clock,
        others: Arc::new(Alone),
    })
}

fn desk(backend: &Backend, blobs: &Arc<dyn BlobStore>) -> MediaService {
    MediaService::new(media::Parts {
        media: backend.media.clone(),
        blobs: blobs.clone(),
        pipeline: Arc::new(ImageThreads::new(2, 64).unwrap()),
        clock: Arc::new(Noon),
        room: Arc::new(RoomEnough),
        stems: Arc::new(StemSource::new([7; 32])),
        quota: 1 << 30,
        doomed: Arc::default(),
    })
}
