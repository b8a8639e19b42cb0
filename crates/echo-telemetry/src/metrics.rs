//! Figures for Prometheus: what this process counts, as a page.

mod exposition;
mod process;
mod registry;
mod runtime;
mod spread;

use std::sync::{Arc, Mutex, PoisonError};

use echo_domain::{Clock, metric::Declared};

pub use exposition::Exposition;
use registry::Registry;

/// What this crate measures: the process and its threads.
pub static METRICS: [Declared; 11] = [
    process::CPU.declared(),
    process::RESIDENT.declared(),
    process::VIRTUAL.declared(),
    process::OPEN_FILES.declared(),
    process::MAX_FILES.declared(),
    process::STARTED.declared(),
    process::THREADS.declared(),
    runtime::WORKERS.declared(),
    runtime::TASKS.declared(),
    runtime::QUEUE.declared(),
    runtime::BUSY.declared(),
];

#[derive(Debug, thiserror::Error)]
#[error("something else in this process counts already")]
pub struct AlreadyCounting;

/// The trace that this thread works for right now, if it is being recorded: what exemplars name.
pub type TraceNow = fn() -> Option<[u8; 16]>;

/// What was counted in this process.
#[derive(Clone)]
pub struct Metrics {
    registry: Arc<Registry>,
    readings: Arc<Mutex<Vec<Reading>>>,
}

type Reading = Box<dyn Fn() + Send + Sync>;

/// Starts counting what belongs to `families`, and nothing else. A handle made before this counts nothing, for ever. To
/// be called on a thread of the runtime, of which it tells, too.
///
/// # Errors
/// [`AlreadyCounting`]
pub fn metrics(families: Vec<Declared>, clock: Arc<dyn Clock>, trace: TraceNow) -> Result<Metrics, AlreadyCounting> {
    let metrics = Metrics::new(families, clock.clone(), trace);
    metrics::set_global_recorder(metrics.registry.clone()).map_err(|_| AlreadyCounting)?;
    metrics.read(process::reading(clock.now()));
    metrics.read(runtime::reading(tokio::runtime::Handle::current().metrics()));
    Ok(metrics)
}

impl Metrics {
    fn new(families: Vec<Declared>, clock: Arc<dyn Clock>, trace: TraceNow) -> Self {
        Self { registry: Arc::new(Registry::new(families, clock, trace)), readings: Arc::default() }
    }

    /// Has `reading` set figures each time that somebody looks: for what is known elsewhere and need not be counted.
    pub fn read(&self, reading: impl Fn() + Send + Sync + 'static) {
        self.readings.lock().unwrap_or_else(PoisonError::into_inner).push(Box::new(reading));
    }

    /// All of it as a page. Takes milliseconds.
    #[must_use]
    pub fn page(&self, exposition: Exposition) -> String {
        // Under the lock: of two who look at the same time, neither gets figures half read.
        let readings = self.readings.lock().unwrap_or_else(PoisonError::into_inner);
        readings.iter().for_each(|read| read());
        exposition.page(&self.registry)
    }
}

#[cfg(test)]
mod tests;
