//! The line in which jobs wait for a thread: bounded, and closed when the database closes.

use std::sync::{PoisonError, RwLock};

use crossbeam_channel::{Receiver, Sender, TrySendError, bounded};
use echo_domain::Result;

use crate::error::unavailable;

pub(crate) struct Queue<J>(RwLock<Option<Sender<J>>>);

impl<J> Queue<J> {
    pub(crate) fn new(capacity: usize) -> (Self, Receiver<J>) {
        let (sender, receiver) = bounded(capacity);
        (Self(RwLock::new(Some(sender))), receiver)
    }

    /// # Errors
    /// [`echo_domain::Error::Unavailable`] when too many wait already, or the queue is closed.
    pub(crate) fn push(&self, job: J) -> Result<()> {
        let sender = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let sender = sender.as_ref().ok_or_else(|| unavailable(Some("it is closed".into())))?;
        sender.try_send(job).map_err(|refused| {
            unavailable(Some(match refused {
                TrySendError::Full(_) => "too many calls wait".into(),
                TrySendError::Disconnected(_) => "its threads are gone".into(),
            }))
        })
    }

    /// Takes no more jobs. Those that wait are still received.
    pub(crate) fn close(&self) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).take();
    }
}
