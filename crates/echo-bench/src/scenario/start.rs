//! From the start of the process to the first answer that it is ready.

use anyhow::Result;

use crate::{
    Bench,
    data::{self, Size},
    report::{Line, Target, Unit, count},
    rounds::Spread,
};

pub(super) fn run(bench: &Bench) -> Result<Vec<Line>> {
    [Size::SMALL, bench.large].into_iter().map(|size| measure(bench, size)).collect()
}

fn measure(bench: &Bench, size: Size) -> Result<Line> {
    Bench::say(&format!("start: {} posts", count(size.posts as f64)));
    let folder = data::of(size, &bench.folder)?;
    // The first start makes the keys.
    drop(bench.serve(&folder)?);
    let ready = || Ok(bench.serve(&folder)?.ready.as_secs_f64() * 1e3);
    let times = Spread::of((0..2 * bench.rounds.rounds).map(|_| ready()).collect::<Result<Vec<_>>>()?);
    let what = format!("from start to ready, {} posts", count(size.posts as f64));
    Ok(Line::new(what, Target::AtMost(150.0), times.median, Unit::Millis, times.in_millis()))
}
