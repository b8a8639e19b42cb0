//! Publishes changes, and waits until everybody has heard.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use echo_domain::{Change, Error, Result};
use fred::interfaces::PubsubInterface;
use serde::{Deserialize, Serialize};
use tokio::{
    sync::{mpsc, oneshot, watch},
    time::timeout,
};

use crate::connection::Redis;

/// Where changes are told. Its shard knows all who listen, which an ordinary channel of a Cluster does not.
pub(crate) const CHANNEL: &str = "echo:changes";

/// A message, as it is published.
#[derive(Serialize, Deserialize)]
pub(crate) struct Told {
    /// Whoever told it has forgotten already.
    pub(crate) from: String,
    /// Who has heard it says this number to whoever told it.
    pub(crate) number: u64,
    pub(crate) changes: Vec<Change>,
}

/// A change, and whoever waits until it is told.
pub(crate) struct Waiting {
    pub(crate) change: Change,
    pub(crate) told: oneshot::Sender<()>,
}

/// How many have heard the message under way.
pub(crate) struct Heard {
    number: AtomicU64,
    count: watch::Sender<usize>,
}

impl Heard {
    pub(crate) fn note(&self, number: u64) {
        if self.number.load(Ordering::Acquire) == number {
            self.count.send_modify(|count| *count += 1);
        }
    }

    fn begin(&self, number: u64) {
        self.number.store(number, Ordering::Release);
        self.count.send_replace(0);
    }
}

impl Default for Heard {
    fn default() -> Self {
        Self { number: AtomicU64::new(0), count: watch::Sender::new(0) }
    }
}

/// Tells what is in a queue: what comes while something is being told goes together, as one message.
pub(crate) struct Teller {
    pub(crate) redis: Arc<Redis>,
    pub(crate) from: String,
    pub(crate) heard: Arc<Heard>,
    number: u64,
    /// Listeners that did not say so the last time: they hang, or have just gone. Nobody waits for them again before they
    /// do.
    silent: usize,
    /// Something could not be told.
    owes: bool,
}

impl Teller {
    const TOGETHER: usize = 256;
    /// Within that time a process that is well has heard.
    const PATIENCE: Duration = Duration::from_millis(250);
    /// How long it waits for something new to tell before it tries again to tell what it owes.
    const RETRY: Duration = Duration::from_millis(250);

    pub(crate) const fn new(redis: Arc<Redis>, from: String, heard: Arc<Heard>) -> Self {
        Self { redis, from, heard, number: 0, silent: 0, owes: false }
    }

    /// Goes on until nobody can put anything into the queue any more.
    pub(crate) async fn run(mut self, mut queue: mpsc::Receiver<Waiting>) {
        let mut together = Vec::with_capacity(Self::TOGETHER);
        loop {
            match timeout(Self::RETRY, queue.recv_many(&mut together, Self::TOGETHER)).await {
                Ok(0) => return,
                Err(_) if !self.owes => continue,
                _ => {}
            }
            let (changes, told): (Vec<_>, Vec<_>) = together.drain(..).map(|it| (it.change, it.told)).unzip();
            let published = self.tell(if self.owes { vec![Change::Anything] } else { changes }).await;
            self.note(published);
            for told in told {
                // Whoever asked may be gone.
                let _ = told.send(());
            }
        }
    }

    async fn tell(&mut self, changes: Vec<Change>) -> Result<()> {
        self.number += 1;
        let told = Told { from: self.from.clone(), number: self.number, changes };
        let message = serde_json::to_string(&told).map_err(Error::internal)?;
        self.heard.begin(self.number);
        let listeners: usize = self.redis.run("changes.tell", self.redis.client.spublish(CHANNEL, message)).await?;
        let mut count = self.heard.count.subscribe();
        let awaited = listeners.saturating_sub(self.silent);
        let in_time = timeout(Self::PATIENCE, count.wait_for(|heard| *heard >= awaited)).await.is_ok();
        let heard = *self.heard.count.borrow();
        self.silent = listeners.saturating_sub(heard);
        if !in_time {
            tracing::warn!(listeners, heard, "a process that hangs has not heard of a change");
        }
        Ok(())
    }

    fn note(&mut self, published: Result<()>) {
        match &published {
            Err(error) if !self.owes => {
                let error = error as &dyn std::error::Error;
                tracing::warn!(error, "other processes do not hear of changes for now");
            }
            Ok(()) if self.owes => tracing::info!("other processes hear of changes again"),
            _ => {}
        }
        self.owes = published.is_err();
    }
}
