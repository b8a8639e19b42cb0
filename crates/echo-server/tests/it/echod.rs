//! The process under test: one that all stories share, or one of a test's own.

use std::{
    io::{BufRead, BufReader, Read, Write},
    ops::Deref,
    path::Path,
    process::{Child, ChildStdin, Command, ExitStatus, Output, Stdio},
    sync::{Arc, Mutex, mpsc},
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::app::{TestApp, given_address};

/// How long a start, or an end, may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// `echod` as tests run it: on ports that are free, with nothing set but this.
pub fn echod(data: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_echod"));
    command.env_clear().envs(std::env::vars().filter(|(name, _)| name.starts_with("LLVM_")));
    command.envs([("PORT", "0"), ("INTERNAL_ADDR", "127.0.0.1:0"), ("RATE_LIMITS", "off")]);
    // Not here, where somebody's `.env` may lie.
    command.env("DATA_DIR", data).current_dir(data.ancestors().find(|dir| dir.is_dir()).unwrap());
    command
}

/// The same, but no file that it writes may be longer than 16 KiB, as if the disk were full. It runs in the data folder.
pub fn with_little_room(data: &Path, arguments: &[&str]) -> Command {
    let echod = echod(data);
    let mut command = Command::new("/bin/sh");
    // Blocks are of 512 bytes. Ignored, the signal about it becomes an error.
    command.args(["-c", r#"trap '' XFSZ; ulimit -f 32; exec "$0" "$@""#]).arg(echod.get_program()).args(arguments);
    command.env_clear().envs(echod.get_envs().filter_map(|(name, value)| Some((name, value?)))).current_dir(data);
    command
}

/// What a server printed so far.
#[derive(Clone, Default)]
pub struct Log(Arc<Mutex<Vec<String>>>);

impl Log {
    pub fn lines(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }

    pub fn tail(&self) -> String {
        let lines = self.lines();
        lines[lines.len().saturating_sub(30)..].join("\n")
    }

    /// Reads on in the background; the first `http://…:port` goes to `address`.
    fn follow(&self, output: impl Read + Send + 'static, address: Option<mpsc::Sender<String>>) {
        let log = self.clone();
        thread::spawn(move || {
            let mut address = address;
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                if let (Some(found), Some(sender)) = (address_in(&line), &address) {
                    let _ = sender.send(found);
                    address = None;
                }
                log.0.lock().unwrap().push(line);
            }
        });
    }

    /// Follows both outputs of `child` and waits for its address.
    fn await_address(&self, child: &mut Child) -> String {
        let (sender, address) = mpsc::channel();
        self.follow(child.stderr.take().unwrap(), None);
        self.follow(child.stdout.take().unwrap(), Some(sender));
        address.recv_timeout(PATIENCE).unwrap_or_else(|_| panic!("echod printed no address:\n{}", self.tail()))
    }
}

fn address_in(line: &str) -> Option<String> {
    let rest = &line[line.find("http://")? + "http://".len()..];
    let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && !".:[]-".contains(c)).unwrap_or(rest.len());
    let (_, port) = rest[..end].rsplit_once(':')?;
    let port: u16 = port.parse().ok()?;
    Some(format!("http://127.0.0.1:{port}"))
}

/// The one for all stories. A shell holds it and ends it when this process's end closes the pipe between them,
/// however that end comes.
pub struct SharedServer {
    pub address: String,
    pub log: Log,
    _until_closed: ChildStdin,
}

impl SharedServer {
    pub fn start() -> Self {
        let folder = tempfile::Builder::new().prefix("echo-it-").tempdir().unwrap().keep();
        let server = echod(&folder.join("data"));
        let mut shell = Command::new("/bin/sh");
        shell
            .args(["-c", r#"trap '' INT HUP; "$0" & read -r _; kill -9 $!; wait; rm -rf "$PWD""#])
            .arg(server.get_program());
        shell.env_clear().envs(server.get_envs().filter_map(|(name, value)| Some((name, value?)))).current_dir(&folder);
        shell.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut shell = shell.spawn().unwrap();
        let until_closed = shell.stdin.take().unwrap();
        let log = Log::default();
        Self { address: log.await_address(&mut shell), log, _until_closed: until_closed }
    }
}

/// A server of a test's own, with its data folder. It is killed when it goes out of scope.
pub struct OwnServer {
    /// `data` in it is `DATA_DIR`.
    folder: TempDir,
    settings: Vec<(String, String)>,
    child: Child,
    app: TestApp,
}

impl OwnServer {
    /// `None`, with a line that says so, when this run's server is given.
    pub async fn start() -> Option<Self> {
        Self::start_with(&[]).await
    }

    pub async fn start_with(settings: &[(&str, &str)]) -> Option<Self> {
        let folder = own_folder()?;
        let settings: Vec<_> = settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let (child, address, log) = spawn(&folder.path().join("data"), &settings);
        Some(Self { folder, settings, child, app: TestApp::at(&address, log) })
    }

    /// One whose images have a disk of their own, of so many KiB, in namespaces of its own, where anybody may mount.
    pub async fn start_on_a_disk_of(kib: u32) -> Option<Self> {
        let folder = own_folder()?;
        let data = folder.path().join("data");
        std::fs::create_dir_all(data.join("media")).unwrap();
        let echod = echod(&data);
        let mut command = Command::new("/usr/bin/unshare");
        command.args(["--map-root-user", "--mount", "/bin/sh", "-c"]);
        command.arg(r#"/bin/mount -t tmpfs -o size="$1"k tmpfs "$DATA_DIR/media" && exec "$0""#);
        command.arg(echod.get_program()).arg(kib.to_string());
        command.env_clear().envs(echod.get_envs().filter_map(|(name, value)| Some((name, value?)))).current_dir(&data);
        let (child, address, log) = await_start(command.env("MEDIA_MAX_DISK_PERCENT", "100"));
        Some(Self { folder, settings: Vec::new(), child, app: TestApp::at(&address, log) })
    }

    /// Ends it if it still runs, and starts it again on the same data.
    pub fn restart(&mut self) {
        self.kill();
        let (child, address, log) = spawn(&self.data(), &self.settings);
        self.child = child;
        self.app.moved_to(&address);
        self.app.log = log;
    }

    /// The same with other settings, from now on.
    pub fn restart_with(&mut self, settings: &[(&str, &str)]) {
        self.settings = settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        self.restart();
    }

    /// What it was started with.
    pub fn setting(&self, name: &str) -> &str {
        self.settings.iter().find(|(set, _)| set == name).map(|(_, value)| value.as_str()).unwrap()
    }

    pub fn data(&self) -> std::path::PathBuf {
        self.folder.path().join("data")
    }

    /// What it has in memory, in bytes: now, and at most since the start or [`Self::forget_most_memory`].
    pub fn memory(&self) -> (u64, u64) {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let kib = |name: &str| -> u64 {
            let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
            line.split_ascii_whitespace().next().unwrap().parse().unwrap()
        };
        (kib("VmRSS:") * 1024, kib("VmHWM:") * 1024)
    }

    /// From now on, the most is what it has now: proc(5), `clear_refs`.
    pub fn forget_most_memory(&self) {
        std::fs::write(format!("/proc/{}/clear_refs", self.child.id()), "5").unwrap();
    }

    /// `kill -9`.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Asks it to end, and waits until it has.
    pub fn stop(&mut self, signal: Signal) -> ExitStatus {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
        wait(&mut self.child, PATIENCE)
            .unwrap_or_else(|| panic!("echod goes on after {signal:?}:\n{}", self.app.log.tail()))
    }

    /// `echod` with these arguments on the same data, until it ends by itself.
    pub fn run(&self, arguments: &[&str], input: &str) -> Output {
        run(echod(&self.data()).args(arguments), input)
    }
}

impl Deref for OwnServer {
    type Target = TestApp;

    fn deref(&self) -> &TestApp {
        &self.app
    }
}

impl Drop for OwnServer {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A fresh folder for a test with processes of its own; `None`, with a line that says so, when this run's server is given.
pub fn own_folder() -> Option<TempDir> {
    if given_address().is_some() {
        eprintln!("left out: needs a server of its own, and ECHO_TEST_URL is set");
        return None;
    }
    Some(tempfile::Builder::new().prefix("echo-it-").tempdir().unwrap())
}

fn spawn(data: &Path, settings: &[(String, String)]) -> (Child, String, Log) {
    await_start(echod(data).envs(settings.iter().map(|(name, value)| (name, value))))
}

fn await_start(command: &mut Command) -> (Child, String, Log) {
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let log = Log::default();
    let address = log.await_address(&mut child);
    (child, address, log)
}

/// Runs it on this input to its end; kills it and fails when that does not come.
pub fn run(command: &mut Command, input: &str) -> Output {
    run_within(command, input, PATIENCE)
}

/// The same, for what may take longer.
pub fn run_within(command: &mut Command, input: &str, patience: Duration) -> Output {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // It need not read it.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    if wait(&mut child, patience).is_none() {
        let _ = child.kill();
        panic!("does not end: {command:?}\n{:?}", child.wait_with_output());
    }
    child.wait_with_output().unwrap()
}

fn wait(child: &mut Child, patience: Duration) -> Option<ExitStatus> {
    let deadline = Instant::now() + patience;
    while Instant::now() < deadline {
        if let Some(status) = child.try_wait().unwrap() {
            return Some(status);
        }
        thread::sleep(Duration::from_millis(10));
    }
    None
}
