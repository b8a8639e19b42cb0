//! What a load took of the box.

use std::time::{Duration, Instant};

use anyhow::Result;

use super::{
    machine::{self, Processors},
    server::Server,
};

/// From a moment on.
pub(super) struct Watch {
    started: Instant,
    processors: Processors,
    server: Duration,
    client: Duration,
    commits: Option<f64>,
}

/// Parts are of 1.
#[derive(Debug, Clone, Copy)]
pub(super) struct Usage {
    /// Processors that the server kept busy.
    pub(super) server: f64,
    /// Processors that this process kept busy, which is the client.
    pub(super) client: f64,
    /// The part of the time that no processor was idle, whoever used them.
    pub(super) busy: f64,
    /// The part of the time that the database was at writing a commit to disk, if it tells.
    pub(super) disk: Option<f64>,
    /// The part of memory that nobody can have any more.
    pub(super) memory: f64,
    /// The most that the server had in memory since its start, in bytes.
    pub(super) most_memory: u64,
}

impl Watch {
    /// # Errors
    /// When the server does not answer.
    pub(super) async fn start(server: &Server) -> Result<Self> {
        let commits = server.commits().await?;
        let (processors, spent) = (Processors::look()?, server.cpu()?);
        Ok(Self { started: Instant::now(), processors, server: spent, client: own_cpu()?, commits })
    }

    /// # Errors
    /// When the server does not answer.
    pub(super) async fn stop(self, server: &Server) -> Result<Usage> {
        let elapsed = self.started.elapsed().as_secs_f64();
        let (spent, client) = (server.cpu()?.saturating_sub(self.server), own_cpu()?.saturating_sub(self.client));
        let busy = Processors::look()?.busy_since(self.processors);
        let commits = server.commits().await?;
        let disk = commits.zip(self.commits).map(|(now, before)| (now - before) / elapsed);
        let (all, free) = machine::memory()?;
        Ok(Usage {
            server: spent.as_secs_f64() / elapsed,
            client: client.as_secs_f64() / elapsed,
            busy,
            disk,
            memory: 1.0 - free as f64 / all as f64,
            most_memory: server.most_memory()?,
        })
    }
}

impl Usage {
    /// The part of all processors that the two had.
    pub(super) fn ours(&self, cores: usize) -> f64 {
        (self.server + self.client) / cores as f64
    }

    /// The part of all processors that neither of them had, and nobody else either way.
    pub(super) fn others(&self, cores: usize) -> f64 {
        (self.busy - self.ours(cores)).max(0.0)
    }
}

fn own_cpu() -> Result<Duration> {
    machine::cpu(std::process::id())
}
