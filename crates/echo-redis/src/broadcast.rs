//! Changes, told to the other processes of this Echo by publishing them.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use echo_domain::{Broadcast, Change, Hears, Result};
use fred::{
    clients::Client,
    interfaces::{ClientLike, EventInterface, PubsubInterface},
    types::Message,
};
use serde::{Deserialize, Serialize};
use tokio::{
    sync::{
        broadcast::error::RecvError,
        mpsc::{self, error::TrySendError},
        watch,
    },
    time::{interval, sleep},
};

use crate::connection::Redis;

const CHANNEL: &str = "echo:changes";

/// Tells changes to other processes, and hears theirs.
///
/// Both may be cut off for a while. Then whoever could not tell says [`Change::Anything`] once it can, and whoever could
/// not hear says it to itself, again and again until it can: nothing that is remembered is wrong for much longer than a
/// second after the connection is back, or after it was lost.
pub struct RedisBroadcast {
    redis: Arc<Redis>,
    instance: String,
    queue: mpsc::Sender<Change>,
    missed: Arc<AtomicBool>,
}

/// A message, as it is published.
#[derive(Serialize, Deserialize)]
struct Told {
    /// Whoever told it has forgotten already.
    from: String,
    changes: Vec<Change>,
}

impl RedisBroadcast {
    /// So many changes wait to be told; with one more, all of them are told as [`Change::Anything`].
    const QUEUE: usize = 1024;
    const BATCH: usize = 100;
    const RETRY: Duration = Duration::from_millis(100);
    /// How often it is made sure that others are still heard.
    const PROBE: Duration = Duration::from_secs(1);

    /// Begins to tell, until it is dropped. `instance` tells this process from the others.
    pub fn new(redis: Arc<Redis>, instance: [u8; 16]) -> Self {
        let (queue, changes) = mpsc::channel(Self::QUEUE);
        let missed = Arc::new(AtomicBool::new(false));
        let instance = format!("{:032x}", u128::from_be_bytes(instance));
        tokio::spawn(tell_all(redis.clone(), instance.clone(), changes, missed.clone()));
        Self { redis, instance, queue, missed }
    }

    /// Hands what others tell to all of `hears`. Returns soon after `stop` becomes true.
    ///
    /// # Errors
    /// [`echo_domain::Error::Unavailable`] when there can be no other connection.
    pub async fn listen(&self, hears: Vec<Arc<dyn Hears>>, mut stop: watch::Receiver<bool>) -> Result<()> {
        let client = self.redis.another()?;
        let (mut messages, mut connections) = (client.message_rx(), client.reconnect_rx());
        let mut probe = interval(Self::PROBE);
        let mut is_heard = false;
        let everyone = |change: &Change| hears.iter().for_each(|one| one.hear(change));
        while !*stop.borrow() {
            tokio::select! {
                message = messages.recv() => match message {
                    Ok(message) => self.changes(&message).iter().for_each(everyone),
                    Err(RecvError::Lagged(_)) => everyone(&Change::Anything),
                    Err(RecvError::Closed) => break,
                },
                // What was told between the last connection and this one was not heard.
                _ = connections.recv() => {
                    is_heard = subscribe(&client).await;
                    everyone(&Change::Anything);
                }
                _ = probe.tick() => {
                    // Doing it again changes nothing, and the answer shows that the connection still carries.
                    let was_heard = std::mem::replace(&mut is_heard, subscribe(&client).await);
                    if !was_heard || !is_heard {
                        everyone(&Change::Anything);
                    }
                }
                _ = stop.changed() => {}
            }
        }
        // It may be gone already.
        let _ = client.quit().await;
        Ok(())
    }

    /// What another process told; nothing if it was this one.
    fn changes(&self, message: &Message) -> Vec<Change> {
        let told = message.value.as_bytes().map(serde_json::from_slice::<Told>);
        match told {
            Some(Ok(told)) if told.from == self.instance => Vec::new(),
            Some(Ok(told)) => told.changes,
            // A newer Echo knows of changes that this one does not.
            Some(Err(_)) | None => vec![Change::Anything],
        }
    }
}

impl Broadcast for RedisBroadcast {
    fn tell(&self, change: Change) {
        if let Err(TrySendError::Full(_)) = self.queue.try_send(change) {
            self.missed.store(true, Ordering::Relaxed);
        }
    }
}

async fn subscribe(client: &Client) -> bool {
    Box::pin(client.subscribe(CHANNEL)).await.is_ok()
}

/// Publishes what is in the queue, until nobody can put anything there any more.
async fn tell_all(redis: Arc<Redis>, from: String, mut queue: mpsc::Receiver<Change>, missed: Arc<AtomicBool>) {
    let mut changes = Vec::new();
    while queue.recv_many(&mut changes, RedisBroadcast::BATCH).await > 0 {
        if missed.swap(false, Ordering::Relaxed) {
            changes = vec![Change::Anything];
        }
        let mut told = Told { from: from.clone(), changes: std::mem::take(&mut changes) };
        let mut is_late = false;
        while let Err(error) = publish(&redis, &told).await {
            if queue.is_closed() {
                return;
            }
            if !std::mem::replace(&mut is_late, true) {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "other processes do not hear of changes for now"
                );
            }
            // By then it is not only these.
            told.changes = vec![Change::Anything];
            sleep(RedisBroadcast::RETRY).await;
        }
        if is_late {
            tracing::info!("other processes hear of changes again");
        }
    }
}

async fn publish(redis: &Redis, told: &Told) -> Result<()> {
    let message = serde_json::to_string(told).map_err(echo_domain::Error::internal)?;
    redis.run("changes.tell", redis.client.publish(CHANNEL, message)).await
}
