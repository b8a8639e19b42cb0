//! Which of the values in the shared cache may be read: those of the present epoch.

use std::{
    hash::{BuildHasher, RandomState},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use echo_domain::{Broadcast, Change, Result};
use fred::{
    interfaces::{EventInterface, KeysInterface},
    types::SetOptions,
};
use tokio::{sync::Notify, time::sleep};

use crate::connection::Redis;

const KEY: &str = "echo:epoch";

/// A random name that is part of every value. Whoever could not remove a value begins another epoch, and so does whoever
/// has lost the connection: what others removed meanwhile may be there again, from a copy that had not heard of it.
pub(crate) struct Epoch {
    redis: Arc<Redis>,
    others: Arc<dyn Broadcast>,
    /// So often has this process wanted another epoch …
    wanted: AtomicU64,
    /// … and up to that time got one.
    begun: AtomicU64,
    is_wanted: Notify,
}

impl Epoch {
    const RETRY: Duration = Duration::from_millis(100);

    pub(crate) fn new(redis: Arc<Redis>, others: Arc<dyn Broadcast>) -> Self {
        Self { redis, others, wanted: AtomicU64::new(0), begun: AtomicU64::new(0), is_wanted: Notify::new() }
    }

    pub(crate) const fn key() -> &'static str {
        KEY
    }

    /// Whether this process knows of no value in the present epoch that is out of date.
    pub(crate) fn is_certain(&self) -> bool {
        self.begun.load(Ordering::Acquire) == self.wanted.load(Ordering::Acquire)
    }

    /// There may be values that are out of date: until there is another epoch, this process reads none.
    pub(crate) fn doubt(&self) {
        self.wanted.fetch_add(1, Ordering::AcqRel);
        self.is_wanted.notify_one();
    }

    /// Begins another epoch.
    pub(crate) async fn begin(&self) -> Result<()> {
        let wanted = self.wanted.load(Ordering::Acquire);
        let set = self.redis.client.set(KEY, random(), None, None, false);
        let () = self.redis.run("epoch.begin", set).await?;
        self.begun.fetch_max(wanted, Ordering::AcqRel);
        Ok(())
    }

    /// Begins the first epoch, unless another process just did.
    pub(crate) async fn begin_first(&self) -> Result<()> {
        let set = self.redis.client.set(KEY, random(), None, Some(SetOptions::NX), false);
        self.redis.run("epoch.begin_first", set).await
    }

    /// Begins another epoch whenever there is a doubt, as soon as that can be. Without end.
    pub(crate) async fn watch(self: Arc<Self>) {
        let mut connections = self.redis.client.reconnect_rx();
        loop {
            tokio::select! {
                () = self.is_wanted.notified() => {}
                _ = connections.recv() => self.doubt(),
            }
            if self.is_certain() {
                continue;
            }
            while let Err(error) = self.begin().await {
                tracing::debug!(error = &error as &dyn std::error::Error, "the shared cache is not used for now");
                sleep(Self::RETRY).await;
            }
            // What was read in the epoch before may be remembered in any process, and in this one.
            self.others.tell(Change::Anything).await;
        }
    }
}

/// Another one each time.
pub(crate) fn random() -> String {
    format!("{:016x}", RandomState::new().hash_one(()))
}
