//! The engine room: the connection to the databases, and the one way by which every store's calls go.

use std::{fmt, future::Future, time::Duration};

use echo_domain::{Error, Result, metric::StoreCalls};
use mongodb::{Client, Collection, Database};
use tokio::{sync::watch, task::JoinHandle};

use crate::{
    areas::{Area, Areas},
    error::{Outcome, unavailable},
    events::Positions,
    indexes::Declared,
    instances,
    layout::Layout,
    turns::Turns,
};

/// How to open the databases.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// Whose databases this process uses, beside the one that all areas share. The others are neither looked at nor made.
    pub areas: Areas,
    /// Who reads the events: each event is kept until all of these have confirmed it.
    pub consumers: &'static [&'static str],
    /// Tells this run of the server from any other. A request that another run left unfinished is begun anew once that
    /// run has not been seen for ten seconds.
    pub instance: [u8; 16],
    /// No call takes longer, whatever the driver tries in between.
    pub longest_call: Duration,
}

impl Options {
    /// What `longest_call` is, unless there is a reason.
    pub const LONGEST_CALL: Duration = Duration::from_secs(10);
}

/// Open databases: one of each area that was asked for, and one with what the areas share. Other processes have them
/// open, too.
pub struct Mongo {
    pub(crate) client: Client,
    pub(crate) layout: Layout,
    pub(crate) hosts: String,
    pub(crate) options: Options,
    pub(crate) positions: Positions,
    pub(crate) news: watch::Sender<()>,
    pub(crate) turns: Turns,
    /// Tells others that this process lives.
    pub(crate) heartbeat: Option<JoinHandle<()>>,
    pub(crate) calls: StoreCalls,
}

impl Mongo {
    /// Whether it answers, and has a primary that can be written to.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when it has none.
    pub async fn ping(&self) -> Result<()> {
        self.run("ping", async { Ok(self.database_of(None).run_command(bson::doc! { "ping": 1 }).await.map(drop)?) })
            .await
    }

    /// Tells others that this process has ended, and lets go of the connections. Afterwards every call fails.
    pub async fn close(&self) {
        if let Some(heartbeat) = &self.heartbeat {
            heartbeat.abort();
        }
        if let Err(error) = self.run("close", instances::end(self)).await {
            // Others find out by its silence.
            tracing::debug!(error = &error as &dyn std::error::Error, "MongoDB was not told of the end");
        }
        self.client.clone().shutdown().await;
    }

    /// This process changes nothing from now on: no other needs to reckon with it, as [`Self::has_others`] does.
    ///
    /// # Errors
    /// [`Error::Unavailable`]: then others do for ten seconds.
    pub async fn keep_still(&self) -> Result<()> {
        if let Some(heartbeat) = &self.heartbeat {
            heartbeat.abort();
        }
        self.run("instances.end", instances::end(self)).await
    }

    /// Whether another process has the databases open, or died within the last ten seconds.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn has_others(&self) -> Result<bool> {
        self.run("instances.others", instances::others_live(self)).await
    }

    /// Where documents of this kind lie: the only place that knows which database an area has.
    pub(crate) fn collection<T: Send + Sync>(&self, declared: &Declared) -> Collection<T> {
        self.database_of(declared.area).collection(declared.name)
    }

    /// That of an area; that which all areas share, for none.
    pub(crate) const fn database_of(&self, area: Option<Area>) -> &Database {
        self.layout.database(area)
    }

    pub(crate) const fn client(&self) -> &Client {
        &self.client
    }

    /// Changes after a commit that left events.
    pub(crate) fn news(&self) -> watch::Receiver<()> {
        self.news.subscribe()
    }

    pub(crate) fn announce(&self) {
        self.news.send_replace(());
    }

    /// Does the work of one call of a store, within its span, its timing and its bound.
    pub(crate) async fn run<T>(&self, op: &'static str, work: impl Future<Output = Outcome<T>>) -> Result<T> {
        // Boxed: the driver's futures are large, and there is one of them in every call.
        let work = Box::pin(tokio::time::timeout(self.options.longest_call, work));
        let call = async {
            match work.await {
                Ok(done) => done.map_err(Error::from),
                Err(_) => Err(unavailable("the call took too long")),
            }
        };
        self.calls.make(op, call).await
    }
}

/// As an operator reads it: without user and password.
impl fmt::Display for Mongo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let base = self.database_of(None).name();
        write!(f, "databases {base} and {base}_* of MongoDB at {}", self.hosts)
    }
}

impl Drop for Mongo {
    fn drop(&mut self) {
        if let Some(heartbeat) = &self.heartbeat {
            heartbeat.abort();
        }
    }
}
