//! The servers that a cluster stands on, as processes of a test's own.

use std::{
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicU32, Ordering},
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

/// How long a start may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// A server on a port and a folder of its own. It is killed when it goes out of scope.
pub struct Server {
    command: fn(port: u16, folder: &Path) -> Command,
    port: u16,
    folder: TempDir,
    child: Child,
}

impl Server {
    /// One that speaks MongoDB's protocol: `MONGOD`, else the one that `scripts/test` installs.
    pub fn mongo() -> Self {
        Self::start(|port, folder| {
            let mut command = Command::new(mongod());
            command.args(["--sync-on-commit", "--port", &port.to_string(), "--storage-path"]).arg(folder);
            command
        })
    }

    /// A Redis that keeps nothing on disk.
    pub fn redis() -> Self {
        Self::start(|port, folder| {
            let mut command = Command::new("redis-server");
            command.args(["--save", "", "--appendonly", "no", "--port", &port.to_string(), "--dir"]).arg(folder);
            command
        })
    }

    fn start(command: fn(u16, &Path) -> Command) -> Self {
        let folder = tempfile::Builder::new().prefix("echo-it-").tempdir().unwrap();
        let port = free_port();
        let child = spawn(command(port, folder.path()));
        let mut server = Self { command, port, folder, child };
        server.await_start();
        server
    }

    pub fn mongodb_uri(&self) -> String {
        format!("mongodb://127.0.0.1:{}/echo?{}", self.port, mongo_query())
    }

    pub fn redis_url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// `kill -9`.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Starts it again after a kill, on the same port and folder.
    pub fn restart(&mut self) {
        self.child = spawn((self.command)(self.port, self.folder.path()));
        self.await_start();
    }

    /// Stops it for a while: connections stay, and nothing answers.
    pub fn freeze(&self) {
        kill_process(Pid::from_child(&self.child), Signal::STOP).unwrap();
    }

    pub fn thaw(&self) {
        kill_process(Pid::from_child(&self.child), Signal::CONT).unwrap();
    }

    fn await_start(&mut self) {
        let deadline = Instant::now() + PATIENCE;
        while TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            if let Some(status) = self.child.try_wait().unwrap() {
                panic!("{:?} ended with {status}", (self.command)(self.port, self.folder.path()));
            }
            assert!(Instant::now() < deadline, "{:?} does not listen", (self.command)(self.port, self.folder.path()));
            thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A port that nobody has, and that no connection is given before it is used: those come from 32768 on, ip(7).
pub fn free_port() -> u16 {
    const FIRST: u32 = 16_384;
    static TAKEN: AtomicU32 = AtomicU32::new(0);
    // Several test processes begin at different places.
    let from = std::process::id().wrapping_mul(97);
    loop {
        let next = from.wrapping_add(TAKEN.fetch_add(1, Ordering::Relaxed)) % FIRST;
        let port = u16::try_from(FIRST + next).unwrap();
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

/// Waits until somebody listens there.
pub fn await_port(port: u16) {
    let deadline = Instant::now() + PATIENCE;
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(Instant::now() < deadline, "nobody listens on port {port}");
        thread::sleep(Duration::from_millis(20));
    }
}

fn spawn(mut command: Command) -> Child {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}; scripts/test installs it"))
}

fn mongod() -> PathBuf {
    let installed = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/venv/bin/secantusd-py");
    setting("MONGOD").map_or(installed, PathBuf::from)
}

/// What the URI of that server ends with.
fn mongo_query() -> String {
    setting("MONGO_QUERY").unwrap_or_else(|| "replicaSet=secantus&directConnection=true".to_owned())
}

#[expect(clippy::disallowed_methods, reason = "the tests' own setting, no server's")]
fn setting(name: &str) -> Option<String> {
    std::env::var(name).ok()
}
