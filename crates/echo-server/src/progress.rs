//! How far a long command is: on standard error, for people at a terminal only.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

/// A bar that grows by bytes.
pub(crate) fn bytes(total: u64, what: &'static str) -> ProgressBar {
    looking(ProgressBar::new(total), "{msg} {wide_bar} {bytes} of {total_bytes}, {eta} left", what)
}

/// A bar that grows by things.
pub(crate) fn counted(total: u64, what: &'static str) -> ProgressBar {
    looking(ProgressBar::new(total), "{msg} {wide_bar} {human_pos} of {human_len}, {eta} left", what)
}

/// For what cannot tell how far it is: that it goes on, and for how long already.
pub(crate) fn waiting(what: &'static str) -> ProgressBar {
    let spinner = looking(ProgressBar::new_spinner(), "{spinner} {msg} {elapsed}", what);
    spinner.enable_steady_tick(Duration::from_millis(200));
    spinner
}

fn looking(bar: ProgressBar, look: &str, what: &'static str) -> ProgressBar {
    bar.with_style(ProgressStyle::with_template(look).expect("the template is sound")).with_message(what)
}
