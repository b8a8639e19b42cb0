//! What every [`Outbox`] must do, beside what it must do as an [`EventLog`](crate::EventLog).

#![expect(clippy::unwrap_used, reason = "these are tests")]

use std::{sync::Arc, time::Duration};

use crate::{
    Event, Outbox, Recorded, Timestamp,
    auth::AccountStore,
    contract::{sample, sample::NOW},
};

/// What leaves events, and where they are found; both start empty.
#[derive(Clone)]
pub struct Stores {
    pub accounts: Arc<dyn AccountStore>,
    pub outbox: Arc<dyn Outbox>,
}

/// `$fresh` is an async fn returning [`Stores`] and a guard that cleans up. Its consumers are [`CONSUMERS`].
#[macro_export]
macro_rules! outbox_contract {
    ($fresh:path) => {
        $crate::contract_tests! { $fresh, $crate::outbox_contract;
            what_was_never_handed_on_is_found_oldest_first
            what_was_handed_on_is_found_again_after_a_while
            handing_on_again_counts_from_then
            handing_on_confirms_nothing
            what_nobody_waits_for_is_not_found
        }
    };
}

/// Who reads events in the contracts.
pub const CONSUMERS: [&str; 4] = ["ana", "bob", "newcomer", "contract"];

const MOMENT: Duration = Duration::from_millis(1);

/// Leaves so many events, each another.
async fn leave(accounts: &Arc<dyn AccountStore>, count: usize) -> Vec<Event> {
    let mut left = Vec::new();
    for n in 0..count {
        let account = sample::account(&format!("account_{n}_{}", sample::id::<crate::UserId>()));
        left.push(sample::opened(&account));
        accounts.add(&account, &left[n]).await.unwrap();
    }
    left
}

async fn unsent(outbox: &Arc<dyn Outbox>, before: Timestamp) -> Vec<Recorded> {
    outbox.unsent(before, 100).await.unwrap()
}

fn told(recorded: &[Recorded]) -> Vec<Event> {
    recorded.iter().map(|recorded| recorded.event.clone()).collect()
}

pub async fn what_was_never_handed_on_is_found_oldest_first(Stores { accounts, outbox }: Stores) {
    assert_eq!(unsent(&outbox, NOW).await, []);
    let left = leave(&accounts, 5).await;

    assert_eq!(told(&outbox.unsent(NOW, 2).await.unwrap()), left[..2]);
    assert_eq!(told(&unsent(&outbox, NOW).await), left);
}

pub async fn what_was_handed_on_is_found_again_after_a_while(Stores { accounts, outbox }: Stores) {
    let left = leave(&accounts, 3).await;
    let found = unsent(&outbox, NOW).await;
    outbox.mark_sent(&found[..2], NOW).await.unwrap();

    assert_eq!(told(&unsent(&outbox, NOW).await), left[2..]);
    assert_eq!(told(&unsent(&outbox, NOW + MOMENT).await), left);
    assert_eq!(told(&outbox.unsent(NOW + MOMENT, 1).await.unwrap()), left[..1]);
}

pub async fn handing_on_again_counts_from_then(Stores { accounts, outbox }: Stores) {
    let left = leave(&accounts, 1).await;
    let found = unsent(&outbox, NOW).await;

    for time in [NOW, NOW + MOMENT] {
        outbox.mark_sent(&found, time).await.unwrap();

        assert_eq!(unsent(&outbox, time).await, []);
        assert_eq!(told(&unsent(&outbox, time + MOMENT).await), left);
    }
}

pub async fn handing_on_confirms_nothing(Stores { accounts, outbox }: Stores) {
    let left = leave(&accounts, 2).await;

    outbox.mark_sent(&unsent(&outbox, NOW).await, NOW).await.unwrap();

    assert_eq!(told(&outbox.pending("ana", 100).await.unwrap()), left);
}

pub async fn what_nobody_waits_for_is_not_found(Stores { accounts, outbox }: Stores) {
    let left = leave(&accounts, 4).await;
    let found = unsent(&outbox, NOW).await;
    outbox.mark_sent(&found[..2], NOW).await.unwrap();

    for consumer in CONSUMERS {
        assert_eq!(told(&unsent(&outbox, NOW + MOMENT).await), left);
        outbox.confirm(consumer, &found[..3]).await.unwrap();
    }
    // Late, it brings nothing back.
    outbox.mark_sent(&found, NOW).await.unwrap();

    assert_eq!(told(&unsent(&outbox, NOW + MOMENT).await), left[3..]);
}
