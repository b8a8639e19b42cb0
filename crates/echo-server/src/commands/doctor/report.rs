//! What the doctor says, for people and for programs.

use std::{fmt::Write, time::Duration};

use anyhow::Result;
use echo_domain::{
    Timestamp,
    doctor::{Checked, Cure, Examination, Lag, Mended},
};
use serde_json::{Value, json};

/// Longer than a failing event is tried before it is set aside.
const PATIENCE: Duration = Duration::from_secs(15 * 60);

pub(super) struct Report {
    pub(super) now: Timestamp,
    /// Whether a server runs on the folder: what that does by itself is late only then.
    pub(super) served: bool,
    pub(super) mended: Vec<Mended>,
    pub(super) examination: Examination,
}

impl Report {
    pub(super) fn is_healthy(&self) -> bool {
        let Examination { checks, lags } = &self.examination;
        checks.iter().all(|check| self.is_well(check))
            && !lags.iter().any(|lag| self.is_late(lag))
            && self.mended.iter().all(|mended| mended.failed == 0)
    }

    /// One line per check, and those about what is wrong.
    pub(super) fn text(&self) -> String {
        let mut text = String::new();
        // Writing to a string cannot fail.
        for Mended { check, done, failed, told } in &self.mended {
            let but = if *failed > 0 { format!(", but not {failed}") } else { String::new() };
            let _ = writeln!(text, "mended  {check}: {done}{but}");
            for line in told {
                let _ = writeln!(text, "          {line}");
            }
        }
        for check in &self.examination.checks {
            let Checked { name, what, wrong, examples, cure } = check;
            if self.is_well(check) {
                let _ = writeln!(text, "ok      {name}");
                continue;
            }
            let _ = writeln!(text, "WRONG   {name}: {wrong} {what}");
            for example in examples {
                let _ = writeln!(text, "          {example}");
            }
            let _ = writeln!(text, "          {}", advice(*cure));
        }
        for lag in &self.examination.lags {
            let (verdict, age) = (if self.is_late(lag) { "WRONG " } else { "ok    " }, self.age(lag).as_secs());
            let waiting = if lag.events > 0 { format!(", the oldest for {age} s") } else { String::new() };
            let _ = writeln!(text, "{verdict}  events for {}: {} wait{waiting}", lag.consumer, lag.events);
        }
        text.push_str(if self.is_healthy() { "\nEverything fits together." } else { "\nSomething is wrong." });
        text
    }

    pub(super) fn json(&self) -> Result<String> {
        let check = |check: &Checked| {
            let Checked { name, what, wrong, examples, cure } = check;
            json!({"check": name, "what": what, "ok": self.is_well(check), "wrong": wrong, "examples": examples,
                "repairable": *cure == Cure::Mend})
        };
        let lag = |lag: &Lag| {
            json!({"consumer": lag.consumer, "ok": !self.is_late(lag), "waiting": lag.events,
                "oldestSeconds": self.age(lag).as_secs()})
        };
        let mended = self.mended.iter().map(
            |Mended { check, done, failed, told }| json!({"check": check, "mended": done, "failed": failed, "told": told}),
        );
        let report = json!({
            "healthy": self.is_healthy(),
            "served": self.served,
            "mended": mended.collect::<Value>(),
            "checks": self.examination.checks.iter().map(check).collect::<Value>(),
            "events": self.examination.lags.iter().map(lag).collect::<Value>(),
        });
        Ok(serde_json::to_string_pretty(&report)?)
    }

    fn is_well(&self, check: &Checked) -> bool {
        check.wrong == 0 || (check.cure == Cure::Server && !self.served)
    }

    fn is_late(&self, lag: &Lag) -> bool {
        self.served && self.age(lag) > PATIENCE
    }

    fn age(&self, lag: &Lag) -> Duration {
        lag.oldest.map(|oldest| self.now.since(oldest)).unwrap_or_default()
    }
}

fn advice(cure: Cure) -> &'static str {
    match cure {
        Cure::Mend => "`echod doctor --repair` mends it",
        Cure::Server => "the server should have seen to it: look at its log",
        Cure::Person => "somebody has to look: docs/operations.md tells more",
        Cure::Restore => "restore a backup; nothing else was looked at",
    }
}
