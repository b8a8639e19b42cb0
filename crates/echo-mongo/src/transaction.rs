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
