//! What comparing two stores has found, for people.

use std::fmt::Write;

use echo_domain::transfer::{Compared, Side};
use indicatif::HumanCount;

/// A line per kind: how many there are on both sides, a hash of what they say, and what differs.
pub(super) fn table(compared: &[Compared]) -> String {
    let mut text =
        format!("{:<17} {:>13} {:>13}  {:<16}  {}", "", "source", "target", "hash of source", "hash of target");
    let side = |Side { count, hash }: Side| (HumanCount(count).to_string(), format!("{:016x}", hash >> 64));
    for Compared { kind, source, target, differing, examples } in compared {
        let ((ours, our_hash), (theirs, their_hash)) = (side(*source), side(*target));
        // Writing to a string cannot fail.
        let _ = write!(text, "\n{:<17} {ours:>13} {theirs:>13}  {our_hash}  {their_hash}", kind.as_str());
        if *differing > 0 {
            let _ = write!(text, "\n    {} differ, first of all:", HumanCount(*differing));
        }
        for example in examples {
            let _ = write!(text, "\n    {example}");
        }
    }
    text
}
