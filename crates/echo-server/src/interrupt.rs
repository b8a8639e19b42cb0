//! Long commands that clean up behind them when they are told to stop.

use anyhow::{Error, Result, anyhow};
use tokio::{
    runtime::{Builder, Runtime},
    signal::unix::{Signal, SignalKind, signal},
    task::spawn_blocking,
};

/// Ctrl-C, SIGTERM and a terminal's end, which do not end the process any more, but what it waits for.
pub(crate) struct Signals {
    interrupt: Signal,
    terminate: Signal,
    /// Not with `nohup`.
    hang_up: Option<Signal>,
}

impl Signals {
    /// From here on, in the runtime that this is called in.
    ///
    /// # Errors
    /// When the system has no room for it.
    pub(crate) fn listen() -> Result<Self> {
        let (interrupt, terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
        let hang_up = (!ignores_hang_up()).then(|| signal(SignalKind::hangup())).transpose()?;
        Ok(Self { interrupt, terminate, hang_up })
    }

    /// Waits for the first of them.
    pub(crate) async fn any(&mut self) -> Error {
        let hung_up = async {
            match &mut self.hang_up {
                Some(signal) => signal.recv().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
            _ = hung_up => {}
        }
        anyhow!("interrupted")
    }
}

/// The same, for work that does not wait but goes on.
pub(crate) struct Interrupt {
    runtime: Runtime,
    signals: Signals,
}

impl Interrupt {
    /// From here on. What has to be cleaned up is made after this.
    ///
    /// # Errors
    /// When the system has no room for it.
    pub(crate) fn listen() -> Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let inside = runtime.enter();
        let signals = Signals::listen()?;
        drop(inside);
        Ok(Self { runtime, signals })
    }

    /// Does the work on a thread of its own. That goes on after an interruption, until the process ends: what it works on
    /// is the caller's, who then removes it.
    ///
    /// # Errors
    /// Of the work, or that it was interrupted.
    pub(crate) fn or<T: Send + 'static>(mut self, work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
        let done = self.runtime.block_on(async {
            tokio::select! {
                done = spawn_blocking(work) => done?,
                interrupted = self.signals.any() => Err(interrupted),
            }
        });
        self.runtime.shutdown_background();
        done
    }
}

/// Whether whoever started this wants it to outlive the terminal, as `nohup` does. Where the system does not tell, no.
fn ignores_hang_up() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    // The first signal is the last bit: see proc_pid_status(5).
    ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).is_some_and(|mask| mask & 1 == 1)
}
