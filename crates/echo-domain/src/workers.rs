//! Threads for work that would hold up the threads which serve requests.

use std::{
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    thread,
    time::Duration,
};

use crossbeam_channel::{Receiver, Sender, TrySendError, bounded};
use metrics::{Counter, Gauge};
use tokio::sync::oneshot;
use tracing::{Instrument, Span};

use crate::{Error, Result, trace};

/// How long to wait before work that found no place is worth another try.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// Named threads that share a bounded queue. Each keeps a state `S` of its own from one piece of work to the next.
///
/// The threads end, after what is queued, once this is dropped.
pub struct Workers<S> {
    what: &'static str,
    queue: Sender<Job<S>>,
    figures: QueueFigures,
}

/// The figures of a queue.
#[derive(Clone)]
pub struct QueueFigures {
    /// How much work waits.
    pub waiting: Gauge,
    /// Work that found no place.
    pub refused: Counter,
}

type Job<S> = Box<dyn FnOnce(&mut S) + Send>;

impl<S: 'static> Workers<S> {
    /// Starts `threads` (at least one) called `what`; up to `queue` pieces of work wait for them.
    /// `start` makes the state, on the thread that will own it, and again after work that panicked.
    ///
    /// # Errors
    /// When the system gives no more threads.
    pub fn new(
        what: &'static str,
        threads: usize,
        queue: usize,
        figures: QueueFigures,
        start: impl Fn() -> S + Clone + Send + 'static,
    ) -> io::Result<Self> {
        let (sender, receiver) = bounded(queue);
        for _ in 0..threads.max(1) {
            let (receiver, waiting, start) = (receiver.clone(), figures.waiting.clone(), start.clone());
            thread::Builder::new().name(what.to_owned()).spawn(move || work_off(&receiver, &waiting, &start))?;
        }
        Ok(Self { what, queue: sender, figures })
    }

    /// The result of `work`, once a thread came to it. Work that nobody waits for any more when its turn comes is skipped.
    ///
    /// # Errors
    /// [`Error::Unavailable`] at once when the queue is full; [`Error::Internal`] when the work panics.
    pub async fn run<T: Send + 'static>(&self, work: impl FnOnce(&mut S) -> T + Send + 'static) -> Result<T> {
        let (answer, result) = oneshot::channel();
        let what = self.what;
        let queued = tracing::debug_span!(target: trace::TARGET, "queued", otel.name = what);
        let caller = queued.in_scope(Span::current);
        let job: Job<S> = Box::new(move |state| {
            if !answer.is_closed() {
                let at_work =
                    || tracing::debug_span!(target: trace::TARGET, "work", otel.name = format!("{what}, at work"));
                let result = caller.in_scope(|| at_work().in_scope(|| work(state)));
                // Nobody may be waiting by now; then the result is of no use.
                let _ = answer.send(result);
            }
        });
        self.push(job)?;
        result.instrument(queued).await.map_err(|_| Error::internal(format!("work on a {} thread panicked", self.what)))
    }

    fn push(&self, job: Job<S>) -> Result<()> {
        // Before it waits: a thread may be as quick.
        self.figures.waiting.increment(1);
        self.queue.try_send(job).map_err(|error| {
            self.figures.waiting.decrement(1);
            match error {
                TrySendError::Full(_) => {
                    self.figures.refused.increment(1);
                    Error::Unavailable { what: self.what, retry_after: RETRY_AFTER, source: None }
                }
                TrySendError::Disconnected(_) => Error::internal(format!("the {} threads have ended", self.what)),
            }
        })
    }
}

fn work_off<S>(queue: &Receiver<Job<S>>, waiting: &Gauge, start: &impl Fn() -> S) {
    let mut state = start();
    for job in queue {
        waiting.decrement(1);
        // One bad piece of work must not take the thread from all that follow; its state may be half changed.
        if catch_unwind(AssertUnwindSafe(|| job(&mut state))).is_err() {
            state = start();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{future::poll_fn, pin::Pin, sync::mpsc, task::Poll};

    use super::*;
    use crate::{
        contract::Figures,
        metric::{Metric, NONE},
    };

    static WAITING: Metric<0> = Metric::gauge("test_waiting", [], "Work that waits.");
    static REFUSED: Metric<0> = Metric::counter("test_refused_total", [], "Work that found no place.");

    fn workers<S: 'static>(queue: usize, start: impl Fn() -> S + Clone + Send + 'static) -> Workers<S> {
        let figures = QueueFigures { waiting: WAITING.level(NONE), refused: REFUSED.count(NONE) };
        Workers::new("test", 1, queue, figures, start).unwrap()
    }

    /// Starts the future; it must not be done by that.
    async fn start<T>(future: &mut Pin<Box<impl Future<Output = T>>>) {
        assert!(poll_fn(|context| Poll::Ready(future.as_mut().poll(context).is_pending())).await);
    }

    #[tokio::test]
    async fn state_is_kept_from_one_piece_of_work_to_the_next() {
        let workers = workers(1, || 0);

        for expected in 1..=3 {
            let count = workers.run(|n| {
                *n += 1;
                *n
            });
            assert_eq!(count.await.unwrap(), expected);
        }
    }

    #[tokio::test]
    async fn a_panic_hurts_only_the_work_that_panicked() {
        let workers = workers(1, || 0);

        let failed = workers.run(|n| {
            *n = 7;
            panic!("on purpose")
        });
        let failed: Result<()> = failed.await;

        assert!(matches!(failed, Err(Error::Internal(_))));
        assert_eq!(workers.run(|n| *n).await.unwrap(), 0);
    }

    #[tokio::test]
    async fn work_beyond_the_queue_is_refused_at_once() {
        let figures = Figures::default();
        let _counting = figures.count_here();
        let workers = workers(1, || ());
        let (started, has_started) = mpsc::channel();
        let (finish, may_finish) = mpsc::channel::<()>();
        let mut running = Box::pin(workers.run(move |()| {
            started.send(()).unwrap();
            may_finish.recv().unwrap();
        }));
        start(&mut running).await;
        has_started.recv().unwrap();
        let mut waiting = Box::pin(workers.run(|()| ()));
        start(&mut waiting).await;

        let refused = workers.run(|()| ()).await;

        assert!(matches!(refused, Err(Error::Unavailable { what: "test", source: None, .. })));
        assert_eq!((figures.get("test_waiting"), figures.get("test_refused_total")), (1.0, 1.0));
        finish.send(()).unwrap();
        running.await.unwrap();
        waiting.await.unwrap();
        assert_eq!((figures.get("test_waiting"), figures.get("test_refused_total")), (0.0, 1.0));
    }

    #[tokio::test]
    async fn work_that_nobody_waits_for_is_skipped() {
        let workers = workers(2, || 0);
        let (finish, may_finish) = mpsc::channel::<()>();
        let (started, has_started) = mpsc::channel();
        let mut running = Box::pin(workers.run(move |_| {
            started.send(()).unwrap();
            may_finish.recv().unwrap();
        }));
        start(&mut running).await;
        has_started.recv().unwrap();
        let mut abandoned = Box::pin(workers.run(|n| *n = 1));
        start(&mut abandoned).await;

        drop(abandoned);
        finish.send(()).unwrap();

        running.await.unwrap();
        assert_eq!(workers.run(|n| *n).await.unwrap(), 0);
    }
}
