//! The report: a line per promise, as a table for people and as JSON for programs.

use std::fmt::Write;

use serde::Serialize;

use crate::{machine::Machine, rounds::Series};

/// What was promised, and what was measured.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Line {
    pub(crate) what: String,
    pub(crate) target: Target,
    pub(crate) measured: f64,
    pub(crate) unit: Unit,
    /// What the figure was made of.
    pub(crate) detail: String,
    /// Requests that failed meanwhile: then the figure counts for nothing.
    pub(crate) failed: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Target {
    AtLeast(f64),
    AtMost(f64),
    /// Told for orientation.
    None,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Unit {
    Ratio,
    PerSecond,
    Millis,
    Mebibytes,
    Each,
}

impl Line {
    pub(crate) fn new(
        what: impl Into<String>,
        target: Target,
        measured: f64,
        unit: Unit,
        detail: impl Into<String>,
    ) -> Self {
        Self { what: what.into(), target, measured, unit, detail: detail.into(), failed: 0 }
    }

    /// `ours` as a part of `theirs`, by the medians of their rates.
    pub(crate) fn ratio(
        what: impl Into<String>,
        target: Target,
        ours: (&str, &Series),
        theirs: (&str, &Series),
    ) -> Self {
        let ratio = ours.1.rate().median / theirs.1.rate().median;
        let detail = format!("{} {}; {} {}", ours.0, ours.1, theirs.0, theirs.1);
        Self { failed: ours.1.failed() + theirs.1.failed(), ..Self::new(what, target, ratio, Unit::Ratio, detail) }
    }

    /// `None` where nothing was promised.
    pub(crate) fn met(&self) -> Option<bool> {
        let within = match self.target {
            Target::AtLeast(least) => self.measured >= least,
            Target::AtMost(most) => self.measured <= most,
            Target::None => return None,
        };
        Some(within && self.failed == 0)
    }
}

impl Unit {
    fn show(self, value: f64) -> String {
        match self {
            Self::Ratio => format!("{value:.2}"),
            Self::PerSecond => format!("{}/s", count(value)),
            Self::Millis => format!("{} ms", millis(value)),
            Self::Mebibytes => format!("{value:.0} MiB"),
            Self::Each => format!("{value:.1}"),
        }
    }
}

/// What the bench found.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    pub(crate) machine: Machine,
    pub(crate) rounds: usize,
    pub(crate) seconds: u64,
    pub(crate) lines: Vec<Line>,
}

impl Report {
    /// Markdown.
    pub(crate) fn table(&self) -> String {
        let machine = &self.machine;
        let mut text = format!(
            "{model}, {cores} processors, {memory} GiB, Linux {kernel}; Echo {version}; load average {load:.2} at the \
             start; {rounds} rounds of {seconds} s.\n\n",
            model = machine.model,
            cores = machine.cores,
            memory = machine.memory_gib,
            kernel = machine.kernel,
            version = machine.version,
            load = machine.load_average,
            rounds = self.rounds,
            seconds = self.seconds,
        );
        text +=
            "| What | Target | Measured | | Median (least–most), processor time per request |\n|---|---|---|---|---|\n";
        for line in &self.lines {
            text += &row(line);
        }
        text
    }
}

fn row(line: &Line) -> String {
    let target = match line.target {
        Target::AtLeast(least) => format!("≥ {}", line.unit.show(least)),
        Target::AtMost(most) => format!("≤ {}", line.unit.show(most)),
        Target::None => "–".to_owned(),
    };
    let verdict = match line.met() {
        Some(true) => "ok",
        Some(false) => "**missed**",
        None => "",
    };
    let mut row = String::new();
    // Writing to a string cannot fail.
    let _ =
        writeln!(row, "| {} | {target} | {} | {verdict} | {} |", line.what, line.unit.show(line.measured), line.detail);
    row
}

/// `41,200`
pub(crate) fn count(value: f64) -> String {
    let digits = format!("{value:.0}");
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Milliseconds with as many digits as mean something.
pub(crate) fn millis(value: f64) -> String {
    if value < 10.0 { format!("{value:.2}") } else { format!("{value:.0}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(target: Target, measured: f64) -> Line {
        Line::new("feed", target, measured, Unit::Ratio, "why")
    }

    #[test]
    fn a_target_is_met_or_missed() {
        assert_eq!(line(Target::AtLeast(0.7), 0.7).met(), Some(true));
        assert_eq!(line(Target::AtLeast(0.7), 0.69).met(), Some(false));
        assert_eq!(line(Target::AtMost(5.0), 5.1).met(), Some(false));
        assert_eq!(line(Target::AtLeast(0.7), f64::NAN).met(), Some(false));
        assert_eq!(line(Target::None, 5.1).met(), None);
    }

    #[test]
    fn a_line_with_failures_is_missed() {
        assert_eq!(Line { failed: 1, ..line(Target::AtLeast(0.7), 0.9) }.met(), Some(false));
    }

    #[test]
    fn a_line_is_a_row() {
        assert_eq!(row(&line(Target::AtLeast(0.7), 0.812)), "| feed | ≥ 0.70 | 0.81 | ok | why |\n");
        assert_eq!(row(&line(Target::AtMost(0.7), 0.812)), "| feed | ≤ 0.70 | 0.81 | **missed** | why |\n");
        assert_eq!(row(&line(Target::None, 0.812)), "| feed | – | 0.81 |  | why |\n");
    }

    #[test]
    fn figures_are_readable() {
        assert_eq!(["7", "999", "1,000", "41,200", "1,000,000"], [7.0, 999.0, 1e3, 41_200.4, 1e6].map(count)[..]);
        assert_eq!(Unit::Millis.show(2.345), "2.35 ms");
        assert_eq!(Unit::Millis.show(123.4), "123 ms");
    }
}
