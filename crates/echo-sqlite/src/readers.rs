//! The threads that read, each on a connection of its own.

use std::panic::{AssertUnwindSafe, catch_unwind};

use echo_domain::{Error, Result};
use rusqlite::Connection;
use tokio::sync::oneshot;

use crate::{
    error::{Failure, Outcome},
    queue::Jobs,
};

/// Reads, and answers whoever asked.
pub(crate) type ReadJob = Box<dyn FnOnce(&Connection) + Send>;

/// What one reader does until the queue is closed and empty.
pub(crate) fn run(connection: &Connection, jobs: &Jobs<ReadJob>) {
    while let Some(job) = jobs.next() {
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
    // One that could not be ended, on a failing disk, must not stay in the way of all that follow.
    roll_back(connection)?;
    // Both are prepared once: rusqlite's own transactions parse them anew each time.
    connection.prepare_cached("BEGIN")?.execute([])?;
    let result = guarded(|| work(connection));
    roll_back(connection)?;
    result
}

/// Unless there is nothing to roll back: a failing disk may have ended it already.
fn roll_back(connection: &Connection) -> Outcome<()> {
    if !connection.is_autocommit() {
        connection.prepare_cached("ROLLBACK")?.execute([])?;
    }
    Ok(())
}

/// Makes a panic an error, so that a bug in one job does not take the thread from all others.
pub(crate) fn guarded<T>(work: impl FnOnce() -> Outcome<T>) -> Outcome<T> {
    catch_unwind(AssertUnwindSafe(work))
        .unwrap_or_else(|_| Err(Failure::Domain(Error::internal("a database job panicked"))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_transaction_that_stayed_open_is_ended_by_the_next_job() {
        let connection = Connection::open_in_memory().unwrap();
        connection.execute_batch("BEGIN").unwrap();

        let one = |connection: &Connection| Ok(connection.query_row("SELECT 1", [], |row| row.get::<_, i64>(0))?);
        let read = in_snapshot(&connection, one);

        assert_eq!(read.unwrap(), 1);
        assert!(connection.is_autocommit());
    }
}
