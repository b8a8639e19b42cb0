//! Events of all processes: who reads them, and when there are any.
//!
//! The outbox says what a consumer waits for and in which order, for it is written with what it tells of. Redis says who
//! may ask, one process for each consumer, so that the order holds, and when it is worth asking: a Stream of signals, on
//! which every consumer is a group. So nothing depends on what Redis remembers: with a signal lost, events come late, and
//! with one too many, somebody asks in vain.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use echo_domain::{Clock, EventLog, Outbox, Recorded, Result};
use fred::{
    clients::WithOptions,
    interfaces::{ClientLike, StreamsInterface},
    types::{Value, config::Options},
};
use tokio::{
    sync::watch,
    time::{interval, sleep},
};

use crate::{
    connection::Redis,
    leases::{Lease, Leases},
};

const STREAM: &str = "echo:events";

/// The one member of each group: whoever has the consumer's lease. So what one who died has read is there for the next.
const HOLDER: &str = "holder";

/// Hands events from an outbox to one process for each consumer.
pub struct RedisEvents {
    redis: Arc<Redis>,
    outbox: Arc<dyn Outbox>,
    clock: Arc<dyn Clock>,
    leases: Leases,
    again: Duration,
    news: watch::Sender<()>,
    reading: Mutex<HashMap<&'static str, Reading>>,
}

/// What the process that has a consumer's lease knows of its events.
struct Reading {
    /// Signals that were read and not confirmed.
    signals: Vec<String>,
    /// What this process leaves is found without a signal.
    own: watch::Receiver<()>,
    /// The last look at the outbox found nothing.
    is_done: bool,
}

impl RedisEvents {
    /// How often leases are renewed, and the outbox is searched for what a process left and did not signal.
    const ROUND: Duration = Duration::from_secs(1);
    /// Signals beyond that are forgotten: one alone makes a consumer look.
    const SIGNALS: u64 = 1000;
    /// How long to wait for a signal, before asking whether to stop.
    const BLOCK: Duration = Duration::from_secs(1);

    /// What is still waited for after `again` is signalled again. `instance` tells this process from the others.
    pub fn new(
        redis: Arc<Redis>,
        outbox: Arc<dyn Outbox>,
        clock: Arc<dyn Clock>,
        instance: [u8; 16],
        again: Duration,
    ) -> Self {
        let leases = Leases::new(redis.clone(), instance);
        Self { redis, outbox, clock, leases, again, news: watch::Sender::new(()), reading: Mutex::default() }
    }

    /// Signals what this process leaves, and what others left unsignalled; keeps the leases; hears signals. Returns soon
    /// after `stop` becomes true, when other processes may have the leases.
    pub async fn run(&self, stop: watch::Receiver<bool>) {
        tokio::join!(self.signal_all(stop.clone()), self.hear(stop));
        self.leases.give_up().await;
    }

    async fn signal_all(&self, mut stop: watch::Receiver<bool>) {
        let mut own = self.outbox.news();
        let mut round = interval(Self::ROUND);
        while !*stop.borrow() {
            let signalled = tokio::select! {
                Ok(()) = own.changed() => {
                    self.news.send_replace(());
                    self.signal().await
                }
                _ = round.tick() => {
                    self.leases.renew().await;
                    self.search().await
                }
                _ = stop.changed() => Ok(()),
            };
            if let Err(error) = signalled {
                tracing::debug!(error = &error as &dyn std::error::Error, "events are not signalled for now");
            }
        }
    }

    /// Signals what was left by a process that died before it could, or what was lost with Redis.
    async fn search(&self) -> Result<()> {
        const SOME: usize = 100;
        if self.leases.take("outbox").await? == Lease::Others {
            return Ok(());
        }
        let now = self.clock.now();
        let unsent = self.outbox.unsent(now - self.again, SOME).await?;
        if unsent.is_empty() {
            return Ok(());
        }
        self.signal().await?;
        self.outbox.mark_sent(&unsent, now).await
    }

    async fn signal(&self) -> Result<()> {
        let at_most = ("MAXLEN", "~", Self::SIGNALS);
        let add = self.redis.client.xadd(STREAM, false, at_most, "*", ("look", "now"));
        self.redis.run("events.signal", add).await
    }

