//! What every [`RateLimiter`] must do, by whatever clock.

#![expect(clippy::unwrap_used, reason = "these are tests")]

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use crate::{
    contract::at_once,
    limits::{Policy, RateLimiter, Verdict},
};

/// `$fresh` is an async fn returning an `Arc<dyn RateLimiter>` on a clock that runs, and a guard.
#[macro_export]
macro_rules! rate_limiter_contract {
    ($fresh:path) => {
        $crate::contract_tests! { $fresh, $crate::limits_contract;
            the_quota_may_be_spent_at_once_and_no_more
            whoever_is_limited_is_told_when_to_come_back
            callers_and_policies_do_not_touch_one_another
            what_was_spent_comes_back_evenly
            asking_too_early_costs_nothing
            of_many_at_once_as_many_as_the_quota_are_let_through
            any_caller_can_be_told_from_any_other
        }
    };
}

type Limiter = Arc<dyn RateLimiter>;

/// Nothing comes back while a test runs.
const SLOW: Policy = Policy { name: "slow", quota: 3, window: Duration::from_secs(3600) };
/// One comes back every 20 ms.
const QUICK: Policy = Policy { name: "quick", quota: 5, window: Duration::from_millis(100) };

async fn allowed(limiter: &Limiter, policy: &Policy, caller: &str) -> bool {
    limiter.take(policy, caller).await.unwrap() == Verdict::Allowed
}

pub async fn the_quota_may_be_spent_at_once_and_no_more(limiter: Limiter) {
    for _ in 0..SLOW.quota {
        assert!(allowed(&limiter, &SLOW, "ana").await);
    }

    for _ in 0..3 {
        assert!(!allowed(&limiter, &SLOW, "ana").await);
    }
}

pub async fn whoever_is_limited_is_told_when_to_come_back(limiter: Limiter) {
    while allowed(&limiter, &SLOW, "ana").await {}

    let Verdict::Limited { retry_after } = limiter.take(&SLOW, "ana").await.unwrap() else { panic!("it is allowed") };

    // The first of three comes back after a third of the hour, less what has passed already.
    let third = SLOW.window / SLOW.quota;
    assert!(retry_after <= third && retry_after > third - Duration::from_secs(60), "{retry_after:?}");
}

pub async fn callers_and_policies_do_not_touch_one_another(limiter: Limiter) {
    const OTHER: Policy = Policy { name: "other", ..SLOW };
    while allowed(&limiter, &SLOW, "ana").await {}

    for _ in 0..SLOW.quota {
        assert!(allowed(&limiter, &SLOW, "bob").await);
        assert!(allowed(&limiter, &OTHER, "ana").await);
    }
}

pub async fn what_was_spent_comes_back_evenly(limiter: Limiter) {
    let started = Instant::now();
    let mut let_through = 0;
    while let_through < 2 * QUICK.quota {
        match limiter.take(&QUICK, "ana").await.unwrap() {
            Verdict::Allowed => let_through += 1,
            Verdict::Limited { retry_after } => {
                assert!(retry_after <= QUICK.window / QUICK.quota, "{retry_after:?}");
                tokio::task::yield_now().await;
            }
        }
        assert!(started.elapsed() < Duration::from_secs(30), "nothing comes back");
    }

    // The whole quota again takes the whole window; clocks tell whole milliseconds.
    assert!(started.elapsed() >= QUICK.window - Duration::from_millis(2), "{:?}", started.elapsed());
}

pub async fn asking_too_early_costs_nothing(limiter: Limiter) {
    while allowed(&limiter, &QUICK, "ana").await {}
    let started = Instant::now();

    while !allowed(&limiter, &QUICK, "ana").await {
        assert!(started.elapsed() < Duration::from_secs(30), "whoever asks again is never let through");
    }
}

pub async fn of_many_at_once_as_many_as_the_quota_are_let_through(limiter: Limiter) {
    let verdicts = at_once((0..50).map(|_| {
        let limiter = limiter.clone();
        async move { allowed(&limiter, &SLOW, "ana").await }
    }))
    .await;

    assert_eq!(verdicts.into_iter().filter(|allowed| *allowed).count(), 3);
}

pub async fn any_caller_can_be_told_from_any_other(limiter: Limiter) {
    let long = "x".repeat(1000);
    let callers = ["", " ", ":", "{", "}", "{}", "ana", "Ana", "ana:1", "2001:db8::/64", "🦀", &long, &long[1..]];

    for _ in 0..SLOW.quota {
        for caller in callers {
            assert!(allowed(&limiter, &SLOW, caller).await, "{caller}");
        }
    }

    for caller in callers {
        assert!(!allowed(&limiter, &SLOW, caller).await, "{caller}");
    }
}
