//! A database of one moment in a file of its own: what a backup takes, and what a restore looks at.

use std::{collections::BTreeMap, os::unix::ffi::OsStrExt, path::Path};

use rusqlite::{
    Connection, Row,
    types::{ToSqlOutput, ValueRef},
};

use crate::{
    blobs::{self, Blobs},
    database,
    error::OpenError,
    migrations,
};

/// A database that nobody else uses.
pub struct Snapshot {
    connection: Connection,
    /// Of what it was taken of: the database that an operator knows.
    path: std::path::PathBuf,
}

impl Snapshot {
    /// Copies a database, whether or not it is being used, as it is at one moment between two writes. Whoever writes to
    /// it meanwhile does not wait. What was deleted is not in the copy, not even in free pages.
    ///
    /// # Errors
    /// [`OpenError`], which reads as one line for an operator.
    pub fn take(database: &Path, to: &Path) -> Result<Self, OpenError> {
        let copying = |cause| OpenError::Uncopied { path: database.to_owned(), cause };
        let connection = database::visiting_connection(database).map_err(copying)?;
        known(&connection, database)?;
        // In one read transaction of its own. SQLite takes a name as it is, also where it is no UTF-8.
        let name = ToSqlOutput::Borrowed(ValueRef::Text(to.as_os_str().as_bytes()));
        connection.execute("VACUUM INTO ?1", [name]).map_err(copying)?;
        Ok(Self { connection: database::visiting_connection(to).map_err(copying)?, path: database.to_owned() })
    }

    /// Opens a database as it is, of this schema or an older one.
    ///
    /// # Errors
    /// [`OpenError`], which reads as one line for an operator.
    pub fn open(path: &Path) -> Result<Self, OpenError> {
        let connection =
            database::visiting_connection(path).map_err(|source| OpenError::new(path.to_owned(), source))?;
        known(&connection, path)?;
        Ok(Self { connection, path: path.to_owned() })
    }

    /// Which version the schema has.
    ///
    /// # Errors
    /// [`OpenError`]
    pub fn schema(&self) -> Result<u32, OpenError> {
        migrations::version(&self.connection).map_err(|source| self.unreadable(source))
    }

    /// How many rows each table has.
    ///
    /// # Errors
    /// [`OpenError`]
    pub fn rows(&self) -> Result<BTreeMap<String, u64>, OpenError> {
        self.count().map_err(|source| self.unreadable(source))
    }

    /// What SQLite finds damaged; nothing, when all is well.
    ///
    /// # Errors
    /// [`OpenError`]
    pub fn damages(&self) -> Result<Vec<String>, OpenError> {
        integrity(&self.connection).map_err(|source| self.unreadable(source))
    }

    /// The blobs that images' records name.
    ///
    /// # Errors
    /// [`OpenError`]
    pub fn blobs(&self) -> Result<Blobs, OpenError> {
        blobs::blobs(&self.connection).map_err(|source| self.unreadable(source))
    }

    fn count(&self) -> rusqlite::Result<BTreeMap<String, u64>> {
        let tables = "SELECT name FROM pragma_table_list
             WHERE schema = 'main' AND type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY name";
        let name = |row: &Row<'_>| row.get::<_, String>(0);
        let names = self.connection.prepare(tables)?.query_map([], name)?.collect::<rusqlite::Result<Vec<_>>>()?;
        let rows = |name: String| {
            let sql = format!("SELECT count(*) FROM \"{name}\"");
            let rows = self.connection.query_row(&sql, [], |row| row.get::<_, i64>(0))?;
            Ok((name, u64::try_from(rows).unwrap_or(0)))
        };
        names.into_iter().map(rows).collect()
    }

    fn unreadable(&self, source: rusqlite::Error) -> OpenError {
        OpenError::new(self.path.clone(), source)
    }
}

fn known(connection: &Connection, path: &Path) -> Result<(), OpenError> {
    let missing = migrations::missing(connection, path, migrations::MIGRATIONS)?;
    if missing.len() == migrations::MIGRATIONS.len() {
        return Err(OpenError::Empty { path: path.to_owned() });
    }
    Ok(())
}

