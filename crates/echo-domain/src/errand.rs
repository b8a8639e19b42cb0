//! What a piece of work carries along, wherever it is done: whose it is, and until when it is of use.

use std::{sync::Arc, time::Duration};

use tokio::{task::futures::TaskLocalFuture, time::Instant};

use crate::trace::Trace;

tokio::task_local! {
    static CURRENT: Errand;
}

/// On whose behalf a task works. Whoever asks another process passes it on.
///
/// It belongs to a task: what a task spawns has none, unless it is given one by [`Errand::run`].
#[derive(Debug, Clone, Default)]
pub struct Errand {
    /// The id of the request, as it is in the log; empty for work that nobody asked for.
    pub request: Arc<str>,
    /// From when on nobody waits for the outcome; `None` for work that is done in any case.
    pub deadline: Option<Instant>,
    /// The place in a trace that it came from.
    pub trace: Option<Trace>,
}

impl Errand {
    /// That of the running task; an empty one where there is none.
    #[must_use]
    pub fn current() -> Self {
        CURRENT.try_with(Clone::clone).unwrap_or_default()
    }

    /// Makes `work` part of this errand.
    pub fn run<F: Future>(self, work: F) -> TaskLocalFuture<Self, F> {
        CURRENT.scope(self, work)
    }

    /// The same for work that goes on when nobody waits for it any more.
    #[must_use]
    pub fn to_the_end(self) -> Self {
        Self { deadline: None, ..self }
    }

    /// How long there is until the deadline, `usual` where there is none.
    #[must_use]
    pub fn left(&self, usual: Duration) -> Duration {
        self.deadline.map_or(usual, |deadline| deadline.saturating_duration_since(Instant::now()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn work_knows_whose_it_is_and_how_long_there_is() {
        let deadline = Some(Instant::now() + Duration::from_secs(3));
        let errand = Errand { request: "r1".into(), deadline, trace: None };

        let (request, left) = errand
            .run(async {
                tokio::time::sleep(Duration::from_secs(1)).await;
                let errand = Errand::current();
                (errand.request.clone(), errand.left(Duration::MAX))
            })
            .await;

        assert_eq!((&*request, left), ("r1", Duration::from_secs(2)));
    }

    #[tokio::test]
    async fn work_that_nobody_asked_for_has_the_usual_time() {
        let errand = tokio::spawn(async { Errand::current() }).await.unwrap();

        assert_eq!((&*errand.request, errand.left(Duration::from_secs(9))), ("", Duration::from_secs(9)));
    }
}
