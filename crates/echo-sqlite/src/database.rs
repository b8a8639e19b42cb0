//! The engine room: opens the file, and runs every store's calls on the writer or a reader.

use std::{
    hash::{BuildHasher, RandomState},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    thread::JoinHandle,
    time::Duration,
};

use echo_domain::{Result, metric::StoreCalls};
use rusqlite::{Connection, OpenFlags, config::DbConfig};
use tokio::sync::{oneshot, watch};

use crate::{
    error::{OpenError, Outcome, unavailable},
    figures::{QUEUE, WriterFigures},
    migrations,
    queue::Queue,
    readers::{self, ReadJob},
    writer::{self, Tx, WriteJob},
};

/// How to open a database.
#[derive(Debug, Clone)]
pub struct Options {
    /// How many threads read.
    pub readers: usize,
    /// How many calls may wait for the writer, and as many for the readers; more are refused.
    pub queue: usize,
    /// Tells this run of the server from any other. Requests that another run left unfinished are begun anew.
    pub instance: [u8; 16],
}

impl Default for Options {
    /// Four readers, under a random instance.
    fn default() -> Self {
        let [low, high] = std::array::from_fn(|_| RandomState::new().hash_one(()).to_be_bytes());
        let instance = std::array::from_fn(|i| if i < 8 { low[i] } else { high[i - 8] });
        Self { readers: 4, queue: 4096, instance }
    }
}

/// An open database. Another process may have the same file open.
pub struct Database {
    reads: Queue<ReadJob>,
    writes: Queue<Box<dyn WriteJob>>,
    readers: Mutex<Vec<JoinHandle<()>>>,
    writer: Mutex<Option<JoinHandle<()>>>,
    news: watch::Sender<()>,
    instance: [u8; 16],
    calls: StoreCalls,
}

impl Database {
    /// Opens the file, or makes it. One of an older Echo is refused: [`crate::migrate`] comes first.
    ///
    /// # Errors
    /// [`OpenError`], which reads as one line for an operator.
    pub fn open(path: &Path, options: Options) -> Result<Arc<Self>, OpenError> {
        let opening = |source| OpenError::new(path.to_owned(), source);
        let mut connection = writing_connection(path)?;
        migrations::require(&mut connection, path, migrations::MIGRATIONS)?;
        let reading = (0..options.readers.max(1))
            .map(|_| reading_connection(path))
            .collect::<rusqlite::Result<Vec<_>>>()
            .map_err(opening)?;

        let (reads, read_jobs) = Queue::new(options.queue, QUEUE.level(["read"]));
        let read_jobs = Arc::new(read_jobs);
        let (writes, write_jobs) = Queue::new(options.queue, QUEUE.level(["write"]));
        let news = watch::Sender::new(());
        let (announcer, figures) = (news.clone(), WriterFigures::of(path));
        let write = move || writer::run(connection, &write_jobs, &announcer, &figures);
        let writer = spawn(path, "sqlite-writer", write)?;
        let readers = reading
            .into_iter()
            .map(|connection| {
                let jobs = read_jobs.clone();
                spawn(path, "sqlite-reader", move || readers::run(&connection, &jobs))
            })
            .collect::<Result<_, _>>()?;
        Ok(Arc::new(Self {
            reads,
            writes,
            readers: Mutex::new(readers),
            writer: Mutex::new(Some(writer)),
            news,
            instance: options.instance,
            calls: StoreCalls::new("sqlite", "sqlite"),
        }))
    }

    /// Whether it answers, and can be written to.
    ///
    /// # Errors
    /// [`Unavailable`](echo_domain::Error::Unavailable) when it does not.
    pub async fn ping(&self) -> Result<()> {
        self.read("ping.read", |conn| Ok(conn.query_row("PRAGMA user_version", [], |_| Ok(()))?)).await?;
        // Nothing to flush, but it takes the write lock.
        self.write("ping.write", |_| Ok(())).await
    }

