//! How the one file fares.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Instant,
};

use echo_domain::metric::{Metric, NONE};
use metrics::{Counter, Gauge, Histogram};
use rusqlite::ErrorCode;

pub(crate) static BATCH_WRITES: Metric<0> =
    Metric::sizes("echo_sqlite_batch_writes", [], "Writes that one commit had.");
pub(crate) static COMMIT_SECONDS: Metric<0> =
    Metric::seconds("echo_sqlite_commit_seconds", [], "How long commits took: above all, to flush them to the disk.");
pub(crate) static WAL_BYTES: Metric<0> = Metric::gauge(
    "echo_sqlite_wal_bytes",
    [],
    "Length of the write-ahead log. After a burst it shrinks to at most 16 MiB, unless a long read keeps its contents \
     from being moved into the database.",
);
pub(crate) static BUSY: Metric<0> = Metric::counter(
    "echo_sqlite_busy_total",
    [],
    "Batches of writes refused since another process held the database for five seconds.",
);
pub(crate) static QUEUE: Metric<1> =
    Metric::gauge("echo_sqlite_queue", ["side"], "Calls that wait for a thread that reads, or the one that writes.");

/// The figures of the writer.
pub(crate) struct WriterFigures {
    batch_writes: Histogram,
    commit_seconds: Histogram,
    wal_bytes: Gauge,
    busy: Counter,
    wal: PathBuf,
}

impl WriterFigures {
    /// Of a database at `path`.
    pub(crate) fn of(path: &Path) -> Self {
        let mut wal = path.as_os_str().to_owned();
        wal.push("-wal");
        Self {
            batch_writes: BATCH_WRITES.spread(NONE),
            commit_seconds: COMMIT_SECONDS.spread(NONE),
            wal_bytes: WAL_BYTES.level(NONE),
            busy: BUSY.count(NONE),
            wal: wal.into(),
        }
    }

    pub(crate) fn batch(&self, writes: usize) {
        self.batch_writes.record(u32::try_from(writes).unwrap_or(u32::MAX));
    }

    pub(crate) fn flushed(&self, started: Instant) {
        self.commit_seconds.record(started.elapsed());
    }

    /// What came of a batch: once for all of its writes.
    pub(crate) fn ended(&self, committed: &rusqlite::Result<()>) {
        if committed.as_ref().is_err_and(|error| error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy)) {
            self.busy.increment(1);
        }
        // Costs a thousandth of the commit before it.
        if let Ok(wal) = fs::metadata(&self.wal) {
            self.wal_bytes.set(wal.len() as f64);
        }
    }
}
