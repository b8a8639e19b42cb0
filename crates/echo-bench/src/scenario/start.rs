//! From the start of the process to the first answer that it is ready.

use anyhow::Result;

use crate::{
    Bench,
    data::{self, Size},
    report::{Line, Target, Unit, count},
    rounds::Spread,
    server::Server,
    shape::Shape,
};

pub(super) fn run(bench: &Bench) -> Result<Vec<Line>> {
    match bench.shape {
        Shape::Embedded => [Size::SMALL, bench.large].into_iter().map(|size| measure(bench, size, 150.0)).collect(),
        // How much there is in MongoDB is not looked at.
        Shape::Cluster => Ok(vec![measure(bench, Size::SMALL, 500.0)?]),
    }
}

fn measure(bench: &Bench, size: Size, most: f64) -> Result<Line> {
    Bench::say(&format!("start: {} posts", count(size.posts as f64)));
    let folder = data::of(size, &bench.folder)?;
    let backing = bench.backing(&folder)?;
    let start = || Server::echod(&bench.echod, &folder, backing.clone(), &[]);
    // The first start makes what is not there yet: keys, or collections.
    drop(start()?);
    let ready = || Ok(start()?.ready.as_secs_f64() * 1e3);
    let times = Spread::of((0..2 * bench.rounds.rounds).map(|_| ready()).collect::<Result<Vec<_>>>()?);
    let what = format!("from start to ready, {} posts", count(size.posts as f64));
    Ok(Line::new(what, Target::AtMost(most), times.median, Unit::Millis, times.in_millis()))
}
