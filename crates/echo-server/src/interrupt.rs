//! Long commands that clean up behind them when they are told to stop.

use anyhow::{Result, bail};
use tokio::{
    runtime::{Builder, Runtime},
    signal::unix::{Signal, SignalKind, signal},
    task::spawn_blocking,
};

/// Ctrl-C and SIGTERM, which do not end the process any more, but what it waits for.
pub(crate) struct Interrupt {
    runtime: Runtime,
    interrupt: Signal,
    terminate: Signal,
}

impl Interrupt {
    /// From here on. What has to be cleaned up is made after this.
    ///
    /// # Errors
    /// When the system has no room for it.
    pub(crate) fn listen() -> Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let (interrupt, terminate) = {
            let _inside = runtime.enter();
            (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?)
        };
        Ok(Self { runtime, interrupt, terminate })
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
                _ = self.interrupt.recv() => bail!("interrupted"),
                _ = self.terminate.recv() => bail!("interrupted"),
            }
        });
        self.runtime.shutdown_background();
        done
    }
}
