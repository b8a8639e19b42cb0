//! The one thread that writes: group commit.
//!
//! All writes that wait share a transaction, and so its flush to disk, which costs more than everything else together.
//! Each has a savepoint of its own: one that fails leaves no trace, and its neighbours do not notice. Nobody is
//! answered before the commit.

use std::{cell::Cell, ops::Deref, time::Instant};

use echo_domain::{Error, Result, trace::Trace};
use rusqlite::{Connection, Transaction, TransactionBehavior, ffi};
use tokio::sync::{oneshot, watch};

use crate::{
    error::{Failure, Outcome, translate},
    figures::WriterFigures,
    queue::Jobs,
    readers::guarded,
};

/// As many writes as may share a transaction: it bounds how long the first of them waits for the last.
const BATCH_MAX: usize = 256;

/// What a write works on: the connection, within its savepoint.
pub(crate) struct Tx<'batch> {
    connection: &'batch Connection,
    left_news: &'batch Cell<bool>,
    /// The place in a trace of whoever asked for the write.
    pub(crate) trace: Option<&'batch Trace>,
}

impl Tx<'_> {
    /// Has the readers of the event log woken after the commit.
    pub(crate) fn announce(&self) {
        self.left_news.set(true);
    }
}

impl Deref for Tx<'_> {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        self.connection
    }
}

/// A write that waits.
pub(crate) trait WriteJob: Send {
    /// Does the work; whether it should stay.
    fn run(&mut self, tx: &Tx<'_>) -> bool;

    /// Tells the caller, once it is known what became of the transaction.
    fn answer(self: Box<Self>, committed: &rusqlite::Result<()>);
}

struct Job<F, T> {
    work: Option<F>,
    /// `None` until the work was done, or when the transaction ended before.
    outcome: Option<Outcome<T>>,
    reply: oneshot::Sender<Result<T>>,
    trace: Option<Trace>,
}

/// Makes a job of `work`, which the running task asks for.
pub(crate) fn job<T: Send + 'static>(
    work: impl FnOnce(&Tx<'_>) -> Outcome<T> + Send + 'static,
    reply: oneshot::Sender<Result<T>>,
) -> Box<dyn WriteJob> {
    Box::new(Job { work: Some(work), outcome: None, reply, trace: Trace::here() })
}

impl<T, F> WriteJob for Job<F, T>
where
    T: Send,
    F: FnOnce(&Tx<'_>) -> Outcome<T> + Send,
{
    fn run(&mut self, tx: &Tx<'_>) -> bool {
        let tx = &Tx { trace: self.trace.as_ref(), ..*tx };
        self.outcome = self.work.take().map(|work| guarded(|| work(tx)));
        matches!(self.outcome, Some(Ok(_)))
    }

    fn answer(self: Box<Self>, committed: &rusqlite::Result<()>) {
        let answer = match (self.outcome, committed) {
            (Some(outcome), Ok(())) => outcome.map_err(Error::from),
            // What made the transaction fail says more than that it failed.
            (Some(Err(Failure::Sqlite(own))), Err(_)) => Err(translate(&own)),
            // A refusal, too, may rest on what a neighbour wrote, and that is undone.
            (_, Err(error)) => Err(translate(error)),
            (None, Ok(())) => Err(Error::internal("a write was committed without being done")),
        };
        // A caller that is gone by now does not mind.
        let _ = self.reply.send(answer);
    }
}

/// What the writer does until the queue is closed and empty.
pub(crate) fn run(
    mut connection: Connection,
    jobs: &Jobs<Box<dyn WriteJob>>,
    news: &watch::Sender<()>,
    figures: &WriterFigures,
) {
    let mut batch = Vec::with_capacity(BATCH_MAX);
    while let Some(first) = jobs.next() {
        batch.push(first);
        batch.extend(jobs.more(BATCH_MAX - 1));
        figures.batch(batch.len());
        let left_news = Cell::new(false);
        let committed = write(&mut connection, &mut batch, &left_news, figures);
        figures.ended(&committed);
        for job in batch.drain(..) {
            job.answer(&committed);
        }
        if committed.is_ok() && left_news.get() {
            news.send_replace(());
        }
    }
    if let Err(error) = connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())) {
        tracing::warn!(error = &error as &dyn std::error::Error, "the write-ahead log stays for the next start");
    }
}

/// Runs the batch as one transaction.
fn write(
    connection: &mut Connection,
    batch: &mut [Box<dyn WriteJob>],
    left_news: &Cell<bool>,
    figures: &WriterFigures,
) -> rusqlite::Result<()> {
    let mut transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    for job in batch {
        write_one(&mut transaction, job, left_news)?;
    }
    let started = Instant::now();
    let committed = transaction.commit();
    figures.flushed(started);
    committed
}

fn write_one(
    transaction: &mut Transaction<'_>,
    job: &mut Box<dyn WriteJob>,
    left_news: &Cell<bool>,
) -> rusqlite::Result<()> {
    let mut savepoint = transaction.savepoint()?;
    let stays = job.run(&Tx { connection: &savepoint, left_news, trace: None });
    // Some errors, such as a failing disk, make SQLite end the whole transaction by itself.
    if savepoint.is_autocommit() {
        return Err(rusqlite::Error::SqliteFailure(ffi::Error::new(ffi::SQLITE_ABORT_ROLLBACK), None));
    }
    if !stays {
        savepoint.rollback()?;
    }
    savepoint.commit()
}
