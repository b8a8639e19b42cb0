//! The schema, and how it came to be: forward only, each step in a transaction of its own.

use std::{path::Path, time::Duration};

use rusqlite::{Connection, TransactionBehavior};

use crate::{database, error::OpenError};

/// A step of the schema.
pub(crate) struct Migration {
    name: &'static str,
    sql: &'static str,
    /// Older tables of which it goes through every row. They say how long it takes.
    touches: &'static [&'static str],
}

/// Never changed once released: what was done to a database is done. Their order is their version, from 1.
pub(crate) const MIGRATIONS: &[Migration] = &[
    Migration { name: "initial", sql: include_str!("../migrations/0001_initial.sql"), touches: &[] },
    Migration {
        name: "most followers",
        sql: include_str!("../migrations/0002_most_followers.sql"),
        touches: &["profiles"],
    },
    Migration { name: "transfer", sql: include_str!("../migrations/0003_transfer.sql"), touches: &[] },
    Migration { name: "blobs", sql: include_str!("../migrations/0004_blobs.sql"), touches: &["media"] },
    Migration { name: "traces", sql: include_str!("../migrations/0005_traces.sql"), touches: &[] },
    Migration {
        name: "account total",
        sql: include_str!("../migrations/0006_account_total.sql"),
        touches: &["accounts"],
    },
];

/// What a migration is going to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Planned {
    pub version: u32,
    pub name: &'static str,
    /// How many rows it goes through.
    pub rows: u64,
    /// How long that takes, as a guess.
    pub roughly: Duration,
}

impl Planned {
    /// Measured with SQLite 3.40 on a million posts of 250 bytes: to fill a new column took 1.7 µs a row, to make an
    /// index over it 0.5 µs. Both together, and doubled for slower disks.
    const PER_ROW: Duration = Duration::from_micros(4);
    const AT_LEAST: Duration = Duration::from_millis(10);

    fn of(migration: &Migration, version: u32, connection: &Connection) -> rusqlite::Result<Self> {
        let mut rows = 0;
        for table in migration.touches {
            // One that an earlier step is still to make has no rows.
            if !connection.table_exists(None, *table)? {
                continue;
            }
            let sql = format!("SELECT count(*) FROM {table}");
            rows += u64::try_from(connection.query_row(&sql, [], |row| row.get::<_, i64>(0))?).unwrap_or(0);
        }
        let factor = u32::try_from(rows).unwrap_or(u32::MAX);
        let roughly = Self::PER_ROW.saturating_mul(factor).max(Self::AT_LEAST);
        Ok(Self { version, name: migration.name, rows, roughly })
    }
}

/// Brings the file up to date, or makes it. Nobody else may be using it: an older Echo does not know what becomes of its
/// tables.
///
/// # Errors
/// [`OpenError`]; the steps before the one that failed stay done.
pub fn migrate(path: &Path) -> Result<(), OpenError> {
    run(&mut database::writing_connection(path)?, path, MIGRATIONS)
}

/// Does what is missing.
fn run(connection: &mut Connection, path: &Path, all: &[Migration]) -> Result<(), OpenError> {
    for (version, migration) in missing(connection, path, all)? {
        apply(connection, version, migration.sql).map_err(|source| OpenError::new(path.to_owned(), source))?;
        tracing::info!(version, name = migration.name, "database schema brought up to date");
    }
    Ok(())
}

/// Refuses a database that lacks some; one that is being made may have them all.
pub(crate) fn require(connection: &mut Connection, path: &Path, all: &[Migration]) -> Result<(), OpenError> {
    let found = version(connection).map_err(|source| OpenError::new(path.to_owned(), source))?;
    if found == 0 {
        return run(connection, path, all);
    }
    match missing(connection, path, all)?.last() {
        None => Ok(()),
        Some((known, _)) => Err(OpenError::Older { path: path.to_owned(), found, known: *known }),
    }
}

/// What [`migrate`] would do to the file, which is not changed by this; all of it when there is no file.
///
/// # Errors
/// [`OpenError`], as when it is opened.
pub fn plan(path: &Path) -> Result<Vec<Planned>, OpenError> {
    plan_of(path, MIGRATIONS)
}

fn plan_of(path: &Path, all: &[Migration]) -> Result<Vec<Planned>, OpenError> {
    let opening = |source| OpenError::new(path.to_owned(), source);
    let connection = if path.exists() {
        database::visiting_connection(path).map_err(opening)?
    } else {
        Connection::open_in_memory().map_err(opening)?
    };
    let planned = missing(&connection, path, all)?;
    let planned = planned.into_iter().map(|(version, migration)| Planned::of(migration, version, &connection));
    planned.collect::<rusqlite::Result<_>>().map_err(opening)
}

