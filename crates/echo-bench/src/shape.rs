//! The shapes of Echo, and the servers that its cluster stands on.

use std::{
    ffi::OsString,
    fs::{self, File},
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};

/// How long a server may take until it listens.
const PATIENCE: Duration = Duration::from_secs(60);

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Shape {
    /// One process, on SQLite
    Embedded,
    /// On MongoDB and Redis, which the bench starts
    Cluster,
}

/// What speaks MongoDB's protocol.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Mongod {
    /// Server for MongoDB's protocol, given --port and --storage-path; the one of scripts/test if there is none
    #[arg(long, env = "MONGOD", value_name = "PROGRAM", global = true)]
    mongod: Option<PathBuf>,
    /// What follows the ? in that server's address
    #[arg(
        long,
        env = "MONGO_QUERY",
        value_name = "OPTIONS",
        default_value = "replicaSet=secantus&directConnection=true",
        global = true
    )]
    mongo_query: String,
}

impl Mongod {
    fn program(&self) -> PathBuf {
        let installed = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/venv/bin/secantusd-py");
        self.mongod.clone().unwrap_or_else(installed)
    }
}

/// A MongoDB and a Redis of the bench's own, fresh ones. They end when this is dropped.
pub(crate) struct Backing {
    _mongo: Process,
    _redis: Process,
    mongodb_uri: String,
    redis_url: String,
    _folder: tempfile::TempDir,
}

impl Backing {
    /// Starts both, with their files under `folder`.
    ///
    /// # Errors
    /// When one does not start.
    pub(crate) fn start(mongod: &Mongod, folder: &Path) -> Result<Self> {
        let folder = tempfile::tempdir_in(folder)?;
        let (mongo_port, redis_port) = (free_port()?, free_port()?);
        let storage = folder.path().join("mongo");
        fs::create_dir(&storage)?;
        let mut mongo = Command::new(mongod.program());
        mongo.args(["--port", &mongo_port.to_string(), "--storage-path"]).arg(storage);
        let mut redis = Command::new("redis-server");
        redis.args(["--save", "", "--appendonly", "no", "--port", &redis_port.to_string()]);
        Ok(Self {
            _mongo: Process::start(&mut mongo, mongo_port, folder.path())?,
            _redis: Process::start(&mut redis, redis_port, folder.path())?,
            mongodb_uri: format!("mongodb://127.0.0.1:{mongo_port}/echo?{}", mongod.mongo_query),
            redis_url: format!("redis://127.0.0.1:{redis_port}"),
            _folder: folder,
        })
    }

    /// Moves what a data folder has into the MongoDB.
    ///
    /// # Errors
    /// When `echod` cannot.
    pub(crate) fn fill(&self, echod: &Path, data: &Path) -> Result<()> {
        let mut command = Command::new(echod);
        command.env_clear().current_dir(data).env("DATA_DIR", data).args(["migrate", "--to", &self.mongodb_uri]);
        let output = command.output()?;
        ensure!(output.status.success(), "echod migrate: {}", String::from_utf8_lossy(&output.stderr));
        Ok(())
    }

    /// What `echod` is told of these.
    pub(crate) fn settings(&self) -> [(&'static str, &str); 3] {
        [
            ("MONGODB_URI", &self.mongodb_uri),
            ("REDIS_URL", &self.redis_url),
            ("JWT_SECRET", "one for all processes of this bench, and for nothing else"),
        ]
    }
}

/// A server that is killed when this is dropped.
struct Process(Child);

impl Process {
    /// Returns once it listens.
    fn start(command: &mut Command, port: u16, folder: &Path) -> Result<Self> {
        let name = command.get_program().to_owned();
        let log = folder.join(Path::new(&name).file_name().unwrap_or(&OsString::new())).with_extension("log");
        command.current_dir(folder).stdin(Stdio::null()).stdout(File::create(&log)?).stderr(File::create(&log)?);
        let mut process = Self(command.spawn().with_context(|| format!("cannot run {}", name.display()))?);
        let started = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            if process.0.try_wait()?.is_some() || started.elapsed() > PATIENCE {
                bail!("{} does not start: {}", name.display(), fs::read_to_string(&log).unwrap_or_default());
            }
            thread::sleep(Duration::from_millis(20));
        }
        Ok(process)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A port that nobody has now.
///
/// # Errors
/// When there is none.
pub(crate) fn free_port() -> Result<u16> {
    Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port())
}
