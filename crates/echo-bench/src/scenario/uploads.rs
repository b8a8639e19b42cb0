//! Reads of the feed while photographs are uploaded, beside the same reads in quiet.

use std::{thread, time::Duration};

use anyhow::Result;

use super::image::{photograph, upload};
use crate::{
    Bench, client,
    data::{self, Size},
    load::{Load, Request, Sample},
    report::{Line, Target, Unit},
};

const AT_ONCE: usize = 4;

/// Paced reads, as beside sign-ins: what they wait for is the machine, not each other.
pub(super) fn run(bench: &Bench) -> Result<Vec<Line>> {
    Bench::say("uploads");
    let data = data::copy(Size::SMALL, &bench.folder)?;
    let echod = bench.serve(data.path())?;
    let photograph = photograph()?;
    let requests = client::tokens(&echod, AT_ONCE)?.iter().map(|token| upload(token, &photograph)).collect();
    let uploads = Load { connections: AT_ONCE, ..Load::new(requests) };
    let feed = vec![Request::get("/api/posts?limit=10", None)];
    let reading = Load { connections: 16, pause: Duration::from_millis(10), ..Load::new(feed) };
    let during_uploads = || -> Result<Sample> {
        let uploading = uploads.start(&echod, bench.rounds.seconds + 60)?;
        thread::sleep(Duration::from_secs(1));
        let sample = reading.run(&echod, bench.rounds.seconds);
        // Before the next quiet round, what is being processed has to end.
        drop(uploading);
        thread::sleep(Duration::from_secs(3));
        sample
    };

    let (quiet, busy) = bench.rounds.alternate(|| reading.run(&echod, bench.rounds.seconds), during_uploads)?;

    let detail = format!("quiet {}, meanwhile {}", quiet.p99().in_millis(), busy.p99().in_millis());
    let what = "p99 of feed reads while 4 photographs at a time are uploaded, of the quiet one";
    let ratio = busy.p99().median / quiet.p99().median;
    let failed = quiet.failed() + busy.failed();
    Ok(vec![Line { failed, ..Line::new(what, Target::AtMost(5.0), ratio, Unit::Ratio, detail) }])
}