/// Those that the database does not have, each with its version.
pub(crate) fn missing<'a>(
    connection: &Connection,
    path: &Path,
    all: &'a [Migration],
) -> Result<Vec<(u32, &'a Migration)>, OpenError> {
    let found = version(connection).map_err(|source| OpenError::new(path.to_owned(), source))?;
    let known = u32::try_from(all.len()).unwrap_or(u32::MAX);
    if found > known {
        return Err(OpenError::Newer { path: path.to_owned(), found, known });
    }
    Ok((1..).zip(all).filter(|(version, _)| *version > found).collect())
}

/// Another process may do the same at the same time: it is asked again where nobody else can write.
fn apply(connection: &mut Connection, to: u32, sql: &str) -> rusqlite::Result<()> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    if version(&transaction)? < to {
        transaction.execute_batch(sql)?;
        transaction.pragma_update(None, "user_version", to)?;
    }
    transaction.commit()
}

pub(crate) fn version(connection: &Connection) -> rusqlite::Result<u32> {
    connection.query_row("PRAGMA user_version", [], |row| row.get(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    const THREE: &[Migration] = &[
        Migration { name: "people", sql: "CREATE TABLE people (name TEXT)", touches: &[] },
        Migration {
            name: "ages",
            sql: "ALTER TABLE people ADD COLUMN age INTEGER; UPDATE people SET age = 7",
            touches: &["people"],
        },
        Migration { name: "towns", sql: "CREATE TABLE towns (name TEXT)", touches: &[] },
    ];

    /// A database that has the first `n` of them, and some people.
    fn at(n: usize) -> (tempfile::TempDir, std::path::PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("echo.db");
        let mut connection = Connection::open(&path).unwrap();
        run(&mut connection, &path, &THREE[..n]).unwrap();
        connection.execute_batch("INSERT INTO people (name) VALUES ('a'), ('b')").unwrap();
        (folder, path)
    }

    #[test]
    fn the_plan_tells_what_is_missing_and_on_how_many_rows() {
        let (_folder, path) = at(1);
        let before = std::fs::read(&path).unwrap();

        let planned = plan_of(&path, THREE).unwrap();

        let told: Vec<_> = planned.iter().map(|it| (it.version, it.name, it.rows)).collect();
        assert_eq!(told, [(2, "ages", 2), (3, "towns", 0)]);
        assert_eq!(std::fs::read(&path).unwrap(), before);
    }

    #[test]
    fn a_table_that_is_not_there_yet_has_no_rows() {
        let folder = tempfile::tempdir().unwrap();

        let planned = plan_of(&folder.path().join("echo.db"), THREE).unwrap();

        assert_eq!(planned.iter().map(|it| it.rows).collect::<Vec<_>>(), [0, 0, 0]);
    }

    #[test]
    fn time_grows_with_rows() {
        let connection = Connection::open_in_memory().unwrap();
        connection.execute_batch("CREATE TABLE people (name TEXT)").unwrap();
        let few = Planned::of(&THREE[1], 2, &connection).unwrap();
        let million = "WITH RECURSIVE n(i) AS (VALUES(1) UNION ALL SELECT i + 1 FROM n WHERE i < 1000000)
             INSERT INTO people SELECT i FROM n";
        connection.execute_batch(million).unwrap();

        let many = Planned::of(&THREE[1], 2, &connection).unwrap();

        assert_eq!((few.roughly, many.roughly), (Duration::from_millis(10), Duration::from_secs(4)));
    }

    #[test]
    fn accounts_that_are_there_are_counted() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("echo.db");
        let mut connection = Connection::open(&path).unwrap();
        let before = MIGRATIONS.iter().position(|it| it.name == "account total").unwrap();
        run(&mut connection, &path, &MIGRATIONS[..before]).unwrap();
        let accounts = "INSERT INTO accounts VALUES (x'01', 'ana', 'ana', 'a@example.com', '', 'user', 'active', 0),
             (x'02', 'ben', 'ben', 'b@example.com', '', 'user', 'active', 0)";
        connection.execute_batch(accounts).unwrap();

        run(&mut connection, &path, MIGRATIONS).unwrap();

        let total =
            || connection.query_row("SELECT accounts FROM account_total", [], |row| row.get::<_, i64>(0)).unwrap();
        assert_eq!(total(), 2);
        connection.execute_batch("DELETE FROM accounts WHERE id = x'01'").unwrap();
        assert_eq!(total(), 1);
    }

    #[test]
    fn what_is_missing_is_done_and_what_is_there_is_left() {
        let (_folder, path) = at(1);
        let mut connection = Connection::open(&path).unwrap();

        run(&mut connection, &path, THREE).unwrap();
        run(&mut connection, &path, THREE).unwrap();

        let ages: i64 = connection.query_row("SELECT sum(age) FROM people", [], |row| row.get(0)).unwrap();
        assert_eq!((ages, version(&connection).unwrap()), (14, 3));
        assert!(plan_of(&path, THREE).unwrap().is_empty());
    }

    #[test]
    fn who_has_followers_already_had_as_many_at_most() {
        let (folder, star) = (tempfile::tempdir().unwrap(), "x'000000000000000000000001'");
        let path = folder.path().join("echo.db");
        let mut connection = Connection::open(&path).unwrap();
        run(&mut connection, &path, &MIGRATIONS[..1]).unwrap();
        connection
            .execute(&format!("INSERT INTO profiles VALUES ({star}, 'star', 'Star', '', NULL, NULL, 7, 1, 0, 0)"), [])
            .unwrap();

        run(&mut connection, &path, MIGRATIONS).unwrap();

        let most: i64 = connection.query_row("SELECT most_followers FROM profiles", [], |row| row.get(0)).unwrap();
        assert_eq!(most, 7);
    }

    #[test]
    fn images_that_were_there_have_blobs_of_their_own() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("echo.db");
        let mut connection = Connection::open(&path).unwrap();
        run(&mut connection, &path, &MIGRATIONS[..3]).unwrap();
        let image = |location: &str| {
            format!(
                r#"'{{"id":"00","location":"{location}","width":1,"height":2,"blurhash":"b","alt":"a","variants":
                    [{{"width":640,"location":"{location}-640"}}]}}'"#
            )
        };
        let [file, other_file] = ["a.png", "b.png"].map(image);
        let [address, other_address] = ["https://example.com/a.png", "https://example.com/b.png"].map(image);
        let media = format!(
            "INSERT INTO media VALUES (x'000000000000000000000001', x'0a', {file}, 'post:1', NULL, 0),
                 (x'000000000000000000000002', x'0a', {other_file}, NULL, 5, 1),
                 (x'000000000000000000000003', x'0a', {address}, 'post:3', NULL, 0),
                 (x'000000000000000000000004', x'0a', {other_address}, 'post:4', NULL, 1),
                 (x'000000000000000000000005', x'0a', 'damaged', NULL, 5, 0),
                 (x'000000000000000000000006', x'0a', 'damaged', NULL, 5, 1),
                 (x'000000000000000000000007', x'0a', '{{}}', NULL, 5, 1),
                 (x'000000000000000000000008', x'0a', {address}, 'post:8', NULL, 1)"
        );
        connection.execute_batch(&media).unwrap();

        run(&mut connection, &path, MIGRATIONS).unwrap();

        let all = |sql: &str| -> Vec<String> {
            connection.prepare(sql).unwrap().query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
        };
        let stem = "000000000000000000000001";
        let digest = format!("{stem}{}", "0".repeat(40));
        let media = all("SELECT lower(hex(id)) || ' ' || coalesce(lower(hex(blobs)), '') FROM media ORDER BY id");
        assert_eq!(media, [format!("{stem} {digest}"), format!("{:024} ", 3), format!("{:024} ", 5)]);
        let blobs = all("SELECT lower(hex(stem)) || shape || images FROM blobs WHERE bytes IS NULL");
        let shape = r#"{"location":"a.png","width":1,"height":2,"blurhash":"b","variants":[{"width":640,"location":"a.png-640"}]}"#;
        assert_eq!(blobs, [format!("{stem}{shape}1")]);
        let doomed = all("SELECT lower(hex(stem)) || names FROM blobs_doomed");
        let addresses = r#"["https://example.com/b.png","https://example.com/b.png-640"]"#;
        assert_eq!(doomed, [format!(r#"{:024}["b.png","b.png-640"]"#, 2), format!("{:024}{addresses}", 4)]);
    }

    #[test]
    fn one_that_fails_changes_nothing_and_those_before_it_stay() {
        let (_folder, path) = at(1);
        let failing = Migration { name: "no", sql: "CREATE TABLE towns (name TEXT); nonsense", touches: &[] };
        let [people, ages, _] = THREE else { unreachable!() };
        let all = [people, ages, &failing].map(|it| Migration { name: it.name, sql: it.sql, touches: it.touches });
        let mut connection = Connection::open(&path).unwrap();

        run(&mut connection, &path, &all).unwrap_err();

        assert_eq!(version(&connection).unwrap(), 2);
        assert!(connection.execute_batch("SELECT * FROM towns").is_err());
    }

    #[test]
    fn whoever_may_not_migrate_is_refused_unless_nothing_is_missing_or_there() {
        let (_folder, path) = at(1);
        let mut connection = Connection::open(&path).unwrap();

        let refused = require(&mut connection, &path, THREE).unwrap_err();

        assert!(matches!(refused, OpenError::Older { found: 1, known: 3, .. }), "{refused}");
        require(&mut connection, &path, &THREE[..1]).unwrap();
        let newer = run(&mut connection, &path, &[]).unwrap_err();
        assert!(matches!(newer, OpenError::Newer { found: 1, known: 0, .. }), "{newer}");
        require(&mut Connection::open_in_memory().unwrap(), &path, THREE).unwrap();
    }
}
