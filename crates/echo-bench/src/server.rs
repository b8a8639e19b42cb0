//! The servers under load: `echod`, and the bare one. Each is a process of its own.

use std::{
    fs::{self, File},
    io::{BufRead, BufReader, Lines},
    net::{TcpListener, TcpStream},
    path::Path,
    process::{Child, ChildStdout, Command, Stdio},
    rc::Rc,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use rustix::process::{Pid, Signal, kill_process};

use crate::{client::Reply, machine, shape::Backing};

/// A running server; it ends when this is dropped.
pub(crate) struct Server {
    child: Child,
    /// Its pipe stays open: a server that cannot print may not start.
    _output: Lines<BufReader<ChildStdout>>,
    /// Such as `http://127.0.0.1:4711`.
    pub(crate) url: String,
    /// Where its metrics are; the bare one has none.
    metrics: Option<String>,
    /// From the start of the process to the first time that it said it was ready.
    pub(crate) ready: Duration,
    /// Goes after it.
    _backing: Option<Rc<Backing>>,
}

impl Server {
    /// Starts `echod` on a data folder, with every setting at its default but the limits, which are off, and what `settings`
    /// say. With a backing, the records are there.
    ///
    /// # Errors
    /// When it does not start.
    pub(crate) fn echod(
        program: &Path,
        data: &Path,
        backing: Option<Rc<Backing>>,
        settings: &[(String, String)],
    ) -> Result<Self> {
        let mut command = Command::new(program);
        // Nothing of the caller's settings, and no `.env`.
        command.env_clear().current_dir(data);
        command.env("DATA_DIR", data).env("RATE_LIMITS", "off").env("PORT", "0").env("INTERNAL_ADDR", "127.0.0.1:0");
        command.envs(backing.iter().flat_map(|backing| backing.settings()));
        command.envs(settings.iter().map(|(name, value)| (name, value)));
        let log = tempfile::Builder::new().prefix("echod-").suffix(".log").tempfile_in(data)?.keep()?.1;
        command.stderr(File::create(&log)?);
        let why = || fs::read_to_string(&log).unwrap_or_default();
        let started = Instant::now();
        let (child, mut output) = spawn(&mut command)?;
        let url = after(&mut output, "is ready at ").with_context(why)?.replace("localhost", "127.0.0.1");
        // Services say here which roles they have.
        let url = url.split(',').next().unwrap_or_default().to_owned();
        let metrics = after(&mut output, "Metrics ").with_context(why)?;
        while ureq::get(format!("{url}/readyz")).call().is_err() {
            ensure!(started.elapsed() < Duration::from_secs(60), "echod does not become ready");
            std::thread::sleep(Duration::from_millis(1));
        }
        Ok(Self { child, _output: output, url, metrics: Some(metrics), ready: started.elapsed(), _backing: backing })
    }

    /// Starts the bare server, which answers `path` with what `reply` has.
    ///
    /// # Errors
    /// When it does not start.
    pub(crate) fn bare(path: &str, reply: &Reply) -> Result<Self> {
        let body = tempfile::NamedTempFile::new()?;
        fs::write(body.path(), &reply.body)?;
        let started = Instant::now();
        let mut command = Command::new(std::env::current_exe()?);
        command.env_clear().args(["bare", "--path", path, "--content-type", &reply.content_type, "--body"]);
        let (child, mut output) = spawn(command.arg(body.path()))?;
        let url = after(&mut output, "")?;
        Ok(Self { child, _output: output, url, metrics: None, ready: started.elapsed(), _backing: None })
    }

    /// Starts the server that has counted requests of so many routes.
    ///
    /// # Errors
    /// When it does not start.
    pub(crate) fn counted(routes: usize) -> Result<Self> {
        let started = Instant::now();
        let mut command = Command::new(std::env::current_exe()?);
        let (child, mut output) = spawn(command.env_clear().args(["counted", "--routes", &routes.to_string()]))?;
        let url = after(&mut output, "")?;
        Ok(Self { child, _output: output, url, metrics: None, ready: started.elapsed(), _backing: None })
    }

    /// Starts nginx, which serves what is in a folder by `sendfile`, with as many processes as there are processors.
    ///
    /// # Errors
    /// When it does not start.
    pub(crate) fn nginx(root: &Path) -> Result<Self> {
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let settings = root.join("nginx.conf");
        fs::write(&settings, nginx_settings(root, port))?;
        let started = Instant::now();
        let mut command = Command::new("nginx");
        command.arg("-p").arg(root).arg("-c").arg(&settings).arg("-e").arg(root.join("error.log"));
        let (child, output) = spawn(&mut command).context("apt-get install nginx")?;
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            ensure!(started.elapsed() < Duration::from_secs(10), "nginx does not listen");
            std::thread::sleep(Duration::from_millis(1));
        }
        let url = format!("http://127.0.0.1:{port}");
        Ok(Self { child, _output: output, url, metrics: None, ready: started.elapsed(), _backing: None })
    }

    /// The processor time that it has used so far, with the processes that it has started.
    ///
    /// # Errors
    /// When it is gone.
    pub(crate) fn cpu(&self) -> Result<Duration> {
        let id = self.child.id();
        let others = fs::read_to_string(format!("/proc/{id}/task/{id}/children"))?;
        let others = others.split_whitespace().map(|other| machine::cpu(other.parse()?));
        others.chain([machine::cpu(id)]).sum()
    }

    /// What it has in memory, in bytes: now, and at most so far.
    ///
    /// # Errors
    /// When it is gone.
    pub(crate) fn memory(&self) -> Result<(u64, u64)> {
        machine::memory(self.child.id())
    }

    /// The value of a metric without labels.
    ///
    /// # Errors
    /// When it has no such metric yet.
    pub(crate) fn metric(&self, name: &str) -> Result<f64> {
        let address = self.metrics.as_ref().context("the bare server has no metrics")?;
        let text = ureq::get(address).call()?.body_mut().read_to_string()?;
        let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        Ok(value.with_context(|| format!("no metric {name}"))?.parse()?)
    }
}

