//! The box, and what processes take of it: read from `/proc`.

use std::{
    fs::{self, File},
    io::Write,
    path::Path,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};

/// What the figures depend on.
#[derive(Debug, Clone)]
pub(super) struct Machine {
    pub(super) model: String,
    pub(super) cores: usize,
    /// In bytes.
    pub(super) memory: u64,
    /// What the disk takes to keep 4 KiB more: the median of many.
    pub(super) fsync: Duration,
}

impl Machine {
    /// `folder` is on the disk that counts.
    ///
    /// # Errors
    /// Where there is no `/proc`, or the disk takes nothing.
    pub(super) fn describe(folder: &Path) -> Result<Self> {
        let cpus = fs::read_to_string("/proc/cpuinfo").context("`echod bench` needs Linux")?;
        Ok(Self { model: model(&cpus), cores: cores(), memory: memory()?.0, fsync: fsync(folder)? })
    }
}

/// As many as this process may use.
pub(super) fn cores() -> usize {
    thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

/// The processor time that the process has used so far.
///
/// # Errors
/// When it is gone.
pub(super) fn cpu(process: u32) -> Result<Duration> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).context("the server is gone")?;
    let ticks = ticks(&stat).context("/proc/PID/stat is not as proc(5) says")?;
    Ok(Duration::from_secs(ticks) / u32::try_from(rustix::param::clock_ticks_per_second())?)
}

/// The most that the process had in memory, in bytes.
///
/// # Errors
/// When it is gone.
pub(super) fn most_memory(process: u32) -> Result<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).context("the server is gone")?;
    kibibytes(&status, "VmHWM").context("/proc/PID/status is not as proc(5) says")
}

/// What there is, and what of it can still be had, in bytes.
///
/// # Errors
/// Where there is no `/proc`.
pub(super) fn memory() -> Result<(u64, u64)> {
    let all = fs::read_to_string("/proc/meminfo").context("`echod bench` needs Linux")?;
    let field = |name| kibibytes(&all, name).context("/proc/meminfo is not as proc(5) says");
    Ok((field("MemTotal")?, field("MemAvailable")?))
}

/// A look at all processors: how long they were idle, and how long there was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Processors {
    idle: u64,
    all: u64,
}

impl Processors {
    /// # Errors
    /// Where there is no `/proc`.
    pub(super) fn look() -> Result<Self> {
        Self::parse(&fs::read_to_string("/proc/stat")?).context("/proc/stat is not as proc(5) says")
    }

    fn parse(stat: &str) -> Option<Self> {
        let fields = stat.lines().next()?.strip_prefix("cpu ")?.split_ascii_whitespace();
        let fields = fields.map(str::parse).collect::<Result<Vec<u64>, _>>().ok()?;
        // idle and iowait; guests are counted in user time already.
        Some(Self { idle: fields.get(3)? + fields.get(4)?, all: fields.iter().take(8).sum() })
    }

    /// The part of the time since an earlier look that they were not idle, whoever used them.
    pub(super) fn busy_since(self, before: Self) -> f64 {
        let (idle, all) = (self.idle.saturating_sub(before.idle), self.all.saturating_sub(before.all));
        if all == 0 { 0.0 } else { 1.0 - idle as f64 / all as f64 }
    }
}

/// The median of many, within a second.
fn fsync(folder: &Path) -> Result<Duration> {
    let path = folder.join("fsync");
    let mut file = File::create(&path)?;
    let (began, mut times) = (Instant::now(), Vec::new());
    while times.len() < 200 && began.elapsed() < Duration::from_secs(1) {
        let started = Instant::now();
        file.write_all(&[7; 4096])?;
        file.sync_data()?;
        times.push(started.elapsed());
    }
    fs::remove_file(path)?;
    times.sort();
    Ok(times[times.len() / 2])
}

/// User and system time. The name before, in brackets, may have spaces.
fn ticks(stat: &str) -> Option<u64> {
    let mut fields = stat.rsplit_once(')')?.1.split_ascii_whitespace().skip(11);
    let (user, system): (u64, u64) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
    Some(user + system)
}

/// The number after `name:`, in bytes.
fn kibibytes(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
    Some(line.split_ascii_whitespace().next()?.parse::<u64>().ok()? * 1024)
}

fn model(cpus: &str) -> String {
    let name = cpus.lines().find_map(|line| line.strip_prefix("model name")?.split_once(':'));
    name.map_or_else(|| std::env::consts::ARCH.to_owned(), |(_, name)| name.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processor_time_is_found_behind_any_name() {
        assert_eq!(ticks("7 (a) b) S 1 7 7 0 -1 4194304 100 0 0 0 250 50 30 10 20 0 9 0 1 2 3"), Some(300));
        assert_eq!(ticks("7 (echod) S 1"), None);
    }

    #[test]
    fn a_field_is_its_number() {
        assert_eq!(kibibytes("Name:\techod\nVmHWM:\t   20480 kB\n", "VmHWM"), Some(20_971_520));
        assert_eq!(kibibytes("VmHWMx:\t1 kB\n", "VmHWM"), None);
    }

    #[test]
    fn busy_is_what_was_not_idle() {
        let [before, after] = ["cpu  10 0 10 100 0 0 0 0 0 0\n", "cpu  30 0 15 170 5 0 0 0 0 0\n"]
            .map(|stat| Processors::parse(stat).unwrap());

        assert!((after.busy_since(before) - 0.25).abs() < 1e-9);
        assert!(before.busy_since(before).abs() < 1e-9);
    }
}
