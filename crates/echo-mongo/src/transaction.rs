//! Several writes as one, where two records must agree.

use echo_domain::{Error, Result};
use futures_util::{FutureExt, future::BoxFuture};
use mongodb::{ClientSession, options::ReadConcern};

use crate::{
    Mongo,
    error::{Failure, Outcome},
};

/// A transaction that runs. What it reads and writes must name its session: `.session(&mut *tx.session)`.
pub(crate) struct Tx<'t> {
    pub(crate) mongo: &'t Mongo,
    pub(crate) session: &'t mut ClientSession,
    announced: &'t mut bool,
}

/// What one attempt leaves for after the last.
struct Attempts<'a, C, W> {
    mongo: &'a Mongo,
    given: C,
    work: W,
    announced: bool,
    refused: Option<Error>,
}

impl Tx<'_> {
    /// Once it is committed, whoever waits for news is woken.
    pub(crate) fn announce(&mut self) {
        *self.announced = true;
    }
}

impl Mongo {
    /// Runs `work` on what is `given` as one transaction: all of it or, when it fails, nothing. On a majority's disks
    /// once this returns. `work` runs again when another transaction came between, and must pass on every error of the
    /// driver, which decides by it whether to.
    pub(crate) async fn transaction<C: Send + Sync, T: Send>(
        &self,
        op: &'static str,
        given: C,
        work: impl for<'t> Fn(Tx<'t>, &'t C) -> BoxFuture<'t, Outcome<T>> + Send + Sync,
    ) -> Result<T> {
        self.run(op, self.together(given, work)).await
    }

    /// The same within a call that does more than this.
    pub(crate) async fn together<C: Send + Sync, T: Send>(
        &self,
        given: C,
        work: impl for<'t> Fn(Tx<'t>, &'t C) -> BoxFuture<'t, Outcome<T>> + Send + Sync,
    ) -> Outcome<T> {
        let mut session = self.client().start_session().await?;
        let mut attempts = Attempts { mongo: self, given, work, announced: false, refused: None };
        // The driver begins anew as long as it may help; `run` bounds the time. All shards are seen at one moment: else
        // what one of them counts could be newer than what another one says.
        let done = session
            .start_transaction()
            .read_concern(ReadConcern::snapshot())
            .and_run(&mut attempts, |session, attempts| {
                async move {
                    attempts.announced = false;
                    let tx = Tx { mongo: attempts.mongo, session, announced: &mut attempts.announced };
                    match (attempts.work)(tx, &attempts.given).await {
                        Ok(value) => Ok(value),
                        Err(Failure::Mongo(error)) => Err(error),
                        Err(Failure::Domain(error)) => {
                            attempts.refused = Some(error);
                            Err(mongodb::error::Error::custom("refused"))
                        }
                    }
                }
                .boxed()
            })
            .await;
        match (done, attempts.refused) {
            (_, Some(error)) => Err(error.into()),
            (done, None) => {
                let value = done?;
                if attempts.announced {
                    self.announce();
                }
                Ok(value)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use bson::{Document, doc, oid::ObjectId};
    use echo_domain::{Event, UserId, contract::sample};

    use super::*;
    use crate::{
        collections::{BLOBS_DOOMED, EVENTS},
        events,
        indexes::Declared,
        plan::fixture,
    };

    /// How many documents there are, as everybody sees them.
    async fn kept(mongo: &Arc<Mongo>) -> [u64; 2] {
        let count =
            async |declared: &Declared| mongo.collection::<Document>(declared).count_documents(doc! {}).await.unwrap();
        [count(&BLOBS_DOOMED).await, count(&EVENTS).await]
    }

    /// Two writes, to the database of an area and to that which all share; what others see of them before they are done.
    async fn write(mut tx: Tx<'_>, mongo: &Arc<Mongo>, account: UserId) -> Outcome<[u64; 2]> {
        let doomed = tx.mongo.collection(&BLOBS_DOOMED);
        let names: [&str; 1] = ["a.png"];
        doomed.insert_one(doc! { "_id": ObjectId::new(), "names": names }).session(&mut *tx.session).await?;
        events::append(&mut tx, &Event::AccountRenamed { account }).await?;
        Ok(kept(mongo).await)
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn writes_to_two_databases_come_together_or_not_at_all() {
        let (mongo, _guard) = fixture::open().await;
        let given = (mongo.clone(), sample::id());
        let databases = [&BLOBS_DOOMED, &EVENTS].map(|declared| mongo.database_of(declared.area).name());
        assert_ne!(databases[0], databases[1]);

        let refused: Result<()> = mongo
            .transaction("test", given.clone(), |tx, (mongo, account)| {
                async move {
                    write(tx, mongo, *account).await?;
                    Err(echo_domain::users::user_not_found().into())
                }
                .boxed()
            })
            .await;

        assert!(matches!(refused, Err(Error::NotFound(_))), "{refused:?}");
        assert_eq!(kept(&mongo).await, [0, 0]);
        let before = mongo.transaction("test", given, |tx, (mongo, account)| write(tx, mongo, *account).boxed()).await;
        assert_eq!(before.unwrap(), [0, 0]);
        assert_eq!(kept(&mongo).await, [1, 1]);
    }
}
