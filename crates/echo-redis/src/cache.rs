//! The second cache, behind each process's own and in front of a store: what one process has read, all have.

use std::{
    fmt::Display,
    hash::Hash,
    sync::{Arc, LazyLock},
    time::Duration,
};

use echo_domain::{Broadcast, IdMap, IdSet, Lookups, Result};
use fred::{
    interfaces::KeysInterface,
    types::{Expiration, Key, SetOptions, Value, scripts::Script},
};
use futures_util::future::{BoxFuture, join_all};
use tokio::{task::JoinHandle, time::sleep};

use crate::{
    connection::{PREFIX, Redis},
    epoch::{Epoch, random},
};

/// Keeps the value, if there is one, while the caller has the lease. Returns nothing of use.
static FILL: LazyLock<Script> = LazyLock::new(|| {
    Script::from_lua(
        "if redis.call('GET', KEYS[2]) ~= ARGV[1] then return 0 end
         redis.call('DEL', KEYS[2])
         if ARGV[2] ~= '' then redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3]) end
         return 1",
    )
});

/// Values that processes share.
///
/// Who finds none takes a lease, reads the store and leaves the value; others wait for it a moment. Whoever changes what
/// a value was made from removes the value and the lease, after the change is kept and before it is acknowledged: what
/// was read before the change is then not left after it (leases as in Scaling Memcache at Facebook, NSDI 2013).
pub struct SharedCache {
    redis: Arc<Redis>,
    epoch: Arc<Epoch>,
    watch: JoinHandle<()>,
    lookups: Lookups,
}

/// How values of one kind are named and written down.
pub(crate) struct Kind<V> {
    pub(crate) name: &'static str,
    pub(crate) write: fn(&V) -> Result<Vec<u8>>,
    /// `None` for what another version of Echo has written.
    pub(crate) read: fn(&[u8]) -> Option<V>,
}

impl SharedCache {
    /// In case a change is not heard of.
    const LIFETIME: Duration = Duration::from_secs(60);
    /// Whoever has a lease and says nothing is not waited for any longer.
    const LEASE: Duration = Duration::from_secs(2);
    /// When to look for what another is reading; then it is read from the store.
    const LOOKS: [Duration; 3] = [Duration::from_millis(5), Duration::from_millis(15), Duration::from_millis(30)];

    /// `others` are told when anything may have changed.
    pub fn new(redis: Arc<Redis>, others: Arc<dyn Broadcast>) -> Self {
        let epoch = Arc::new(Epoch::new(redis.clone(), others));
        let lookups = Lookups::of("shared");
        Self { redis, epoch: epoch.clone(), watch: tokio::spawn(epoch.watch()), lookups }
    }

