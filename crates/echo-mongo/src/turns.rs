//! Transactions that change the same record take turns within this process. Of two at once MongoDB undoes one, which then
//! begins anew, and among many most would be undone again and again; what is left to that are other processes.

use bson::oid::ObjectId;
use tokio::sync::{Mutex, MutexGuard};

/// Whose turn it is, for each of many groups of records: those whose ids end alike.
pub(crate) struct Turns([Mutex<()>; 256]);

impl Turns {
    pub(crate) const fn new() -> Self {
        Self([const { Mutex::const_new(()) }; 256])
    }

    /// Waits until nobody else in this process changes these records, and keeps it so while the result is held.
    pub(crate) async fn take(&self, records: &[ObjectId]) -> Vec<MutexGuard<'_, ()>> {
        let mut groups: Vec<_> = records.iter().map(|id| usize::from(id.bytes()[11])).collect();
        // In one order, so that nobody waits in a circle.
        groups.sort_unstable();
        groups.dedup();
        let mut turns = Vec::with_capacity(groups.len());
        for group in groups {
            turns.push(self.0[group].lock().await);
        }
        turns
    }
}
