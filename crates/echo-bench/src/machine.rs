//! The machine, and what its processes take of it: read from `/proc`.

use std::{fs, thread, time::Duration};

use anyhow::{Context, Result};
use serde::Serialize;

/// What figures depend on.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Machine {
    pub(crate) model: String,
    pub(crate) cores: usize,
    pub(crate) memory_gib: u64,
    pub(crate) kernel: String,
    /// Over the last minute, when the bench began.
    pub(crate) load_average: f64,
    /// The part of the processors that others used during one second before the bench began.
    pub(crate) busy: f64,
    /// Of the code: `git describe`.
    pub(crate) version: String,
}

impl Machine {
    /// Above this, others disturb what is measured.
    const BUSY: f64 = 0.05;

    /// Takes a second.
    ///
    /// # Errors
    /// Where there is no `/proc`.
    pub(crate) fn describe() -> Result<Self> {
        let load = fs::read_to_string("/proc/loadavg").context("the bench needs Linux")?;
        let memory = field(&fs::read_to_string("/proc/meminfo")?, "MemTotal").unwrap_or_default();
        Ok(Self {
            model: model(&fs::read_to_string("/proc/cpuinfo")?),
            cores: cores(),
            memory_gib: memory.div_ceil(1024 * 1024),
            kernel: rustix::system::uname().release().to_string_lossy().into_owned(),
            load_average: load.split(' ').next().and_then(|text| text.parse().ok()).unwrap_or_default(),
            busy: busy(Duration::from_secs(1))?,
            version: version(),
        })
    }

    pub(crate) fn is_busy(&self) -> bool {
        self.busy > Self::BUSY
    }
}

pub(crate) fn cores() -> usize {
    thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

/// The processor time that the process has used so far, its threads included.
///
/// # Errors
/// When it is gone.
pub(crate) fn cpu(process: u32) -> Result<Duration> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).context("the server is gone")?;
    let ticks = ticks(&stat, OWN).context("/proc/PID/stat is not as proc(5) says")?;
    Ok(Duration::from_secs(ticks) / u32::try_from(rustix::param::clock_ticks_per_second())?)
}

/// The processor time of the processes that this one started and that have ended.
///
/// # Errors
/// Where there is no `/proc`.
pub(crate) fn cpu_of_children() -> Result<Duration> {
    let stat = fs::read_to_string("/proc/self/stat").context("the bench needs Linux")?;
    let ticks = ticks(&stat, CHILDREN).context("/proc/PID/stat is not as proc(5) says")?;
    Ok(Duration::from_secs(ticks) / u32::try_from(rustix::param::clock_ticks_per_second())?)
}

/// What the process has in memory, in bytes: now, and at most so far.
///
/// # Errors
/// When it is gone.
pub(crate) fn memory(process: u32) -> Result<(u64, u64)> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).context("the server is gone")?;
    let bytes = |name| field(&status, name).map(|kib| kib * 1024).context("/proc/PID/status is not as proc(5) says");
    Ok((bytes("VmRSS")?, bytes("VmHWM")?))
}

/// Where `/proc/PID/stat` has utime and stime, and cutime and cstime, behind the name.
const OWN: usize = 11;
const CHILDREN: usize = 13;

/// The user and system time at this place. The name before, in brackets, may have spaces.
fn ticks(stat: &str, at: usize) -> Option<u64> {
    let mut fields = stat.rsplit_once(')')?.1.split_ascii_whitespace().skip(at);
    let (user, system): (u64, u64) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
    Some(user + system)
}

/// The number after `name:`.
fn field(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
    line.split_ascii_whitespace().next()?.parse().ok()
}

fn model(cpuinfo: &str) -> String {
    let name = cpuinfo.lines().find_map(|line| line.strip_prefix("model name")?.split_once(':'));
    name.map_or_else(|| std::env::consts::ARCH.to_owned(), |(_, name)| name.trim().to_owned())
}

fn busy(over: Duration) -> Result<f64> {
    let before = fs::read_to_string("/proc/stat")?;
    thread::sleep(over);
    let after = fs::read_to_string("/proc/stat")?;
    busy_between(&before, &after).context("/proc/stat is not as proc(5) says")
}

/// The part of the time between two looks that no processor was idle.
fn busy_between(before: &str, after: &str) -> Option<f64> {
    let ((idle_before, all_before), (idle_after, all_after)) = (idle_and_all(before)?, idle_and_all(after)?);
    let (idle, all) = (idle_after.checked_sub(idle_before)?, all_after.checked_sub(all_before)?);
    Some(1.0 - idle as f64 / (all as f64).max(1.0))
}

fn idle_and_all(stat: &str) -> Option<(u64, u64)> {
    let fields = stat.lines().next()?.strip_prefix("cpu ")?.split_ascii_whitespace();
    let fields = fields.map(str::parse).collect::<Result<Vec<u64>, _>>().ok()?;
    // idle and iowait; guests are counted in user time already.
    Some((fields.get(3)? + fields.get(4)?, fields.iter().take(8).sum()))
}

fn version() -> String {
    let described = std::process::Command::new("git").args(["describe", "--always", "--dirty"]).output();
    described.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processor_time_is_found_behind_any_name() {
        let stat = "7 (a) b) S 1 7 7 0 -1 4194304 100 0 0 0 250 50 30 10 20 0 9 0 1 2 3";
        assert_eq!((ticks(stat, OWN), ticks(stat, CHILDREN)), (Some(300), Some(40)));
        assert_eq!(ticks("7 (echod) S 1", OWN), None);
    }

    #[test]
    fn a_field_of_status_is_its_number() {
        let status = "Name:\techod\nVmHWM:\t   20480 kB\nVmRSS:\t   10240 kB\n";

        assert_eq!(field(status, "VmRSS"), Some(10_240));
        assert_eq!(field(status, "VmSwap"), None);
    }

    #[test]
    fn busy_is_what_was_not_idle() {
        let (before, after) = ("cpu  10 0 10 100 0 0 0 0 0 0\n", "cpu  30 0 15 170 5 0 0 0 0 0\n");

        assert_eq!(busy_between(before, after), Some(0.25));
    }
}
