//! Records on their way into the target, many at a time.

use echo_domain::{
    Result,
    transfer::{Checkpoint, Record, Target, insist},
};

/// Collects records. However many one document makes, only so many are held.
pub(crate) struct Intake<'a> {
    target: &'a dyn Target,
    records: Vec<Record>,
    /// What is kept with the records: all that came before it is among these or in the target.
    settled: Checkpoint,
}

impl<'a> Intake<'a> {
    const ENOUGH: usize = 200;
    const MOST: usize = 500;

    pub(crate) const fn new(target: &'a dyn Target, settled: Checkpoint) -> Self {
        Self { target, records: Vec::new(), settled }
    }

    pub(crate) async fn add(&mut self, records: impl IntoIterator<Item = Record>) -> Result<()> {
        for record in records {
            self.records.push(record);
            if self.records.len() >= Self::MOST {
                // Should it end before the document does, that is read again, and this found to be there.
                self.put().await?;
            }
        }
        Ok(())
    }

    /// Whether it is worth to settle.
    pub(crate) const fn is_full(&self) -> bool {
        self.records.len() >= Self::ENOUGH
    }

    /// All up to here is done: it goes on from this checkpoint.
    pub(crate) async fn settle(&mut self, reached: Checkpoint) -> Result<()> {
        self.settled = reached;
        self.put().await
    }

    async fn put(&mut self) -> Result<()> {
        insist(self.target, std::mem::take(&mut self.records), &self.settled).await
    }
}
