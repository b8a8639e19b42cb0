//! Not asking again and again what is gone.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

use crate::pace::about;

/// Lets calls through until several in a row have failed; then none for a while, then one to see, and all again once that
/// one succeeds.
#[derive(Debug, Default)]
pub(crate) struct Breaker(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// In a row.
    failures: u32,
    open: Option<Open>,
}

#[derive(Debug)]
struct Open {
    until: Instant,
    pause: Duration,
    /// Whether somebody is seeing just now.
    seeing: bool,
}

/// A call that was let through. Dropped without a verdict, it has shown nothing.
#[derive(Debug)]
pub(crate) struct Pass<'a> {
    breaker: &'a Breaker,
    sees: bool,
}

impl Breaker {
    /// So many failures in a row mean that it is gone.
    const ENOUGH: u32 = 5;
    /// How long nobody asks then; twice as long after each look in vain.
    const FIRST_PAUSE: Duration = Duration::from_millis(250);
    const LONGEST_PAUSE: Duration = Duration::from_secs(4);

    /// # Errors
    /// How long not to ask.
    pub(crate) fn admit(&self) -> Result<Pass<'_>, Duration> {
        let mut state = self.state();
        let Some(open) = &mut state.open else { return Ok(Pass { breaker: self, sees: false }) };
        let left = open.until.saturating_duration_since(Instant::now());
        if !left.is_zero() {
            return Err(left);
        }
        if open.seeing {
            return Err(open.pause);
        }
        open.seeing = true;
        Ok(Pass { breaker: self, sees: true })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pass<'_> {
    /// It answered. Whether it was let in again for good by this is the result.
    pub(crate) fn answered(self) -> bool {
        std::mem::take(&mut *self.breaker.state()).open.is_some()
    }

    /// It did not. Whether it is given up by this is the result.
    pub(crate) fn failed(self) -> bool {
        let mut state = self.breaker.state();
        state.failures = state.failures.saturating_add(1);
        let pause = match &state.open {
            Some(open) if self.sees => (open.pause * 2).min(Breaker::LONGEST_PAUSE),
            None if state.failures >= Breaker::ENOUGH => Breaker::FIRST_PAUSE,
            // Let through before it was given up, or one of few.
            _ => return false,
        };
        let given_up = state.open.is_none();
        state.open = Some(Open { until: Instant::now() + about(pause), pause, seeing: false });
        given_up
    }
}

impl Drop for Pass<'_> {
    fn drop(&mut self) {
        if self.sees
            && let Some(open) = &mut self.breaker.state().open
        {
            open.seeing = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given_up() -> Breaker {
        let breaker = Breaker::default();
        for left in (0..Breaker::ENOUGH).rev() {
            assert_eq!(breaker.admit().unwrap().failed(), left == 0);
        }
        breaker
    }

    #[tokio::test(start_paused = true)]
    async fn after_failures_in_a_row_nobody_is_let_through_for_a_while() {
        let breaker = given_up();

        assert!(breaker.admit().unwrap_err() <= Breaker::FIRST_PAUSE);
    }

    #[tokio::test(start_paused = true)]
    async fn a_success_between_failures_starts_the_count_anew() {
        let breaker = Breaker::default();
        for _ in 0..3 {
            for _ in 1..Breaker::ENOUGH {
                breaker.admit().unwrap().failed();
            }
            assert!(!breaker.admit().unwrap().answered());
        }

        assert!(breaker.admit().is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn one_sees_whether_it_is_back_and_then_all_are_let_through() {
        let breaker = given_up();
        tokio::time::advance(Breaker::FIRST_PAUSE).await;

        let one = breaker.admit().unwrap();
        assert!(breaker.admit().is_err());
        assert!(one.answered());

        let _all = [breaker.admit().unwrap(), breaker.admit().unwrap()];
    }

    #[tokio::test(start_paused = true)]
    async fn looks_in_vain_are_made_more_and_more_seldom() {
        let breaker = given_up();
        let mut pause = Breaker::FIRST_PAUSE;
        for _ in 0..10 {
            tokio::time::advance(pause).await;
            breaker.admit().unwrap().failed();
            pause = (pause * 2).min(Breaker::LONGEST_PAUSE);

            let left = breaker.admit().unwrap_err();
            assert!(left >= pause / 2 && left <= pause, "{left:?} of {pause:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_look_that_is_broken_off_is_made_by_another() {
        let breaker = given_up();
        tokio::time::advance(Breaker::FIRST_PAUSE).await;

        drop(breaker.admit().unwrap());

        assert!(breaker.admit().is_ok());
    }
}
