//! Changes, told to the other processes of this Echo and heard from them.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use echo_domain::{Broadcast, Change, Hears, Result};
use fred::{
    clients::Client,
    interfaces::{ClientLike, EventInterface, PubsubInterface},
    types::Message,
};
use tokio::{
    sync::{broadcast::error::RecvError, mpsc, oneshot, watch},
    time::interval,
};

use crate::{
    connection::Redis,
    teller::{CHANNEL, Heard, Teller, Told, Waiting},
};

/// Tells changes to other processes, and hears theirs.
///
/// Both may be cut off for a while. Then whoever could not tell says [`Change::Anything`] once it can, and whoever could
/// not hear says it to itself, again and again until it can: nothing that is remembered is wrong for much longer than a
/// second after the connection is back, or after it was lost.
pub struct RedisBroadcast {
    redis: Arc<Redis>,
    instance: String,
    queue: mpsc::Sender<Waiting>,
    heard: Arc<Heard>,
}

impl RedisBroadcast {
    /// So many changes may wait to be told: more than there are requests at a time.
    const QUEUE: usize = 8192;
    /// How often it is made sure that others are still heard.
    const PROBE: Duration = Duration::from_secs(1);

    /// Begins to tell, until it is dropped. `instance` tells this process from the others.
    pub fn new(redis: Arc<Redis>, instance: [u8; 16]) -> Self {
        let (queue, waiting) = mpsc::channel(Self::QUEUE);
        let (instance, heard) = (format!("{:032x}", u128::from_be_bytes(instance)), Arc::default());
        tokio::spawn(Teller::new(redis.clone(), instance.clone(), Arc::clone(&heard)).run(waiting));
        Self { redis, instance, queue, heard }
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
                    Ok(message) => self.hear(&message, everyone),
                    Err(RecvError::Lagged(_)) => everyone(&Change::Anything),
                    Err(RecvError::Closed) => break,
                },
                // What was told between the last connection and this one was not heard.
                _ = connections.recv() => {
                    is_heard = self.subscribe(&client).await;
                    everyone(&Change::Anything);
                }
                _ = probe.tick() => {
                    // Doing it again changes nothing, and the answer shows that the connection still carries.
                    let was_heard = std::mem::replace(&mut is_heard, self.subscribe(&client).await);
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

    async fn subscribe(&self, client: &Client) -> bool {
        let (changes, heard) = (client.ssubscribe(CHANNEL), client.ssubscribe(heard_by(&self.instance)));
        Box::pin(changes).await.is_ok() && Box::pin(heard).await.is_ok()
    }

    fn hear(&self, message: &Message, everyone: impl Fn(&Change)) {
        let text = message.value.as_str().unwrap_or_default();
        if message.channel != CHANNEL {
            return text.parse().into_iter().for_each(|number| self.heard.note(number));
        }
        match serde_json::from_str(&text) {
            Ok(Told { from, number, changes }) if from == self.instance => {
                // It has forgotten what it changed, but not what others did.
                changes.iter().filter(|change| **change == Change::Anything).for_each(everyone);
                self.heard.note(number);
            }
            Ok(Told { from, number, changes }) => {
                changes.iter().for_each(everyone);
                self.answer(from, number);
            }
            // A newer Echo knows of changes that this one does not.
            Err(_) => everyone(&Change::Anything),
        }
    }

    /// Says that it has heard; not waited for, since the next message may be here already.
    fn answer(&self, to: String, number: u64) {
        let redis = self.redis.clone();
        tokio::spawn(async move {
            let answer = redis.client.spublish::<(), _, _>(heard_by(&to), number.to_string());
            // Without it, the other waits for a moment.
            let _ = redis.run("changes.answer", answer).await;
        });
    }
}

#[async_trait]
impl Broadcast for RedisBroadcast {
    async fn tell(&self, change: Change) {
        let (told, is_told) = oneshot::channel();
        if self.queue.send(Waiting { change, told }).await.is_ok() {
            // An error is the end of this process.
            let _ = is_told.await;
        }
    }
}

/// Where a process hears who has heard what it told.
fn heard_by(instance: &str) -> String {
    format!("echo:heard:{instance}")
}
