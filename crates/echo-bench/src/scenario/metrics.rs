//! What it costs to be watched: the page that Prometheus reads, and what is counted and logged for each read.

use std::time::Instant;

use anyhow::Result;

use crate::{
    Bench, client,
    data::{self, Size},
    load::{Load, Request},
    report::{Line, Target, Unit},
    rounds::Spread,
    server::Server,
};

pub(super) fn run(bench: &Bench) -> Result<Vec<Line>> {
    Ok(vec![page()?, watching(bench)?])
}

/// Read whole, again and again, by one client.
fn page() -> Result<Line> {
    const ROUTES: usize = 200;
    const TIMES: usize = 100;
    Bench::say("metrics: a page of many routes");
    let server = Server::counted(ROUTES)?;
    let mut bytes = 0;
    let mut read = || {
        let started = Instant::now();
        bytes = ureq::get(format!("{}/metrics", server.url)).call()?.body_mut().read_to_vec()?.len();
        anyhow::Ok(started.elapsed().as_secs_f64() * 1e3)
    };
    read()?;
    let times = Spread::of((0..TIMES).map(|_| read()).collect::<Result<Vec<_>>>()?);
    let detail = format!("{}; {:.1} MB, {TIMES} times", times.in_millis(), bytes as f64 / 1e6);
    let what = format!("Metrics of {ROUTES} routes with five statuses each, with exemplars");
    Ok(Line::new(what, Target::AtMost(20.0), times.median, Unit::Millis, detail))
}

/// As it is unless something is set, beside one that counts and logs nothing.
fn watching(bench: &Bench) -> Result<Line> {
    Bench::say("metrics: reads of an Echo that is watched");
    let (watched, alone) = (data::copy(Size::SMALL, &bench.folder)?, data::copy(Size::SMALL, &bench.folder)?);
    let watched = bench.serve(watched.path())?;
    let off = ["METRICS", "RUST_LOG"].map(|setting| (setting.to_owned(), "off".to_owned()));
    let alone = Server::echod(&bench.echod, alone.path(), None, &off)?;
    let load =
        |server| anyhow::Ok(Load::new(vec![Request::get("/api/feed?limit=10", Some(&client::tokens(server, 1)?[0]))]));
    let (ours, theirs) = bench.rounds.compare((&watched, &load(&watched)?), (&alone, &load(&alone)?))?;
    let what = "`GET /api/feed?limit=10` with metrics and logs as they are by default, of the rate without";
    Ok(Line::ratio(what, Target::AtLeast(0.97), ("default", &ours), ("without", &theirs)))
}
