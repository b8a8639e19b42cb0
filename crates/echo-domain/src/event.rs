//! News of what happened, kept in the same atomic write as the record it is about, and handed to whom it concerns.

mod figures;

use std::{
    panic::AssertUnwindSafe,
    sync::Arc,
    time::{Duration, Instant},
};

use async_trait::async_trait;
use futures_util::FutureExt;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;
use tracing::Instrument;

use crate::{
    Clock, Errand, Error, MediaId, PostId, Result, Timestamp, UserId,
    metric::Declared,
    trace::{self, Trace},
};

use figures::ConsumerFigures;

/// What others react to. Its serialised form is what every event log keeps: only ever add to it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Event {
    /// The account exists; its profile must, too.
    AccountOpened { account: UserId, username: String, name: String, at: crate::Timestamp },
    /// The account has another username; so must its profile.
    AccountRenamed { account: UserId },
    /// The account is gone; all it made must go.
    AccountDeleted { account: UserId },
    /// `media` is shown by this post from now on.
    PostPublished { post: PostId, author: UserId, media: Vec<MediaId> },
    /// `media` is shown by nothing from now on.
    PostDeleted { post: PostId, author: UserId, media: Vec<MediaId> },
    /// A profile shows `new` and no longer `old`.
    PictureChanged { account: UserId, new: Option<MediaId>, old: Option<MediaId> },
}

impl Event {
    /// As a trace names it.
    const fn kind(&self) -> &'static str {
        match self {
            Self::AccountOpened { .. } => "account opened",
            Self::AccountRenamed { .. } => "account renamed",
            Self::AccountDeleted { .. } => "account deleted",
            Self::PostPublished { .. } => "post published",
            Self::PostDeleted { .. } => "post deleted",
            Self::PictureChanged { .. } => "picture changed",
        }
    }
}

/// An event with its place in the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recorded {
    /// Grows from one event to the next; gaps mean nothing.
    pub position: u64,
    pub event: Event,
    /// When it was left.
    pub at: Timestamp,
    /// The place in a trace where it was left.
    pub trace: Option<Trace>,
}

