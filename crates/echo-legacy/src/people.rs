//! Which of the people that documents speak of are there.

use bson::oid::ObjectId;
use echo_domain::{IdSet, Result, UserId, users::ProfileStore};

use crate::fields::raw;

/// How many are looked up at a time.
const AT_A_TIME: usize = 1000;

pub(crate) async fn existing(profiles: &dyn ProfileStore, users: &[ObjectId]) -> Result<IdSet<UserId>> {
    let mut existing = IdSet::default();
    for users in users.chunks(AT_A_TIME) {
        let users: Vec<UserId> = users.iter().map(|user| raw(*user).into()).collect();
        existing.extend(profiles.by_ids(&users).await?.into_keys());
    }
    Ok(existing)
}
