//! Two processes of one Echo, beside an Echo of one process: what a request costs must not grow with their number.

use anyhow::Result;

use super::{
    mixed,
    several::{Several, compare},
};
use crate::{
    Bench, client,
    data::{self, Size},
    load::Load,
    report::Line,
    server::Server,
};

pub(super) fn run(bench: &Bench) -> Result<Vec<Line>> {
    let (one, two) = (echo(bench, 1)?, echo(bench, 2)?);
    let loads = |echo: &Several| anyhow::Ok(mixed::loads(&client::tokens(echo.first()?, Load::CONNECTIONS)?));
    let ((one_reads, one_mixed), (two_reads, two_mixed)) = (loads(&one)?, loads(&two)?);
    let line = |what, one_load, two_load| {
        Bench::say(&format!("processes: {what}"));
        let what = format!("processor time per request at two processes, of that at one: {what}");
        compare(bench, what, (&one, one_load), (&two, two_load), 1.2)
    };
    Ok(vec![
        line("reads", &one_reads, &two_reads)?,
        line("reads, and every tenth request a write", &one_mixed, &two_mixed)?,
    ])
}

/// An Echo of `n` processes that all do everything, with the small data set.
fn echo(bench: &Bench, n: usize) -> Result<Several> {
    let data = data::of(Size::SMALL, &bench.folder)?;
    let backing = bench.backing(&data)?;
    let start = |_| Server::echod(&bench.echod, &data, backing.clone(), &[]);
    Ok(Several { asked: (0..n).map(start).collect::<Result<_>>()?, behind: Vec::new() })
}
