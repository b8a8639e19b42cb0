//! The line in which jobs wait for a thread: bounded, and closed when the database closes.

use std::sync::{PoisonError, RwLock};

use crossbeam_channel::{Receiver, Sender, TrySendError, bounded};
use echo_domain::Result;
use metrics::Gauge;

use crate::error::unavailable;

pub(crate) struct Queue<J> {
    sender: RwLock<Option<Sender<J>>>,
    waiting: Gauge,
}

/// Where threads take jobs from.
pub(crate) struct Jobs<J> {
    receiver: Receiver<J>,
    waiting: Gauge,
}

impl<J> Queue<J> {
    /// `waiting` is how many jobs do.
    pub(crate) fn new(capacity: usize, waiting: Gauge) -> (Self, Jobs<J>) {
        let (sender, receiver) = bounded(capacity);
        (Self { sender: RwLock::new(Some(sender)), waiting: waiting.clone() }, Jobs { receiver, waiting })
    }

    /// # Errors
    /// [`echo_domain::Error::Unavailable`] when too many wait already, or the queue is closed.
    pub(crate) fn push(&self, job: J) -> Result<()> {
        let sender = self.sender.read().unwrap_or_else(PoisonError::into_inner);
        let sender = sender.as_ref().ok_or_else(|| unavailable(Some("it is closed".into())))?;
        // Before it waits: a thread may be as quick.
        self.waiting.increment(1);
        sender.try_send(job).map_err(|refused| {
            self.waiting.decrement(1);
            unavailable(Some(match refused {
                TrySendError::Full(_) => "too many calls wait".into(),
                TrySendError::Disconnected(_) => "its threads are gone".into(),
            }))
        })
    }

    /// Takes no more jobs. Those that wait are still received.
    pub(crate) fn close(&self) {
        self.sender.write().unwrap_or_else(PoisonError::into_inner).take();
    }
}

impl<J> Jobs<J> {
    /// Waits for a job; `None` when the queue is closed and empty.
    pub(crate) fn next(&self) -> Option<J> {
        let job = self.receiver.recv().ok()?;
        self.waiting.decrement(1);
        Some(job)
    }

    /// Up to `limit` jobs that wait already.
    pub(crate) fn more(&self, limit: usize) -> impl Iterator<Item = J> {
        self.receiver.try_iter().take(limit).inspect(|_| self.waiting.decrement(1))
    }
}
