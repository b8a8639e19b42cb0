//! The threads that serve requests, as tokio tells of them.

use std::time::Duration;

use echo_domain::metric::Metric;
use tokio::runtime::RuntimeMetrics;

pub(super) static WORKERS: Metric<0> = Metric::gauge("echo_runtime_workers", [], "Threads that serve requests.");
pub(super) static TASKS: Metric<0> =
    Metric::gauge("echo_runtime_tasks", [], "Tasks that are alive: a connection is one, a request part of that.");
pub(super) static QUEUE: Metric<0> = Metric::gauge(
    "echo_runtime_queue_tasks",
    [],
    "Tasks that wait for any thread to take them: more than a few, for long, is more work than processors.",
);
pub(super) static BUSY: Metric<0> = Metric::counter(
    "echo_runtime_busy_seconds_total",
    [],
    "Time that these threads were at work, added up over all of them.",
);

pub(super) fn reading(runtime: RuntimeMetrics) -> impl Fn() {
    let none: [&str; 0] = [];
    let (workers, tasks, queue, busy) = (WORKERS.level(none), TASKS.level(none), QUEUE.level(none), BUSY.read(none));
    move || {
        workers.set(runtime.num_workers() as f64);
        tasks.set(runtime.num_alive_tasks() as f64);
        queue.set(runtime.global_queue_depth() as f64);
        let times = (0..runtime.num_workers()).map(|worker| runtime.worker_total_busy_duration(worker));
        busy.set(times.sum::<Duration>().as_secs_f64());
    }
}