/// The log that events are left in, and how far each consumer has come.
#[async_trait]
pub trait EventLog: Send + Sync {
    /// Up to `limit` events that `consumer` has not confirmed, oldest first. A consumer unknown so far
    /// starts at the oldest event that is kept.
    async fn pending(&self, consumer: &'static str, limit: usize) -> Result<Vec<Recorded>>;

    /// Notes that `consumer` is done with `events`: the first ones that are pending for it. Doing it twice is once.
    async fn confirm(&self, consumer: &'static str, events: &[Recorded]) -> Result<()>;

    /// Sets an event aside that `consumer` could not handle, and confirms it, in one write.
    async fn set_aside(&self, consumer: &'static str, event: &Recorded, reason: &str) -> Result<()>;

    /// Forgets events that each of `consumers` has confirmed; at most `limit` of them. Returns how many.
    async fn trim(&self, consumers: &[&'static str], limit: usize) -> Result<usize>;

    /// Changes when this process leaves something in the log; what others leave is found by asking.
    fn news(&self) -> watch::Receiver<()>;
}

/// A log whose events are handed on to where other processes read them. They stay until their consumers confirm them, so
/// that what was lost on the way is handed on again.
#[async_trait]
pub trait Outbox: EventLog {
    /// Up to `limit` events never handed on, or handed on before `before` and still waited for, oldest first.
    async fn unsent(&self, before: Timestamp, limit: usize) -> Result<Vec<Recorded>>;

    /// Notes that they were handed on. Those that nobody waits for any more are left alone.
    async fn mark_sent(&self, events: &[Recorded], now: Timestamp) -> Result<()>;
}

/// Somebody who reacts to events.
#[async_trait]
pub trait Consumer: Send + Sync {
    /// Names its place in the log: never change it.
    fn name(&self) -> &'static str;

    /// Does what the event asks for. Called at least once per event, in order, so a second call must change nothing.
    async fn handle(&self, event: &Event) -> Result<()>;

    /// Measures how late the event was handled.
    fn done(&self, _event: &Recorded, _now: Timestamp) {}
}

/// Hands events from the log to consumers, until told to stop.
pub struct Relay {
    pub log: Arc<dyn EventLog>,
    /// Those in this process.
    pub consumers: Vec<Arc<dyn Consumer>>,
    /// The names of these and of all others: an event is kept until each has confirmed it.
    pub everybody: &'static [&'static str],
    pub clock: Arc<dyn Clock>,
}

impl Relay {
    /// What is measured of consumers.
    pub const METRICS: [Declared; 4] = [
        figures::SECONDS.declared(),
        figures::LAG.declared(),
        figures::RETRIES.declared(),
        figures::SET_ASIDE.declared(),
    ];

    /// Asks the log this often even without news, for what other processes left there.
    const POLL: Duration = Duration::from_secs(1);
    const BATCH: usize = 100;
    /// An event that failed so often, over about ten minutes, is set aside for a person to look at.
    const ATTEMPTS: u32 = 20;
    const LONGEST_PAUSE: Duration = Duration::from_secs(60);
    /// How often the figures tell how long events wait.
    const LOOK: Duration = Duration::from_secs(1);

    /// Runs every consumer side by side. Returns soon after `stop` becomes true; what was not confirmed comes again.
    pub async fn run(self, stop: watch::Receiver<bool>) {
        let relay = Arc::new(self);
        let mut tasks = tokio::task::JoinSet::new();
        for consumer in &relay.consumers {
            let figures = Arc::new(ConsumerFigures::of(consumer.name()));
            tasks.spawn(Self::feed(relay.clone(), consumer.clone(), figures.clone(), stop.clone()));
            tasks.spawn(Self::tell_lag(relay.clone(), figures, stop.clone()));
        }
        tasks.spawn(Self::trim(relay.clone(), stop));
        while let Some(ended) = tasks.join_next().await {
            if let Err(error) = ended {
                tracing::error!(error = &error as &dyn std::error::Error, "events are not handed over any more");
            }
        }
    }

    async fn feed(
        relay: Arc<Self>,
        consumer: Arc<dyn Consumer>,
        figures: Arc<ConsumerFigures>,
        mut stop: watch::Receiver<bool>,
    ) {
        let mut news = relay.log.news();
        let mut answers = true;
        while !*stop.borrow() {
            // Seen before looking, so that news in between wakes us at once.
            news.mark_unchanged();
            let handled = relay.deliver(&*consumer, &figures, &mut stop).await;
            // Once, not each second for as long as it lasts.
            match &handled {
                Err(error) if answers => tracing::warn!(
                    consumer = consumer.name(),
                    error = error as &dyn std::error::Error,
                    "events wait: the log does not answer"
                ),
                Ok(_) if !answers => tracing::info!(consumer = consumer.name(), "the log of events answers again"),
                _ => {}
            }
            answers = handled.is_ok();
            if !matches!(handled, Ok(n) if n > 0) {
                tokio::select! {
                    Ok(()) = news.changed(), if handled.is_ok() => {}
                    () = tokio::time::sleep(Self::POLL) => {}
                    _ = stop.changed() => {}
                }
            }
        }
    }

    /// Hands over one batch. Returns how many events were dealt with.
    async fn deliver(
        &self,
        consumer: &dyn Consumer,
        figures: &ConsumerFigures,
        stop: &mut watch::Receiver<bool>,
    ) -> Result<usize> {
        let batch = self.log.pending(consumer.name(), Self::BATCH).await?;
        let mut done = 0..0;
        for (place, recorded) in batch.iter().enumerate() {
            figures.wait(&batch[place..]);
            let handling = Self::insist(consumer, &recorded.event, figures, stop);
            match in_its_trace(consumer, recorded, handling).await {
                Ok(true) => {
                    done.end = place + 1;
                    consumer.done(recorded, self.clock.now());
                }
                Ok(false) => break, // told to stop
                Err(error) => {
                    tracing::error!(
                        consumer = consumer.name(),
                        event.position = recorded.position,
                        error = &error as &dyn std::error::Error,
                        "event set aside: it kept failing"
                    );
                    self.log.confirm(consumer.name(), &batch[done]).await?;
                    self.log.set_aside(consumer.name(), recorded, &error.to_string()).await?;
                    figures.set_aside.increment(1);
                    done = place + 1..place + 1;
                }
            }
        }
        if !done.is_empty() {
            self.log.confirm(consumer.name(), &batch[done]).await?;
        }
        if batch.is_empty() {
            figures.wait(&[]);
        }
        Ok(batch.len())
    }

    /// Tries until it works, is told to stop (`false`) or has failed too often. While what it stands on is gone, that says
    /// nothing about the event: it waits.
    async fn insist(
        consumer: &dyn Consumer,
        event: &Event,
        figures: &ConsumerFigures,
        stop: &mut watch::Receiver<bool>,
    ) -> Result<bool> {
        let (mut failures, mut pause) = (0, Duration::from_millis(100));
        let mut was_outage = false;
        while !*stop.borrow() {
            let started = Instant::now();
            let handled = handled(consumer, event).await;
            figures.tried(started, &handled);
            let Err(error) = handled else { return Ok(true) };
            let is_outage = matches!(error, Error::Unavailable { .. } | Error::StorageFull);
            failures += u32::from(!is_outage);
            if failures >= Self::ATTEMPTS {
                return Err(error);
            }
            figures.retries.increment(1);
            if !(is_outage && was_outage) {
                tracing::warn!(
                    consumer = consumer.name(),
                    failures,
                    error = &error as &dyn std::error::Error,
                    "event will be tried again"
                );
            }
            was_outage = is_outage;
            let longest = if is_outage { Self::POLL } else { Self::LONGEST_PAUSE };
            tokio::select! {
                () = tokio::time::sleep(pause.min(longest)) => {}
                _ = stop.changed() => {}
            }
            pause = (pause * 2).min(longest);
        }
        Ok(false)
    }

    async fn tell_lag(relay: Arc<Self>, figures: Arc<ConsumerFigures>, mut stop: watch::Receiver<bool>) {
        while !*stop.borrow() {
            figures.tell_lag(relay.clock.now());
            tokio::select! {
                () = tokio::time::sleep(Self::LOOK) => {}
                _ = stop.changed() => {}
            }
        }
    }

    async fn trim(relay: Arc<Self>, mut stop: watch::Receiver<bool>) {
        const EVERY: Duration = Duration::from_secs(60);
        while !*stop.borrow() {
            match relay.log.trim(relay.everybody, 1000).await {
                Ok(1000) => continue,
                Ok(_) => {}
                Err(error) => tracing::warn!(error = &error as &dyn std::error::Error, "old events stay for now"),
            }
            tokio::select! {
                () = tokio::time::sleep(EVERY) => {}
                _ = stop.changed() => {}
            }
        }
    }
}

/// What follows from an event is in the trace of what it tells of, however much later it happens.
async fn in_its_trace<T>(
    consumer: &dyn Consumer,
    Recorded { event, trace, .. }: &Recorded,
    work: impl Future<Output = T>,
) -> T {
    let (name, kind) = (consumer.name(), event.kind());
    let make = || {
        tracing::debug_span!(
            target: trace::TARGET,
            "event",
            otel.name = format!("{name} {kind}"),
            otel.kind = "consumer",
            messaging.operation.name = "process",
            messaging.destination.name = "events",
            messaging.consumer.group.name = name,
            echo.event = kind,
        )
    };
    let errand = Errand { trace: trace.clone(), ..Errand::default() };
    errand.run(work).instrument(trace::following(trace.as_ref(), make)).await
}

/// A panic is an error like any other: it must not end the consumer for good.
async fn handled(consumer: &dyn Consumer, event: &Event) -> Result<()> {
    let handling = AssertUnwindSafe(consumer.handle(event)).catch_unwind();
    handling.await.unwrap_or_else(|_| Err(Error::internal("a consumer panicked")))
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Mutex,
        atomic::{AtomicU32, Ordering},
    };

    use super::*;
    use crate::contract::{
        Figures,
        sample::{self, NOW},
    };

    /// Fails so many times, each time in this way.
    struct Failing<F>(AtomicU32, F);

    #[async_trait]
    impl<F: Fn() -> Error + Send + Sync> Consumer for Failing<F> {
        fn name(&self) -> &'static str {
            "failing"
        }

        async fn handle(&self, _: &Event) -> Result<()> {
            let left = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1));
            left.map_or(Ok(()), |_| Err(self.1()))
        }
    }

