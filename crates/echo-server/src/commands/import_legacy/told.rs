//! What an import did, for people.

use std::{collections::BTreeMap, fmt::Write};

use echo_legacy::{Noted, Report, Tally};
use indicatif::HumanCount;

/// A line per kind, then what was mended and left out, with the first of each.
pub(super) fn text(report: &Report) -> String {
    let mut text = format!("{:<10} {:>12} {:>12} {:>12} {:>12}\n", "", "read", "kept", "mended", "left out");
    for (name, tally) in report.tallies() {
        let Tally { read, kept, mended, left_out } = tally;
        let figures = [*read, *kept, sum(mended), sum(left_out)].map(|n| format!("{:>12}", HumanCount(n).to_string()));
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{name:<10} {}", figures.join(" "));
    }
    for (name, tally) in report.tallies() {
        tell(&mut text, name, "mended", &tally.mended);
        tell(&mut text, name, "left out", &tally.left_out);
    }
    text.push_str(
        "\nThe first Echo is here. People sign in with their passwords of before; nobody is signed in any more.\n\
         Their images stay where they are: keep the Cloudinary account. `echod doctor` looks whether all fits together.",
    );
    text
}

fn tell(text: &mut String, name: &str, what: &str, noted: &BTreeMap<String, Noted>) {
    for (why, Noted { count, examples }) in noted {
        let _ = writeln!(text, "\n{what}: {} {name}, {why}", HumanCount(*count));
        for example in examples {
            let _ = writeln!(text, "    {example}");
        }
    }
}

fn sum(noted: &BTreeMap<String, Noted>) -> u64 {
    noted.values().map(|noted| noted.count).sum()
}