    /// Takes no more calls, finishes those that wait, and closes the file. A second call waits for nothing.
    /// Blocks; dropping does the same.
    pub fn close(&self) {
        self.reads.close();
        for reader in self.readers.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
            join(reader);
        }
        // Last, so that it is the writer who clears the write-ahead log away: readers may not.
        self.writes.close();
        if let Some(writer) = self.writer.lock().unwrap_or_else(PoisonError::into_inner).take() {
            join(writer);
        }
    }

    /// Tells this run of the server from any other.
    pub(crate) const fn instance(&self) -> [u8; 16] {
        self.instance
    }

    /// Changes after a commit that left events.
    pub(crate) fn news(&self) -> watch::Receiver<()> {
        self.news.subscribe()
    }

    /// Runs `work` on the writer: all of it or, when it fails, nothing. Durable once this returns.
    pub(crate) async fn write<T: Send + 'static>(
        &self,
        op: &'static str,
        work: impl FnOnce(&Tx<'_>) -> Outcome<T> + Send + 'static,
    ) -> Result<T> {
        let (reply, answer) = oneshot::channel();
        self.call(op, self.writes.push(writer::job(work, reply)), answer).await
    }

    /// Runs `work` on a reader. It sees everything that was acknowledged before.
    pub(crate) async fn read<T: Send + 'static>(
        &self,
        op: &'static str,
        work: impl FnOnce(&Connection) -> Outcome<T> + Send + 'static,
    ) -> Result<T> {
        let (reply, answer) = oneshot::channel();
        self.call(op, self.reads.push(readers::job(work, reply)), answer).await
    }

    /// Waits for the answer.
    async fn call<T>(&self, op: &'static str, pushed: Result<()>, answer: oneshot::Receiver<Result<T>>) -> Result<T> {
        let answered = async {
            pushed?;
            answer.await.unwrap_or_else(|_| Err(unavailable(Some("it is closing".into()))))
        };
        self.calls.make(op, answered).await
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        self.close();
    }
}

fn spawn(path: &Path, name: &str, work: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>, OpenError> {
    std::thread::Builder::new()
        .name(name.to_owned())
        .spawn(work)
        .map_err(|error| OpenError::Inaccessible { path: path.to_owned(), cause: error.into() })
}

fn join(thread: JoinHandle<()>) {
    if thread.join().is_err() {
        tracing::error!("a database thread panicked");
    }
}

pub(crate) fn writing_connection(path: &Path) -> Result<Connection, OpenError> {
    let opening = |source| OpenError::new(path.to_owned(), source);
    let refused = |reason: &str| OpenError::Inaccessible { path: PathBuf::from(path), cause: reason.into() };
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(opening)?;
    configure(&connection).map_err(opening)?;
    // SQLite opens what it may not write, and complains at the first write.
    if connection.is_readonly("main").map_err(opening)? {
        return Err(refused("it is read-only"));
    }
    let journal: String = connection.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0)).map_err(opening)?;
    if journal != "wal" {
        return Err(refused("its file system does not support a write-ahead log"));
    }
    // An answer means that a power cut does not undo it. After a burst, the log shrinks to at most 16 MiB.
    connection.execute_batch("PRAGMA synchronous = FULL; PRAGMA journal_size_limit = 16777216").map_err(opening)?;
    Ok(connection)
}

fn reading_connection(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    configure(&connection)?;
    connection.execute_batch("PRAGMA query_only = ON")?;
    Ok(connection)
}

/// For a look beside whoever serves the file, which must be there. It may write only so that, as the last to leave, it
/// tidies the write-ahead log away.
pub(crate) fn visiting_connection(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    configure(&connection)?;
    Ok(connection)
}

/// Up to 4 MiB of pages per connection, filled only by use; the system caches the file behind it. No memory map: there, a
/// failing disk is a signal that ends the process, not an error.
fn configure(connection: &Connection) -> rusqlite::Result<()> {
    connection.busy_timeout(Duration::from_secs(5))?;
    connection.set_prepared_statement_cache_capacity(128);
    // Plans do not depend on bound values: else each use of a cached statement whose bindings were cleared plans anew
    // (https://sqlite.org/c3ref/c_dbconfig_defensive.html, SQLITE_DBCONFIG_ENABLE_QPSG).
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    connection.execute_batch(
        "PRAGMA foreign_keys = OFF; PRAGMA temp_store = MEMORY; PRAGMA cache_size = -4096; PRAGMA mmap_size = 0",
    )
}

#[cfg(test)]
mod tests {
    use echo_domain::{Error, Event, EventLog, RawId, UserId, contract::Figures};
    use rusqlite::params;

    use crate::{SqliteEvents, events, sql::Sql};

    use super::*;

    const NEWS: Event = Event::AccountDeleted { account: UserId(RawId::from_bytes([1; 12])) };

    fn open(folder: &tempfile::TempDir) -> Arc<Database> {
        Database::open(&folder.path().join("echo.db"), Options::default()).unwrap()
    }

    async fn put(database: &Database, name: &'static str) -> Result<()> {
        let sql = "INSERT INTO event_consumers (name, position) VALUES (?1, 1)";
        database.write("test.put", move |tx| Ok(tx.run(sql, params![name]).map(drop)?)).await
    }

