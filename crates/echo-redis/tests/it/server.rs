//! A Redis server of one test's own.

use std::{
    net::TcpListener,
    process::{Child, Command, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};

use echo_redis::Redis;

/// Ends with the test, and can be killed and started again before.
pub(crate) struct Server {
    program: &'static str,
    arguments: Vec<String>,
    port: u16,
    folder: tempfile::TempDir,
    process: Option<Child>,
}

impl Server {
    /// One that remembers nothing when it is killed.
    pub(crate) fn start() -> Self {
        Self::with("redis-server", &[])
    }

    pub(crate) fn with(program: &'static str, arguments: &[&str]) -> Self {
        let mut server = Self {
            program,
            arguments: arguments.iter().map(ToString::to_string).collect(),
            port: free_port(),
            folder: tempfile::tempdir().expect("a folder for the server"),
            process: None,
        };
        server.restart();
        server
    }

    /// A Sentinel that watches over `master` under the name `echo`.
    pub(crate) fn sentinel(master: &Self) -> Self {
        let folder = tempfile::tempdir().expect("a folder for Sentinel");
        let port = free_port();
        let file = folder.path().join("sentinel.conf");
        let watched = master.port;
        let settings = format!(
            "port {port}\nbind 127.0.0.1\nsentinel monitor echo 127.0.0.1 {watched} 1\n\
             sentinel down-after-milliseconds echo 500\nsentinel failover-timeout echo 3000\n"
        );
        std::fs::write(&file, settings).expect("Sentinel's settings");
        let arguments = vec![file.to_str().expect("a path in UTF-8").to_owned()];
        let mut server = Self { program: "redis-sentinel", arguments, port, folder, process: None };
        server.restart();
        server
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    pub(crate) async fn open(&self) -> Arc<Redis> {
        Redis::open(&self.url()).await.expect("an open Redis")
    }

    /// Ends it without a word to those who are connected.
    pub(crate) fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill().expect("a process that can be killed");
            process.wait().expect("a process that ends");
        }
    }

    /// Starts it anew, at the same place, and waits until it answers.
    pub(crate) fn restart(&mut self) {
        self.kill();
        let mut command = Command::new(self.program);
        if self.program == "redis-server" {
            command.args(["--port", &self.port.to_string(), "--bind", "127.0.0.1", "--save", "", "--dir"]);
            command.arg(self.folder.path());
        }
        let started = command.args(&self.arguments).stdout(Stdio::null()).spawn();
        self.process = Some(started.unwrap_or_else(|error| panic!("{} must be installed: {error}", self.program)));
        let deadline = Instant::now() + Duration::from_secs(20);
        while !["PONG", "NOAUTH"].iter().any(|word| self.tell(&["PING"]).contains(word)) {
            assert!(Instant::now() < deadline, "{} does not answer", self.program);
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// What the server says to a command, as `redis-cli` shows it.
    pub(crate) fn tell(&self, command: &[&str]) -> String {
        let port = self.port.to_string();
        let said = Command::new("redis-cli").args(["-p", &port]).args(command).output().expect("redis-cli");
        String::from_utf8_lossy(&said.stdout).trim().to_owned()
    }
}

/// Three masters that share the keys.
pub(crate) struct Cluster(Vec<Server>);

impl Cluster {
    pub(crate) async fn start() -> Self {
        let masters: Vec<_> = (0..3)
            .map(|_| {
                let bus = free_port().to_string();
                Server::with("redis-server", &["--cluster-enabled", "yes", "--cluster-port", &bus])
            })
            .collect();
        let mut create = Command::new("redis-cli");
        create.args(["--cluster", "create"]).args(masters.iter().map(|master| format!("127.0.0.1:{}", master.port)));
        let created = create.arg("--cluster-yes").output().expect("redis-cli");
        assert!(created.status.success(), "{}", String::from_utf8_lossy(&created.stdout));
        for master in &masters {
            eventually("the Cluster is up", async || master.tell(&["CLUSTER", "INFO"]).contains("cluster_state:ok"))
                .await;
        }
        Self(masters)
    }

    /// How many keys each master has.
    pub(crate) fn keys_of_each(&self) -> Vec<usize> {
        self.0.iter().map(|master| master.tell(&["DBSIZE"]).parse().expect("a number")).collect()
    }

    pub(crate) fn url(&self) -> String {
        format!("redis-cluster://127.0.0.1:{}", self.0[0].port)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Asks until it is so; fails when it is not within ten seconds.
pub(crate) async fn eventually(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(10);
    while !is_so().await {
        assert!(Instant::now() < deadline, "not within ten seconds: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

pub(crate) fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("an address").port()
}