    /// The values of those keys that have one. `load` reads those unknown, in a batch or two, and is the only one who may
    /// fail: without Redis, it reads all.
    pub(crate) async fn get<'a, K, V>(
        &self,
        kind: &Kind<V>,
        ids: &[K],
        load: impl Fn(Vec<K>) -> BoxFuture<'a, Result<IdMap<K, V>>>,
    ) -> Result<IdMap<K, V>>
    where
        K: Copy + Eq + Hash + Display + Sync,
        V: Send + Sync,
    {
        let ids: Vec<_> = IdSet::from_iter(ids.iter().copied()).into_iter().collect();
        let found = self.look(kind, &ids).await;
        self.lookups.asked(ids.len(), found.as_ref().map_or(0, |(_, known)| known.len()));
        let Some((epoch, mut known)) = found else { return load(ids).await };
        let unknown = missing(&ids, &known);
        if unknown.is_empty() {
            return Ok(known);
        }
        let token = random();
        let (ours, mut others) = self.lease(kind, unknown, &token).await;
        if !ours.is_empty() {
            let loaded = load(ours.clone()).await?;
            self.fill(kind, &ours, &loaded, &token, &epoch).await;
            known.extend(loaded);
        }
        for pause in Self::LOOKS {
            if others.is_empty() {
                return Ok(known);
            }
            sleep(pause).await;
            let Some((_, found)) = self.look(kind, &others).await else { break };
            known.extend(found);
            others = missing(&others, &known);
        }
        known.extend(load(others).await?);
        Ok(known)
    }

    /// These values have changed, or may have.
    pub(crate) async fn forget<K: Display, V>(&self, kind: &Kind<V>, ids: &[K]) {
        let removals = ids.iter().map(|id| {
            let keys: Vec<Key> = keys(kind.name, id);
            self.redis.run::<()>("cache.forget", self.redis.client.del(keys))
        });
        if join_all(removals).await.iter().any(Result::is_err) {
            self.epoch.doubt();
        }
    }

    /// Every value may have changed.
    pub(crate) async fn forget_all(&self) {
        if self.epoch.begin().await.is_err() {
            self.epoch.doubt();
        }
    }

    /// The epoch and what is known in it; `None` when nothing can be.
    async fn look<K, V>(&self, kind: &Kind<V>, ids: &[K]) -> Option<(String, IdMap<K, V>)>
    where
        K: Copy + Eq + Hash + Display + Sync,
    {
        if !self.epoch.is_certain() {
            return None;
        }
        let pipeline = self.redis.client.pipeline();
        let gets = async {
            let () = pipeline.get(Epoch::key()).await?;
            for id in ids {
                let [value, _] = &keys(kind.name, id)[..] else { continue };
                let () = pipeline.get(value).await?;
            }
            pipeline.all::<Vec<Option<String>>>().await
        };
        let mut values = self.redis.run("cache.look", gets).await.ok()?.into_iter();
        let Some(epoch) = values.next().flatten() else {
            // Redis has lost everything, or is new.
            let _ = self.epoch.begin_first().await;
            return None;
        };
        let present = ids.iter().zip(values).filter_map(|(id, value)| {
            let value = (kind.read)(value?.strip_prefix(&epoch)?.as_bytes())?;
            Some((*id, value))
        });
        let known = present.collect();
        Some((epoch, known))
    }

    /// Takes the leases that nobody has; those of the ids whose lease is another's.
    async fn lease<K: Copy + Display + Sync, V>(&self, kind: &Kind<V>, ids: Vec<K>, token: &str) -> (Vec<K>, Vec<K>) {
        let time = Expiration::PX(i64::try_from(Self::LEASE.as_millis()).unwrap_or(i64::MAX));
        let pipeline = self.redis.client.pipeline();
        let sets = async {
            for id in &ids {
                let [_, lease] = &keys(kind.name, id)[..] else { continue };
                let () = pipeline.set(lease, token, Some(time.clone()), Some(SetOptions::NX), false).await?;
            }
            pipeline.all::<Vec<Option<String>>>().await
        };
        // Without an answer, ours are those that nobody will fill.
        let Ok(taken) = self.redis.run("cache.lease", sets).await else { return (ids, Vec::new()) };
        let (ours, others): (Vec<_>, Vec<_>) = ids.into_iter().zip(taken).partition(|(_, taken)| taken.is_some());
        let ids = |leases: Vec<(K, _)>| leases.into_iter().map(|(id, _)| id).collect();
        (ids(ours), ids(others))
    }

    /// Leaves what was read, and gives up the leases of what is not there.
    async fn fill<K, V>(&self, kind: &Kind<V>, ids: &[K], loaded: &IdMap<K, V>, token: &str, epoch: &str)
    where
        K: Copy + Eq + Hash + Display + Sync,
        V: Sync,
    {
        let fills = ids.iter().map(|id| {
            let row = loaded.get(id).and_then(|value| (kind.write)(value).ok());
            let value = row.map_or_else(Vec::new, |row| [epoch.as_bytes(), &row].concat());
            let args = vec![token.into(), Value::Bytes(value.into()), lifetime().into()];
            self.redis.script::<i64>("cache.fill", &FILL, keys(kind.name, id), args)
        });
        // What is not left is read again.
        join_all(fills).await;
    }
}

impl Drop for SharedCache {
    fn drop(&mut self) {
        self.watch.abort();
    }
}

/// The value's and the lease's, in one slot of a Cluster.
fn keys(kind: &str, id: impl Display) -> Vec<Key> {
    vec![format!("{PREFIX}:{{{kind}:{id}}}").into(), format!("{PREFIX}:{{{kind}:{id}}}:lease").into()]
}

fn missing<K: Copy + Eq + Hash, V>(ids: &[K], known: &IdMap<K, V>) -> Vec<K> {
    ids.iter().filter(|id| !known.contains_key(id)).copied().collect()
}

/// In milliseconds; up to a fifth more or less, so that what was read at once does not end at once.
fn lifetime() -> i64 {
    let whole = i64::try_from(SharedCache::LIFETIME.as_millis()).unwrap_or(i64::MAX);
    let fifth = whole / 5;
    let random = i64::from_str_radix(&random()[..8], 16).unwrap_or(0);
    whole - fifth + random % (2 * fifth)
}