    /// Wakes the consumers in this process whenever there is a signal.
    async fn hear(&self, mut stop: watch::Receiver<bool>) {
        let Ok(client) = self.redis.another() else { return };
        let options = Options { timeout: Some(Self::BLOCK * 2), ..Options::default() };
        let patient: WithOptions<_> = client.with_options(&options);
        while !*stop.borrow() {
            let block = u64::try_from(Self::BLOCK.as_millis()).ok();
            tokio::select! {
                // A signal between two of these calls is found by the next look.
                signal = Box::pin(patient.xread::<Value, _, _>(Some(1), block, STREAM, "$")) => match signal {
                    Ok(Value::Null) => {}
                    Ok(_) => {
                        self.news.send_replace(());
                    }
                    Err(_) => sleep(Duration::from_millis(100)).await,
                },
                _ = stop.changed() => {}
            }
        }
        // It may be gone already.
        let _ = client.quit().await;
    }

    /// What a consumer's process begins with: the signals that the one before had read and not confirmed.
    async fn begin(&self, consumer: &'static str) -> Result<Reading> {
        // Before the first look, so that what is left after it is not missed.
        let own = self.outbox.news();
        let client = &self.redis.client;
        let create = async {
            match client.xgroup_create(STREAM, consumer, "0", true).await {
                Err(error) if error.details().starts_with("BUSYGROUP") => Ok(()),
                created => created,
            }
        };
        self.redis.run("events.begin", create).await?;
        let claim = client.xautoclaim(STREAM, consumer, HOLDER, 0, "0-0", Some(Self::SIGNALS * 2), true);
        let claimed: Value = self.redis.run("events.claim", claim).await?;
        // Where to go on from, the signals, and since version 7 those forgotten.
        let signals = claimed.into_array().into_iter().nth(1).map(Value::into_array).unwrap_or_default();
        let signals = signals.into_iter().filter_map(Value::into_string).collect();
        Ok(Reading { signals, own, is_done: false })
    }

    /// Whether there may be something for the consumer.
    async fn is_due(&self, consumer: &'static str, reading: &mut Reading) -> Result<bool> {
        let is_own = reading.own.has_changed().unwrap_or(false);
        reading.own.mark_unchanged();
        if is_own || !reading.is_done || !reading.signals.is_empty() {
            return Ok(true);
        }
        let client = &self.redis.client;
        let read = client.xreadgroup(consumer, HOLDER, Some(Self::SIGNALS), None, false, STREAM, ">");
        reading.signals = signals(self.redis.run("events.read", read).await?);
        Ok(!reading.signals.is_empty())
    }

    /// Whatever the signals were for is done.
    async fn confirm_signals(&self, consumer: &'static str, reading: &mut Reading) -> Result<()> {
        let signals = std::mem::take(&mut reading.signals);
        if signals.is_empty() {
            return Ok(());
        }
        self.redis.run("events.confirm", self.redis.client.xack(STREAM, consumer, signals)).await
    }

    fn reading(&self) -> MutexGuard<'_, HashMap<&'static str, Reading>> {
        self.reading.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Of all streams that were read, of which there is one; by hand, since the client takes a pair of entries for a map.
fn signals(read: Value) -> Vec<String> {
    // Nothing, if there is none.
    let Value::Map(streams) = read else { return Vec::new() };
    let entries = streams.inner().into_values().flat_map(Value::into_array);
    entries.filter_map(|entry| entry.into_array().into_iter().next()?.into_string()).collect()
}

#[async_trait]
impl EventLog for RedisEvents {
    async fn pending(&self, consumer: &'static str, limit: usize) -> Result<Vec<Recorded>> {
        let lease = self.leases.take(consumer).await?;
        // After an error it is not put back, and begun anew.
        let known = self.reading().remove(consumer);
        let mut reading = match (lease, known) {
            (Lease::Others, _) => return Ok(Vec::new()),
            (Lease::Kept, Some(reading)) => reading,
            (Lease::New | Lease::Kept, _) => self.begin(consumer).await?,
        };
        let mut waiting = Vec::new();
        if self.is_due(consumer, &mut reading).await? {
            waiting = self.outbox.pending(consumer, limit).await?;
            reading.is_done = waiting.is_empty();
        }
        if reading.is_done {
            self.confirm_signals(consumer, &mut reading).await?;
        }
        self.reading().insert(consumer, reading);
        Ok(waiting)
    }

    async fn confirm(&self, consumer: &'static str, events: &[Recorded]) -> Result<()> {
        self.outbox.confirm(consumer, events).await
    }

    async fn set_aside(&self, consumer: &'static str, event: &Recorded, reason: &str) -> Result<()> {
        self.outbox.set_aside(consumer, event, reason).await
    }

    async fn trim(&self, consumers: &[&'static str], limit: usize) -> Result<usize> {
        self.outbox.trim(consumers, limit).await
    }

    fn news(&self) -> watch::Receiver<()> {
        self.news.subscribe()
    }
}
