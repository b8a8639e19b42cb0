//! What is measured: a file per kind of promise.

mod fanout;
mod image;
mod login;
mod memory;
mod metrics;
mod mixed;
mod processes;
mod reads;
mod scale;
mod served;
mod services;
mod several;
mod start;
mod timeline;
mod uploads;
mod writes;

use anyhow::Result;

use crate::{Bench, report::Line, shape::Shape};

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::Subcommand)]
pub(crate) enum Scenario {
    /// Reads, beside a bare axum server that answers the same bytes
    Reads,
    /// Reads of much data, beside reads of little
    Scale,
    /// Images out of the data folder, beside nginx
    Served,
    /// Posts and likes that are acknowledged after their fsync
    Writes,
    /// Reads among writes, beside reads alone
    Mixed,
    /// Sign-ins beside Argon2id alone, and reads while many sign in
    Login,
    /// A photograph's upload, beside libvips, which makes the same copies
    Image,
    /// Reads while photographs are uploaded, beside reads alone
    Uploads,
    /// What is in memory before, while and after people use it
    Memory,
    /// The page of metrics, and reads with everything counted and logged beside reads with nothing
    Metrics,
    /// From the start of the process to the first answer
    Start,
    /// Posts by people whom very many follow, beside those whom few follow
    Fanout,
    /// Two processes, beside one that does the same
    Processes,
    /// Five processes, one for each role, beside one that does everything
    Services,
    /// Work and memory of home timelines by pull, by push and as Echo has them: a simulation
    Timeline,
}

impl Scenario {
    /// What is measured of a shape: its own promises.
    pub(crate) const fn all(shape: Shape) -> &'static [Self] {
        match shape {
            Shape::Embedded => &[
                Self::Reads,
                Self::Scale,
                Self::Served,
                Self::Writes,
                Self::Mixed,
                Self::Login,
                Self::Image,
                Self::Uploads,
                Self::Memory,
                Self::Metrics,
                Self::Start,
                Self::Fanout,
                Self::Timeline,
            ],
            Shape::Cluster => &[Self::Reads, Self::Mixed, Self::Start, Self::Fanout, Self::Processes, Self::Services],
        }
    }

    /// Whether it runs `echod`.
    pub(crate) const fn needs_echod(self) -> bool {
        !matches!(self, Self::Timeline)
    }

    /// # Errors
    /// When it cannot be measured; what misses its target is a line like any other.
    pub(crate) fn run(self, bench: &Bench) -> Result<Vec<Line>> {
        match self {
            Self::Reads => reads::run(bench),
            Self::Scale => scale::run(bench),
            Self::Served => served::run(bench),
            Self::Writes => writes::run(bench),
            Self::Mixed => mixed::run(bench),
            Self::Login => login::run(bench),
            Self::Image => image::run(bench),
            Self::Uploads => uploads::run(bench),
            Self::Memory => memory::run(bench),
            Self::Metrics => metrics::run(bench),
            Self::Start => start::run(bench),
            Self::Fanout => fanout::run(bench),
            Self::Processes => processes::run(bench),
            Self::Services => services::run(bench),
            Self::Timeline => timeline::run(),
        }
    }
}