impl Drop for Server {
    /// Lets it end in peace, so that its data folder is whole.
    fn drop(&mut self) {
        let asked = Pid::from_raw(self.child.id().cast_signed()).map(|pid| kill_process(pid, Signal::TERM));
        if !matches!(asked, Some(Ok(()))) {
            let _ = self.child.kill();
        }
        let _ = self.child.wait();
    }
}

fn nginx_settings(root: &Path, port: u16) -> String {
    // Everything that it would write elsewhere stays in the folder.
    let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
    let temporary: String = temporary.iter().map(|what| format!("{what}_temp_path {what};\n")).collect();
    format!(
        "daemon off;\nuser root;\npid nginx.pid;\nworker_processes {cores};\nevents {{ worker_connections 1024; }}\n\
         http {{\n{temporary}access_log off;\nsendfile on;\ntcp_nopush on;\nkeepalive_requests 1000000000;\n\
         types {{ image/webp webp; }}\nserver {{ listen 127.0.0.1:{port}; root {root}; }}\n}}\n",
        cores = machine::cores(),
        root = root.display(),
    )
}

fn spawn(command: &mut Command) -> Result<(Child, Lines<BufReader<ChildStdout>>)> {
    let mut child = command
        .stdout(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot run {}", command.get_program().display()))?;
    let output = child.stdout.take().context("it has no output")?;
    Ok((child, BufReader::new(output).lines()))
}

/// What follows `mark` in the next line that has it.
fn after(output: &mut Lines<BufReader<ChildStdout>>, mark: &str) -> Result<String> {
    for line in output {
        if let Some((_, rest)) = line?.split_once(mark) {
            return Ok(rest.to_owned());
        }
    }
    anyhow::bail!("the server did not start")
}
