//! All tables as records that move. Like the doctor's checks, this looks at the tables of all areas.

mod give;
mod take;

use std::sync::Arc;

use async_trait::async_trait;
use echo_domain::{
    Result,
    transfer::{Checkpoint, Key, Kind, Record, Source, Target},
};

use crate::{
    Database,
    sql::{self, Sql},
};

/// Gives out and takes in all that a database keeps.
pub struct SqliteTransfer {
    pub database: Arc<Database>,
    /// Who hears events: one that all of these have confirmed stays behind.
    pub consumers: &'static [&'static str],
}

#[async_trait]
impl Source for SqliteTransfer {
    async fn page(&self, kind: Kind, after: Option<&Key>, limit: usize) -> Result<Vec<Record>> {
        let (after, consumers) = (after.cloned(), self.consumers);
        self.database
            .read("transfer.page", move |conn| give::page(conn, consumers, kind, after.as_ref(), sql::limit(limit)))
            .await
    }

    async fn count(&self, kind: Kind) -> Result<u64> {
        let consumers = self.consumers;
        self.database.read("transfer.count", move |conn| give::count(conn, consumers, kind)).await
    }
}

#[async_trait]
impl Target for SqliteTransfer {
    async fn put(&self, records: Vec<Record>, reached: &Checkpoint) -> Result<()> {
        let reached = reached.clone();
        self.database
            .write("transfer.put", move |tx| {
                records.iter().try_for_each(|record| take::add(tx, record))?;
                let sql = "INSERT INTO transfer (one, reached) VALUES (1, ?1)
                     ON CONFLICT (one) DO UPDATE SET reached = excluded.reached";
                tx.run(sql, [sql::to_json(&reached)?])?;
                Ok(())
            })
            .await
    }

    async fn reached(&self) -> Result<Option<Checkpoint>> {
        let sql = "SELECT reached FROM transfer WHERE one = 1";
        self.database.read("transfer.reached", move |conn| Ok(conn.one(sql, [], |row| sql::from_json(row, 0))?)).await
    }
}
