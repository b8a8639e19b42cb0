//! An Echo that is measured: processes of this same program, with every setting at its default, on a folder of their own.

use std::{
    fs::{self, File},
    net::SocketAddr,
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use tokio::time::sleep;

use super::{client, client::Connection, machine};

/// How long a start may take, and how long what follows from writes.
const PATIENCE: Duration = Duration::from_secs(60);
/// How often it is looked whether something has come.
const LOOK: Duration = Duration::from_millis(20);

/// A process that ends, at once, when this is dropped.
struct Process(Child);

impl Process {
    /// Starts `echod`, with nothing of the caller's settings, and no `.env`.
    fn echod(folder: &Path, arguments: &[&str], errors: Stdio) -> Result<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        command.env_clear().current_dir(folder).args(arguments);
        command.env("DATA_DIR", folder.join("data")).env("PORT", "0").env("INTERNAL_ADDR", "127.0.0.1:0");
        // All come from one address here.
        command.env("RATE_LIMITS", "off");
        command.stdin(Stdio::null()).stdout(log(folder)?).stderr(errors);
        Ok(Self(command.spawn().context("cannot start echod once more")?))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Fills the data folder, as `echod seed` does. `errors` is where that says how far it is; without, it goes to the log.
///
/// # Errors
/// With what it said.
pub(super) async fn seed(folder: &Path, arguments: &[&str], errors: Option<Stdio>) -> Result<()> {
    let errors = errors.map_or_else(|| log(folder).map(Stdio::from), Ok)?;
    let mut seed = Process::echod(folder, arguments, errors)?;
    loop {
        match seed.0.try_wait()? {
            Some(status) if status.success() => return Ok(()),
            Some(_) => bail!("cannot fill the folder: {}", last_words(folder)),
            None => sleep(LOOK).await,
        }
    }
}

/// A server that listens.
pub(super) struct Server {
    process: Process,
    pub(super) address: SocketAddr,
    metrics: SocketAddr,
}

impl Server {
    /// Starts it on the data folder.
    ///
    /// # Errors
    /// With what it said, when it does not start.
    pub(super) async fn start(folder: &Path) -> Result<Self> {
        let mut process = Process::echod(folder, &["bench", "--serve"], log(folder)?.into())?;
        let started = Instant::now();
        loop {
            let said = fs::read_to_string(folder.join(LOG))?;
            if let (Some(address), Some(metrics)) =
                (after(&said, "is ready at http://"), after(&said, "Metrics http://"))
            {
                return Ok(Self { process, address, metrics });
            }
            let alive = process.0.try_wait()?.is_none() && started.elapsed() < PATIENCE;
            ensure!(alive, "the Echo to be measured does not start: {}", last_words(folder));
            sleep(LOOK).await;
        }
    }

    /// The processor time that it has used so far.
    ///
    /// # Errors
    /// When it is gone.
    pub(super) fn cpu(&self) -> Result<Duration> {
        machine::cpu(self.process.0.id())
    }

    /// The most that it had in memory, in bytes.
    ///
    /// # Errors
    /// When it is gone.
    pub(super) fn most_memory(&self) -> Result<u64> {
        machine::most_memory(self.process.0.id())
    }

    /// Waits until it has done what follows from writes: until it rests. Tells how long that took.
    ///
    /// # Errors
    /// When it is gone, or never rests.
    pub(super) async fn rests(&self) -> Result<Duration> {
        const GLANCE: Duration = Duration::from_millis(100);
        let started = Instant::now();
        loop {
            let (before, began) = (self.cpu()?, Instant::now());
            sleep(GLANCE).await;
            if (self.cpu()? - before).as_secs_f64() < 0.15 * began.elapsed().as_secs_f64() {
                return Ok(started.elapsed().saturating_sub(GLANCE));
            }
            ensure!(started.elapsed() < PATIENCE, "the Echo to be measured never comes to rest");
        }
    }

    /// How long the database has been at writing commits to disk, since the start, in seconds; `None` when it does not tell.
    ///
    /// # Errors
    /// When it does not answer.
    pub(super) async fn commits(&self) -> Result<Option<f64>> {
        let (status, text) = Connection::open(self.metrics).await?.send(&client::get("/metrics", None)?).await?;
        ensure!(status.is_success(), "/metrics answers {status}");
        Ok(value(&String::from_utf8_lossy(&text), "echo_sqlite_commit_seconds_sum"))
    }
}

const LOG: &str = "echod.log";

/// What the processes say is in a file, so that nobody has to read it meanwhile.
fn log(folder: &Path) -> Result<File> {
    Ok(File::options().create(true).append(true).open(folder.join(LOG))?)
}

fn last_words(folder: &Path) -> String {
    let said = fs::read_to_string(folder.join(LOG)).unwrap_or_default();
    said.trim().lines().last().unwrap_or("it said nothing").to_owned()
}

/// The address after `mark`, up to a path or the line's end. The line may not be there, or not be whole, yet.
fn after(said: &str, mark: &str) -> Option<SocketAddr> {
    let (address, _) = said.split_once(mark)?.1.split_once(['/', '\n'])?;
    address.replace("localhost", "127.0.0.1").parse().ok()
}

/// Of a metric without labels, in Prometheus' text.
fn value(text: &str, name: &str) -> Option<f64> {
    text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '))?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_found_once_its_line_is_whole() {
        let said = "\nEcho 0.1.0 is ready at http://localhost:4711\n\n  Metrics http://127.0.0.1:9464/metrics\n";

        assert_eq!(after(said, "is ready at http://"), "127.0.0.1:4711".parse().ok());
        assert_eq!(after(said, "Metrics http://"), "127.0.0.1:9464".parse().ok());
        assert_eq!(after("Echo is ready at http://localhost:47", "is ready at http://"), None);
    }

    #[test]
    fn a_metric_is_its_value() {
        let text = "# TYPE a_sum gauge\na_sum_b 3\na_sum{x=\"1\"} 4\na_sum 0.25\n";

        assert_eq!(value(text, "a_sum"), Some(0.25));
        assert_eq!(value(text, "a"), None);
    }
}