    /// A log of this one consumer.
    #[derive(Default)]
    struct Log(Mutex<Vec<Recorded>>);

    #[async_trait]
    impl EventLog for Log {
        async fn pending(&self, _: &'static str, limit: usize) -> Result<Vec<Recorded>> {
            Ok(self.0.lock().unwrap().iter().take(limit).cloned().collect())
        }

        async fn confirm(&self, _: &'static str, events: &[Recorded]) -> Result<()> {
            self.0.lock().unwrap().retain(|event| !events.contains(event));
            Ok(())
        }

        async fn set_aside(&self, consumer: &'static str, event: &Recorded, _: &str) -> Result<()> {
            self.confirm(consumer, std::slice::from_ref(event)).await
        }

        async fn trim(&self, _: &[&'static str], _: usize) -> Result<usize> {
            Ok(0)
        }

        fn news(&self) -> watch::Receiver<()> {
            watch::channel(()).1
        }
    }

    /// A minute after the sample events.
    struct Later;

    impl Clock for Later {
        fn now(&self) -> Timestamp {
            NOW + Duration::from_secs(60)
        }
    }

    fn deleted(position: u64) -> Recorded {
        Recorded { position, event: Event::AccountDeleted { account: sample::id() }, at: NOW, trace: None }
    }

    async fn insist(times: u32, failure: impl Fn() -> Error + Send + Sync) -> Result<bool> {
        let (_go_on, mut stop) = watch::channel(false);
        let failing = Failing(AtomicU32::new(times), failure);
        Relay::insist(&failing, &deleted(1).event, &ConsumerFigures::of("failing"), &mut stop).await
    }

