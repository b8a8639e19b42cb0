//! The contracts of all stores, on MongoDB.

mod fixture;

mod outbox {
    use std::sync::Arc;

    use echo_domain::outbox_contract::Stores;
    use echo_mongo::{MongoAccounts, MongoEvents};

    use crate::fixture::{Guard, open};

    async fn fresh() -> (Stores, Guard) {
        let (database, guard) = open().await;
        let stores =
            Stores { accounts: Arc::new(MongoAccounts(database.clone())), outbox: Arc::new(MongoEvents(database)) };
        (stores, guard)
    }

    echo_domain::outbox_contract!(fresh);
}
