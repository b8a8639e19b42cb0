//! How far it is: a bar at a terminal, else a line every few seconds.

use std::{
    cell::Cell,
    io::{self, IsTerminal, Write},
    time::{Duration, Instant},
};

use indicatif::{HumanCount, ProgressBar, ProgressDrawTarget, ProgressStyle};

/// How often it says how far it is, where there is no bar.
const EVERY: Duration = Duration::from_secs(5);

/// One piece of the work, of so many steps.
pub(super) struct Progress {
    what: &'static str,
    bar: ProgressBar,
    at_terminal: bool,
    started: Instant,
    told: Cell<Instant>,
    done: Cell<u64>,
}

impl Progress {
    pub(super) fn start(what: &'static str, steps: u64) -> Self {
        let at_terminal = io::stderr().is_terminal();
        let target = if at_terminal { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let style = ProgressStyle::with_template("{prefix:<10} {wide_bar} {percent:>3} %  {eta:>4} left");
        let bar = ProgressBar::with_draw_target(Some(steps), target)
            .with_style(style.expect("the template is sound"))
            .with_prefix(what);
        let now = Instant::now();
        Self { what, bar, at_terminal, started: now, told: Cell::new(now), done: Cell::new(0) }
    }

    /// One more is done; it belongs to this step.
    pub(super) fn done(&self, step: u64) {
        self.done.set(self.done.get() + 1);
        self.bar.update(|state| state.set_pos(state.pos().max(step)));
        if !self.at_terminal && self.told.get().elapsed() >= EVERY {
            self.told.set(Instant::now());
            let (what, step, steps) = (self.what, HumanCount(step), HumanCount(self.bar.length().unwrap_or(0)));
            tell(&format!("{what:<10} {step} of {steps}, {}", self.rate()));
        }
    }

    /// All is done; returns how many that were.
    pub(super) fn finish(&self) -> u64 {
        self.bar.finish_and_clear();
        let (what, done, time) = (self.what, HumanCount(self.done.get()), self.started.elapsed().as_secs_f32());
        tell(&format!("{what:<10} {done} in {time:.1} s, {}", self.rate()));
        self.done.get()
    }

    fn rate(&self) -> String {
        let millis = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX).max(1);
        format!("{} per second", HumanCount(self.done.get().saturating_mul(1000) / millis))
    }
}

/// On standard error; nobody there to read it is no reason to stop.
fn tell(line: &str) {
    let _ = writeln!(io::stderr().lock(), "{line}");
}
