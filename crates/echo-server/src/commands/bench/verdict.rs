//! What gives out first, judged from figures.

use super::{mix::Kind, trial::Trial, usage::Usage};

/// Of 1: fuller than this is full.
const FULL: f64 = 0.85;
/// Memory is given out long before it gives out.
const FULL_MEMORY: f64 = 0.95;
/// Others who use more than this of the processors disturb what is measured.
const DISTURBED: f64 = 0.1;

/// What a box has, of which there may not be enough.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Limit {
    /// That of this command itself.
    Client,
    Processor,
    Disk,
    Memory,
    Passwords,
    Pictures,
    /// Nothing that is measured was full.
    Unknown,
}

impl Limit {
    /// For programs.
    pub(super) const fn code(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Processor => "processor",
            Self::Disk => "disk",
            Self::Memory => "memory",
            Self::Passwords => "passwords",
            Self::Pictures => "pictures",
            Self::Unknown => "unknown",
        }
    }
}

/// What was full when more than the box carries was asked of it. The client had so many threads.
pub(super) fn first_to_give_out(too_much: &Trial, cores: usize, threads: usize) -> Limit {
    let usage = &too_much.usage;
    let processor = usage.busy.max(usage.ours(cores));
    let mut full = [
        (Limit::Memory, usage.memory, FULL_MEMORY),
        (Limit::Disk, usage.disk.unwrap_or_default(), FULL),
        (Limit::Processor, processor, FULL),
    ];
    // The fullest first.
    full.sort_by(|one, other| other.1.total_cmp(&one.1));
    let turned_away = |kind| too_much.run.turned_away(|it| it == kind) > 0;
    let full = full.into_iter().find(|(_, part, enough)| part > enough).map(|(limit, ..)| limit);
    match full {
        _ if usage.client / threads as f64 > FULL => Limit::Client,
        Some(limit) => limit,
        None if turned_away(Kind::SignIn) => Limit::Passwords,
        None if turned_away(Kind::Upload) => Limit::Pictures,
        None => Limit::Unknown,
    }
}

/// Whether others used so much of the processors that the figures tell of them, too.
pub(super) fn is_disturbed(usage: &Usage, cores: usize) -> bool {
    usage.others(cores) > DISTURBED
}

#[cfg(test)]
mod tests {
    use super::{
        super::{
            load::Outcome,
            trial::tests::{IDLE, trial},
        },
        *,
    };

    fn verdict(usage: Usage) -> Limit {
        first_to_give_out(&Trial { usage, ..trial(|_| 900) }, 2, 1)
    }

    #[test]
    fn what_is_full_gives_out() {
        assert_eq!(verdict(IDLE), Limit::Unknown);
        assert_eq!(verdict(Usage { server: 1.6, client: 0.2, ..IDLE }), Limit::Processor);
        assert_eq!(verdict(Usage { disk: Some(0.9), ..IDLE }), Limit::Disk);
        assert_eq!(verdict(Usage { memory: 0.97, ..IDLE }), Limit::Memory);
        assert_eq!(verdict(Usage { disk: None, memory: 0.9, ..IDLE }), Limit::Unknown);
    }

    #[test]
    fn processors_that_others_use_are_gone_as_well() {
        let usage = Usage { server: 0.8, client: 0.2, busy: 0.99, ..IDLE };

        assert_eq!(verdict(usage), Limit::Processor);
        assert!(is_disturbed(&usage, 2) && !is_disturbed(&Usage { busy: 0.55, ..usage }, 2));
    }

    #[test]
    fn of_two_that_are_full_the_fuller_gives_out() {
        assert_eq!(verdict(Usage { server: 1.8, client: 0.0, disk: Some(0.95), ..IDLE }), Limit::Disk);
        assert_eq!(verdict(Usage { server: 1.96, client: 0.0, disk: Some(0.95), ..IDLE }), Limit::Processor);
    }

    #[test]
    fn a_client_with_all_it_can_have_says_nothing_of_the_server() {
        assert_eq!(verdict(Usage { server: 0.9, client: 0.95, busy: 0.95, ..IDLE }), Limit::Client);
    }

    #[test]
    fn a_queue_that_is_full_while_nothing_else_is() {
        for (kind, limit) in [(Kind::SignIn, Limit::Passwords), (Kind::Upload, Limit::Pictures)] {
            let mut trial = trial(|_| 3);
            trial.run.done.iter_mut().filter(|done| done.kind == kind).for_each(|it| it.outcome = Outcome::TurnedAway);
            assert_eq!(first_to_give_out(&trial, 2, 1), limit);
            trial.usage.server = 1.9;
            assert_eq!(first_to_give_out(&trial, 2, 1), Limit::Processor);
        }
    }
}
