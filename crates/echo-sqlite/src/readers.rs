//! The threads that read, each on a connection of its own.

use std::panic::{AssertUnwindSafe, catch_unwind};

use crossbeam_channel::Receiver;
use echo_domain::{Error, Result};
use rusqlite::Connection;
use tokio::sync::oneshot;

use crate::error::{Failure, Outcome};

/// Reads, and answers whoever asked.
pub(crate) type ReadJob = Box<dyn FnOnce(&Connection) + Send>;

/// What one reader does until the queue is closed and empty.
pub(crate) fn run(connection: &Connection, jobs: &Receiver<ReadJob>) {
    for job in jobs {
        job(connection);
    }
}

/// Makes a job of `work`, which sees one state of the database throughout.
pub(crate) fn job<T: Send + 'static>(
    work: impl FnOnce(&Connection) -> Outcome<T> + Send + 'static,
    reply: oneshot::Sender<Result<T>>,
) -> ReadJob {
    Box::new(move |connection| {
        // Under load, callers give up while they wait: their work would be for nothing.
        if !reply.is_closed() {
            // A caller that is gone by now does not mind.
            let _ = reply.send(in_snapshot(connection, work).map_err(Error::from));
        }
    })
}

fn in_snapshot<T>(connection: &Connection, work: impl FnOnce(&Connection) -> Outcome<T>) -> Outcome<T> {
    // Both are prepared once: rusqlite's own transactions parse them anew each time.
    connection.prepare_cached("BEGIN")?.execute([])?;
    let result = guarded(|| work(connection));
    // A failing disk may have ended it already.
    if !connection.is_autocommit() {
        connection.prepare_cached("ROLLBACK")?.execute([])?;
    }
    result
}

/// Makes a panic an error, so that a bug in one job does not take the thread from all others.
pub(crate) fn guarded<T>(work: impl FnOnce() -> Outcome<T>) -> Outcome<T> {
    catch_unwind(AssertUnwindSafe(work))
        .unwrap_or_else(|_| Err(Failure::Domain(Error::internal("a database job panicked"))))
}
