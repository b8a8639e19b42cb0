//! The process as the system sees it, under the names that all exporters have for that:
//! <https://prometheus.io/docs/instrumenting/writing_clientlibs/#process-metrics>.

use std::fs;

use echo_domain::{Timestamp, metric::Metric};
use rustix::{
    process::{Resource, getrlimit},
    time::{ClockId, clock_gettime},
};

pub(super) static CPU: Metric<0> =
    Metric::counter("process_cpu_seconds_total", [], "Processor time that this process has used.");
pub(super) static RESIDENT: Metric<0> =
    Metric::gauge("process_resident_memory_bytes", [], "Memory that this process has in RAM.");
pub(super) static VIRTUAL: Metric<0> =
    Metric::gauge("process_virtual_memory_bytes", [], "Addresses that this process has reserved.");
pub(super) static OPEN_FILES: Metric<0> = Metric::gauge("process_open_fds", [], "Files and connections that are open.");
pub(super) static MAX_FILES: Metric<0> =
    Metric::gauge("process_max_fds", [], "Files and connections that may be open.");
pub(super) static STARTED: Metric<0> =
    Metric::gauge("process_start_time_seconds", [], "When this process started, since 1970.");
pub(super) static THREADS: Metric<0> = Metric::gauge("process_threads", [], "Threads of this process.");

/// Reads all of it. What the system does not tell is left out.
pub(super) fn reading(started: Timestamp) -> impl Fn() {
    let none: [&str; 0] = [];
    STARTED.level(none).set(started.millis() as f64 / 1e3);
    let (cpu, open, most) = (CPU.read(none), OPEN_FILES.level(none), MAX_FILES.level(none));
    let of_status =
        [("VmRSS:", RESIDENT.level(none)), ("VmSize:", VIRTUAL.level(none)), ("Threads:", THREADS.level(none))];
    move || {
        let used = clock_gettime(ClockId::ProcessCPUTime);
        cpu.set(used.tv_sec as f64 + used.tv_nsec as f64 / 1e9);
        if let Ok(files) = fs::read_dir("/proc/self/fd") {
            // The folder itself is open while it is read.
            open.set(files.count().saturating_sub(1) as f64);
        }
        most.set(getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX) as f64);
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        for (field, level) in &of_status {
            if let Some(value) = find(&status, field) {
                level.set(value);
            }
        }
    }
}

/// A field of `/proc/self/status`, such as `VmRSS:     5484 kB`.
fn find(status: &str, field: &str) -> Option<f64> {
    let mut words = status.lines().find_map(|line| line.strip_prefix(field))?.split_whitespace();
    let value: f64 = words.next()?.parse().ok()?;
    Some(if words.next() == Some("kB") { value * 1024.0 } else { value })
}

#[cfg(test)]
mod tests {
    use super::find;

    #[test]
    fn a_field_of_the_status_is_read_in_bytes_where_it_is_in_kilobytes() {
        let status = "Name:\techod\nVmSize:\t  230400 kB\nThreads:\t9\n";

        assert_eq!(find(status, "VmSize:"), Some(235_929_600.0));
        assert_eq!(find(status, "Threads:"), Some(9.0));
        assert_eq!(find(status, "VmRSS:"), None);
    }
}