/// The version that the schema has in this Echo.
#[must_use]
pub fn newest_schema() -> u32 {
    u32::try_from(migrations::MIGRATIONS.len()).unwrap_or(u32::MAX)
}

pub(crate) fn integrity(connection: &Connection) -> rusqlite::Result<Vec<String>> {
    let mut statement = connection.prepare("PRAGMA integrity_check")?;
    let mut lines = statement.query_map([], |row| row.get(0))?.collect::<rusqlite::Result<Vec<String>>>()?;
    lines.retain(|line| line != "ok");
    Ok(lines)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use echo_domain::{
        RawId, Timestamp, UserId,
        media::{BlobSet, Digest, Holder, MediaStore, Upload, Variant},
    };

    use crate::{Database, Options, SqliteMedia};

    use super::*;

    fn open(folder: &tempfile::TempDir) -> Arc<Database> {
        Database::open(&folder.path().join("echo.db"), Options::default()).unwrap()
    }

    /// An image of blobs of its own, which expires at the time, if at all.
    async fn add(store: &SqliteMedia, n: u8, expires: Option<Timestamp>, holder: Option<Holder>) {
        let id = RawId::from_bytes([n; 12]);
        let variant = |width| Variant { width, location: format!("{n}-{width}.webp") };
        let blobs = BlobSet {
            digest: Digest::unknown(id.into()),
            stem: id.into(),
            location: format!("{n}.webp"),
            width: 1,
            height: 1,
            blurhash: String::new(),
            variants: vec![variant(320), variant(640)],
            bytes: Some(1),
        };
        let account = UserId(RawId::from_bytes([9; 12]));
        let later = Timestamp::from_millis(i64::MAX);
        let upload = Upload { id: id.into(), account, alt: String::new(), expires: expires.unwrap_or(later), blobs };
        store.add(&upload, 100).await.unwrap();
        if let Some(holder) = holder.or(expires.is_none().then_some(Holder::Profile(account))) {
            store.claim(account, holder, &[upload.id], Timestamp::from_millis(0), upload.expires).await.unwrap();
            if expires.is_none() {
                store.keep(holder, &[upload.id]).await.unwrap();
            }
        }
    }

    #[tokio::test]
    async fn it_has_what_was_there_then_and_names_the_blobs() {
        let folder = tempfile::tempdir().unwrap();
        let store = SqliteMedia(open(&folder));
        add(&store, 1, None, None).await;
        add(&store, 2, Some(Timestamp::from_millis(7)), None).await;
        let (from, to) = (folder.path().join("echo.db"), folder.path().join("copy.db"));

        let snapshot = Snapshot::take(&from, &to).unwrap();
        add(&store, 3, None, None).await;

        assert_eq!((snapshot.schema().unwrap(), snapshot.rows().unwrap()["media"]), (newest_schema(), 2));
        assert!(snapshot.damages().unwrap().is_empty());
        let blobs = snapshot.blobs().unwrap();
        let named: Vec<_> = blobs.named.iter().map(|blob| (blob.name.as_str(), blob.needed)).collect();
        let expected = [
            ("1.webp", true),
            ("1-320.webp", true),
            ("1-640.webp", true),
            ("2.webp", false),
            ("2-320.webp", false),
            ("2-640.webp", false),
        ];
        assert_eq!(named, expected);
        Database::open(&to, Options::default()).unwrap();
    }

    #[tokio::test]
    async fn what_is_shown_is_needed_also_before_that_is_confirmed() {
        let folder = tempfile::tempdir().unwrap();
        let store = SqliteMedia(open(&folder));
        let soon = Some(Timestamp::from_millis(7));
        for (n, holder) in [(1, Some(9)), (2, Some(8)), (3, None)] {
            let holder = holder.map(|n| Holder::Post(RawId::from_bytes([n; 12]).into()));
            add(&store, n, soon, holder).await;
        }
        let connection = Connection::open(folder.path().join("echo.db")).unwrap();
        let show = "INSERT INTO posts (id, author, created, content) VALUES (?1, ?1, 0, ?2)";
        let content = format!(r#"[{{"image":{{"id":"{}"}}}}]"#, RawId::from_bytes([1; 12]));
        connection.execute(show, rusqlite::params![[9_u8; 12], content]).unwrap();

        let needed = || -> Vec<String> {
            let blobs = Snapshot::open(&folder.path().join("echo.db")).unwrap().blobs().unwrap();
            blobs.named.into_iter().filter(|blob| blob.needed).map(|blob| blob.name).collect()
        };

        assert_eq!(needed(), ["1.webp", "1-320.webp", "1-640.webp"]);

        // A post that cannot be read may show it, too.
        for content in ["[{", "{}"] {
            connection.execute("UPDATE posts SET content = ?1", [content]).unwrap();
            assert_eq!(needed(), ["1.webp", "1-320.webp", "1-640.webp"], "{content}");
        }
    }

    #[tokio::test]
    async fn a_record_that_cannot_be_read_is_named_and_the_others_are_there() {
        let folder = tempfile::tempdir().unwrap();
        let store = SqliteMedia(open(&folder));
        add(&store, 1, None, None).await;
        add(&store, 2, None, None).await;
        let connection = Connection::open(folder.path().join("echo.db")).unwrap();
        connection.execute("UPDATE blobs SET shape = 'x' WHERE stem = ?1", [[1_u8; 12]]).unwrap();
        let (from, to) = (folder.path().join("echo.db"), folder.path().join("copy.db"));

        let blobs = Snapshot::take(&from, &to).unwrap().blobs().unwrap();

        assert_eq!(blobs.unreadable, [RawId::from_bytes([1; 12])]);
        assert_eq!(blobs.named[0].name, "2.webp");
    }

    #[test]
    fn blobs_are_named_in_a_backup_from_before_there_were_sets() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("echo.db");
        let connection = Connection::open(&path).unwrap();
        connection.execute_batch(include_str!("../migrations/0001_initial.sql")).unwrap();
        connection.pragma_update(None, "user_version", 1).unwrap();
        let image = r#"'{"location":"a.png","width":1,"height":1,"blurhash":"","variants":[]}'"#;
        let media = format!(
            "INSERT INTO media VALUES (x'000000000000000000000001', x'0a', {image}, 'post:1', NULL, 0),
                 (x'000000000000000000000002', x'0a', {image}, NULL, 5, 1), (x'000000000000000000000003', x'0a', '', NULL, 5, 0)"
        );
        connection.execute_batch(&media).unwrap();

        let blobs = Snapshot::open(&path).unwrap().blobs().unwrap();

        let named: Vec<_> = blobs.named.iter().map(|blob| (blob.name.as_str(), blob.needed)).collect();
        assert_eq!(named, [("a.png", true), ("a.png", false)]);
        assert_eq!(blobs.unreadable.len(), 1);
    }

    #[test]
    fn what_is_wrong_is_told_of_the_database_that_was_copied() {
        let folder = tempfile::tempdir().unwrap();
        drop(open(&folder));
        let (from, to) = (folder.path().join("echo.db"), folder.path().join("copy.db"));
        Connection::open(&from).unwrap().execute_batch("DROP TABLE media").unwrap();

        let told = Snapshot::take(&from, &to).unwrap().blobs().err().unwrap().to_string();

        assert!(told.contains("echo.db") && !told.contains("copy.db"), "{told}");
    }

    #[test]
    fn names_need_not_be_utf8_and_an_empty_database_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let (from, to) = (folder.path().join("echo.db"), folder.path().join(std::ffi::OsStr::from_bytes(b"\xff.db")));
        std::fs::write(&from, "").unwrap();
        assert!(matches!(Snapshot::take(&from, &to).err().unwrap(), OpenError::Empty { .. }));
        drop(open(&folder));

        Snapshot::take(&from, &to).unwrap();

        assert!(to.exists());
    }

    #[test]
    fn what_is_not_there_or_newer_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let (missing, to) = (folder.path().join("no.db"), folder.path().join("copy.db"));
        let refused = Snapshot::take(&missing, &to).err().unwrap();
        assert!(matches!(refused, OpenError::Uncopied { .. }), "{refused}");
        assert!(!missing.exists());

        drop(open(&folder));
        let path = folder.path().join("echo.db");
        Connection::open(&path).unwrap().pragma_update(None, "user_version", 99).unwrap();
        assert!(matches!(Snapshot::take(&path, &to).err().unwrap(), OpenError::Newer { .. }));
    }
}