    /// Keeps the writer busy until what it returns is dropped.
    async fn hold_the_writer(database: &Arc<Database>) -> std::sync::mpsc::Sender<()> {
        let (release, released) = std::sync::mpsc::channel();
        let (started, starting) = oneshot::channel();
        let database = database.clone();
        tokio::spawn(async move {
            let hold = move |_: &Tx<'_>| {
                started.send(()).unwrap();
                // Fails as soon as the sender is dropped.
                Ok(released.recv().is_ok())
            };
            database.write("test.hold", hold).await
        });
        starting.await.unwrap();
        release
    }

    async fn names(database: &Database) -> Vec<String> {
        let sql = "SELECT name FROM event_consumers WHERE name > '' ORDER BY name";
        database.read("test.names", move |conn| Ok(conn.all(sql, [], |row| row.get(0))?)).await.unwrap()
    }

    #[tokio::test]
    async fn a_write_that_fails_leaves_its_neighbours() {
        let folder = tempfile::tempdir().unwrap();
        let database = open(&folder);
        // What follows waits, and so shares a transaction.
        let release = hold_the_writer(&database).await;
        let refused = database.write("test.refuse", |tx| -> Outcome<()> {
            tx.run("INSERT INTO event_consumers (name, position) VALUES ('refused', 1)", [])?;
            events::append(tx, &NEWS)?;
            Err(Error::conflict("no", "no").into())
        });
        let panicking = database.write("test.panic", |tx| -> Outcome<()> {
            tx.run("INSERT INTO event_consumers (name, position) VALUES ('panicked', 1)", [])?;
            panic!("as intended")
        });
        let release = async { drop(release) };

        let (first, refused, panicked, again, last, ()) =
            tokio::join!(put(&database, "a"), refused, panicking, put(&database, "a"), put(&database, "b"), release);

        first.unwrap();
        assert!(matches!(refused, Err(Error::Conflict(_))));
        assert!(matches!(panicked, Err(Error::Internal(_))));
        assert!(matches!(again, Err(Error::Internal(_))));
        last.unwrap();
        assert_eq!(names(&database).await, ["a", "b"]);
        assert!(SqliteEvents(database).pending("test", 10).await.unwrap().is_empty());
    }

    #[tokio::test]
    async fn a_full_queue_refuses() {
        let folder = tempfile::tempdir().unwrap();
        let options = Options { queue: 1, ..Options::default() };
        let database = Database::open(&folder.path().join("echo.db"), options).unwrap();
        let release = hold_the_writer(&database).await;
        let release = async { drop(release) };

        let (waited, refused, ()) = tokio::join!(put(&database, "waits"), put(&database, "refused"), release);

        waited.unwrap();
        assert!(matches!(refused, Err(Error::Unavailable { .. })));
    }

    #[tokio::test]
    async fn a_full_disk_refuses_what_does_not_fit_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let database = open(&folder);
        let pages =
            |most: &'static str| database.write("test.pages", move |tx| Ok(tx.query_row(most, [], |_| Ok(()))?));
        pages("PRAGMA max_page_count = 1").await.unwrap();
        let large = "INSERT INTO event_consumers (name, position) VALUES (hex(zeroblob(100000)), 1)";

        let refused = database.write("test.large", |tx| Ok(tx.run(large, [])?)).await;

        assert!(matches!(refused, Err(Error::StorageFull)), "{refused:?}");
        put(&database, "small").await.unwrap();
        pages("PRAGMA max_page_count = 1000000").await.unwrap();
        put(&database, "later").await.unwrap();
        assert_eq!(names(&database).await, ["later", "small"]);
    }

    #[tokio::test]
    async fn what_the_file_goes_through_is_measured() {
        let figures = Figures::default();
        let _counting = figures.count_here();
        let folder = tempfile::tempdir().unwrap();
        let database = open(&folder);
        let release = hold_the_writer(&database).await;
        let writes = async { tokio::join!(put(&database, "a"), put(&database, "b"), put(&database, "a")) };
        let release = async {
            let waited = figures.get("echo_sqlite_queue{side=write}");
            drop(release);
            waited
        };

        let ((first, second, again), waited) = tokio::join!(writes, release);
        names(&database).await;

        first.and(second).unwrap();
        assert!(matches!(again, Err(Error::Internal(_))));
        assert_eq!(waited, 3.0);
        for side in ["read", "write"] {
            assert_eq!(figures.get(&format!("echo_sqlite_queue{{side={side}}}")), 0.0, "{side}");
        }
        assert_eq!(figures.values("echo_sqlite_batch_writes"), [1.0, 3.0]);
        assert_eq!(figures.get("echo_sqlite_commit_seconds"), 2.0);
        let wal = std::fs::metadata(folder.path().join("echo.db-wal")).unwrap().len();
        assert_eq!(figures.get("echo_sqlite_wal_bytes"), wal as f64);
        assert_eq!(figures.get("echo_store_seconds{backend=sqlite,op=test.put,outcome=ok}"), 2.0);
        assert_eq!(figures.get("echo_store_seconds{backend=sqlite,op=test.put,outcome=failed}"), 1.0);
        assert_eq!(figures.get("echo_store_seconds{backend=sqlite,op=test.names,outcome=ok}"), 1.0);
    }

    #[tokio::test]
    async fn a_database_that_another_holds_is_counted_once_for_all_that_wait() {
        let figures = Figures::default();
        let _counting = figures.count_here();
        let folder = tempfile::tempdir().unwrap();
        let database = open(&folder);
        let impatient = |tx: &Tx<'_>| Ok(tx.busy_timeout(Duration::ZERO)?);
        database.write("test.impatient", impatient).await.unwrap();
        let other = Connection::open(folder.path().join("echo.db")).unwrap();
        other.execute_batch("BEGIN IMMEDIATE").unwrap();

        let refused = put(&database, "a").await;

        assert!(matches!(refused, Err(Error::Unavailable { .. })), "{refused:?}");
        assert_eq!(figures.get("echo_sqlite_busy_total"), 1.0);
    }

    #[tokio::test]
    async fn readers_see_what_was_acknowledged() {
        let folder = tempfile::tempdir().unwrap();
        let database = open(&folder);
        let sql = "INSERT INTO event_consumers (name, position) VALUES (?1, 1)";
        for n in 1..=100 {
            database.write("test.put", move |tx| Ok(tx.run(sql, [format!("{n:03}")])?)).await.unwrap();

            assert_eq!(names(&database).await.len(), n);
        }
    }

    #[tokio::test]
    async fn two_may_have_the_same_file_open() {
        let folder = tempfile::tempdir().unwrap();
        let (one, other) = (open(&folder), open(&folder));

        let (a, b) = tokio::join!(put(&one, "a"), put(&other, "b"));

        a.unwrap();
        b.unwrap();
        assert_eq!(names(&one).await, ["a", "b"]);
        assert_eq!(names(&other).await, ["a", "b"]);
    }

    #[tokio::test]
    async fn news_comes_after_the_commit() {
        let folder = tempfile::tempdir().unwrap();
        let log = SqliteEvents(open(&folder));
        let mut news = log.news();
        log.0.write("test.append", |tx| events::append(tx, &NEWS)).await.unwrap();

        news.changed().await.unwrap();

        assert_eq!(log.pending("test", 10).await.unwrap()[0].event, NEWS);
    }

    #[tokio::test]
    async fn closing_finishes_what_waits_and_clears_the_log_away() {
        let folder = tempfile::tempdir().unwrap();
        let database = open(&folder);
        let write = put(&database, "a");
        let close = async { database.close() };

        let (written, ()) = tokio::join!(write, close);

        written.unwrap();
        assert!(matches!(database.ping().await, Err(Error::Unavailable { .. })));
        assert!(!folder.path().join("echo.db-wal").exists());
        assert_eq!(names(&open(&folder)).await, ["a"]);
    }

    #[test]
    fn a_newer_schema_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("echo.db");
        drop(open(&folder));
        Connection::open(&path).unwrap().pragma_update(None, "user_version", 99).unwrap();

        let refused = Database::open(&path, Options::default()).err().unwrap();

        let newest = u32::try_from(migrations::MIGRATIONS.len()).unwrap();
        assert!(matches!(refused, OpenError::Newer { found: 99, known, .. } if known == newest), "{refused}");
    }

    #[test]
    fn what_cannot_be_opened_is_told_from_what_is_damaged() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("echo.db");
        std::fs::write(&path, "no database, whatever its name says, and long enough to be one".repeat(100)).unwrap();

        let damaged = Database::open(&path, Options::default()).err().unwrap();
        let missing = Database::open(&folder.path().join("no/echo.db"), Options::default()).err().unwrap();

        assert!(matches!(damaged, OpenError::Damaged { .. }), "{damaged}");
        assert!(matches!(missing, OpenError::Inaccessible { .. }), "{missing}");
        assert!(!missing.to_string().contains('\n'));
    }
}