    fn gone() -> Error {
        Error::Unavailable { what: "the store", retry_after: Duration::ZERO, source: None }
    }

    #[tokio::test(start_paused = true)]
    async fn an_event_that_keeps_failing_is_given_up() {
        assert!(insist(Relay::ATTEMPTS - 1, || Error::internal("on purpose")).await.unwrap());
        assert!(insist(Relay::ATTEMPTS, || Error::internal("on purpose")).await.is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn an_event_waits_for_what_is_gone_however_long() {
        assert!(insist(10_000, gone).await.unwrap());
    }

    #[tokio::test(start_paused = true)]
    async fn how_a_consumer_fares_is_counted() {
        let figures = Figures::default();
        let _counting = figures.count_here();
        let of_consumer = ConsumerFigures::of("failing");
        let lag = || {
            of_consumer.tell_lag(Later.now());
            figures.get("echo_event_lag_seconds{consumer=failing}")
        };
        let log = Arc::new(Log(Mutex::new(vec![deleted(1), deleted(2)])));
        let relay = Relay { log, consumers: Vec::new(), everybody: &[], clock: Arc::new(Later) };
        let failing = Failing(AtomicU32::new(Relay::ATTEMPTS + 1), || Error::internal("on purpose"));
        let (_go_on, mut stop) = watch::channel(false);

        assert_eq!(lag(), 0.0);
        relay.deliver(&failing, &of_consumer, &mut stop).await.unwrap();
        assert_eq!(lag(), 60.0);
        relay.deliver(&failing, &of_consumer, &mut stop).await.unwrap();
        assert_eq!(lag(), 0.0);

        assert_eq!(figures.get("echo_events_set_aside_total{consumer=failing}"), 1.0);
        assert_eq!(figures.get("echo_event_retries_total{consumer=failing}"), f64::from(Relay::ATTEMPTS));
        let failed = figures.get("echo_event_seconds{consumer=failing,outcome=failed}");
        assert_eq!(failed, f64::from(Relay::ATTEMPTS + 1));
        assert_eq!(figures.get("echo_event_seconds{consumer=failing,outcome=ok}"), 1.0);
    }
}
