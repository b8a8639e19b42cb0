//! The connection: opens it from a URL, and runs every store's calls on it.

use std::{sync::Arc, time::Duration};

use echo_domain::{Result, metric::StoreCalls};
use fred::{
    clients::Client,
    error::Error as RedisError,
    interfaces::{ClientLike, LuaInterface},
    types::{
        Builder, FromValue, InfoKind, Key, RespVersion, Value,
        config::{Config, ReconnectPolicy, TcpConfig},
        scripts::Script,
    },
};
use futures_util::future::BoxFuture;

use crate::{
    error::{OpenError, translate, unavailable},
    figures::{self, Up},
};

/// What all keys begin with, so that others may use the same Redis.
pub(crate) const PREFIX: &str = "echo";

/// A connection to Redis. It is made anew, by itself, whenever it is lost.
pub struct Redis {
    pub(crate) client: Client,
    builder: Builder,
    calls: StoreCalls,
    up: Up,
}

impl Redis {
    /// A call that has no answer by then has failed.
    const PATIENCE: Duration = Duration::from_millis(500);
    /// So many calls may wait to be sent; more are refused.
    const QUEUE: usize = 10_000;

    /// Connects to `redis://`, `redis-sentinel://` or `redis-cluster://`, or with `rediss` over TLS.
    ///
    /// # Errors
    /// [`OpenError`], which reads as one line for an operator.
    pub async fn open(url: &str) -> Result<Arc<Self>, OpenError> {
        let config = Config::from_url(url).map_err(|error| OpenError::url(&error))?;
        let at = config.server.hosts().iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        let clustered = config.server.is_clustered();
        let builder = builder(config);
        let client = builder.build().map_err(|error| OpenError::url(&error))?;
        client.init().await.map_err(|error| OpenError::connecting(at.clone(), &error))?;
        let checked = check(&client, clustered, &at).await;
        if checked.is_err() {
            // The reason to give up says more than what comes of saying goodbye.
            let _ = client.quit().await;
        }
        checked?;
        figures::count_reconnects(&client);
        Ok(Arc::new(Self { client, builder, calls: StoreCalls::new("redis", "redis"), up: Up::new() }))
    }

    /// Whether it answers.
    ///
    /// # Errors
    /// [`echo_domain::Error::Unavailable`] when it does not.
    pub async fn ping(&self) -> Result<()> {
        self.run("ping", self.client.ping(None)).await
    }

    /// Waits for calls that are under way, and ends the connection.
    pub async fn close(&self) {
        if let Err(error) = self.client.quit().await {
            tracing::debug!(error = &error as &dyn std::error::Error, "the connection to Redis ended by itself");
        }
    }

    /// Makes the call within the span and the timing of every call.
    pub(crate) fn run<'a, T: 'a>(
        &'a self,
        op: &'static str,
        call: impl Future<Output = Result<T, RedisError>> + Send + 'a,
    ) -> BoxFuture<'a, Result<T>> {
        // The client's futures are too large to be moved about.
        let call = Box::pin(call);
        Box::pin(async move {
            let answered = async {
                // What is sent while there is no connection would wait for one.
                if !self.client.is_connected() {
                    return Err(unavailable("there is no connection"));
                }
                call.await.map_err(translate)
            };
            let result = self.calls.make(op, answered).await;
            self.up.note(&result);
            result
        })
    }

    /// Runs the script, as one step that nothing comes between. All `keys` are in one slot of a Cluster.
    pub(crate) async fn script<T: FromValue + Send>(
        &self,
        op: &'static str,
        script: &Script,
        keys: Vec<Key>,
        args: Vec<Value>,
    ) -> Result<T> {
        let call = async {
            match script.evalsha(&self.client, keys.clone(), args.clone()).await {
                // This server has not seen it, or forgot it: from now on it knows it.
                Err(error) if error.details().starts_with("NOSCRIPT") => {
                    self.client.eval(script.lua().cloned().unwrap_or_default(), keys, args).await
                }
                result => result,
            }
        };
        self.run(op, call).await
    }

    /// Another connection, on its way: for what is published.
    pub(crate) fn another(&self) -> Result<Client> {
        let mut builder = self.builder.clone();
        // Should Redis be gone just now, it is waited for.
        builder.with_config(|config| config.fail_fast = false);
        let client = builder.build().map_err(translate)?;
        client.connect();
        Ok(client)
    }
}

fn builder(config: Config) -> Builder {
    let mut builder = Builder::from_config(config);
    builder.with_config(|config| config.version = RespVersion::RESP3);
    builder.set_policy(ReconnectPolicy::new_exponential(0, 50, 1000, 2));
    builder.with_connection_config(|connection| {
        connection.connection_timeout = Duration::from_secs(2);
        connection.internal_command_timeout = Duration::from_secs(2);
        connection.max_command_buffer_len = Redis::QUEUE;
        connection.tcp = TcpConfig { nodelay: Some(true), ..TcpConfig::default() };
        // A server that takes what is sent and says nothing is as good as gone.
        connection.unresponsive.max_timeout = Some(Duration::from_secs(2));
        connection.unresponsive.interval = Duration::from_millis(500);
    });
    builder.with_performance_config(|performance| {
        performance.default_command_timeout = Redis::PATIENCE;
        performance.broadcast_channel_capacity = 1024;
    });
    builder
}

async fn check(client: &Client, clustered: bool, at: &str) -> Result<(), OpenError> {
    let found = client.server_version().ok_or_else(|| OpenError::Unreachable {
        at: at.to_owned(),
        cause: "it does not tell its version".to_owned(),
    })?;
    if found < OpenError::OLDEST {
        return Err(OpenError::TooOld { at: at.to_owned(), found: found.to_string() });
    }
    if !clustered {
        let info: String =
            client.info(Some(InfoKind::Cluster)).await.map_err(|error| OpenError::connecting(at.to_owned(), &error))?;
        if info.contains("cluster_enabled:1") {
            return Err(OpenError::Clustered { at: at.to_owned() });
        }
    }
    Ok(())
}
