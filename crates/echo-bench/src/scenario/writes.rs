//! Posts and likes: each is acknowledged after its fsync.

use std::{fs::File, io::Write, path::Path, time::Instant};

use anyhow::Result;
use serde_json::json;

use crate::{
    Bench, client,
    data::{self, Size},
    load::{Load, Request},
    report::{Line, Target, Unit, millis},
    rounds::{Series, Spread},
    server::Server,
};

/// More likes in a second than there will be.
const LIKES: usize = 40_000;

pub(super) fn run(bench: &Bench) -> Result<Vec<Line>> {
    let people = 100.max(Load::CONNECTIONS);
    let likes = bench.rounds.rounds * usize::try_from(bench.rounds.seconds)? * LIKES;
    let size = Size { people, posts: likes.div_ceil(Load::CONNECTIONS).max(1000) };
    let data = data::copy(size, &bench.folder)?;
    let echod = bench.serve(data.path())?;
    let tokens = client::tokens(&echod, Load::CONNECTIONS)?;

    Bench::say("writes: posts");
    let posting = Load::new(tokens.iter().map(|token| post(token)).collect());
    let posts = measure(bench, &echod, data.path(), |_| &posting)?;
    Bench::say("writes: likes");
    let liking = likes_of(bench, &tokens, &size.posts(size.posts).collect::<Vec<_>>());
    let likes = measure(bench, &echod, data.path(), |round| &liking[round])?;

    let fsync = Spread::of(posts.fsyncs.iter().chain(&likes.fsyncs).copied());
    let what = "one fsync of this disk, after 4 KiB";
    Ok(vec![
        posts.line("posts of one text, 64 connections", 5000.0),
        posts.shared("posts per fsync"),
        likes.line("likes, 64 connections", 8000.0),
        likes.shared("likes per fsync"),
        Line::new(
            what,
            Target::None,
            fsync.median,
            Unit::Millis,
            format!("{}–{} ms", millis(fsync.least), millis(fsync.most)),
        ),
    ])
}

/// A text post by whoever has the token.
pub(super) fn post(token: &str) -> Request {
    let text = "The sea is calm tonight, the tide is full, the moon lies fair upon the straits.";
    let body = json!({ "content": [{ "type": "text", "value": text }] }).to_string();
    Request::post("/api/posts", Some(token), "application/json", body.as_bytes())
}

/// For each round a load of likes that nobody has given yet: everyone likes one post, then the next.
fn likes_of(bench: &Bench, tokens: &[String], posts: &[String]) -> Vec<Load> {
    let like = |post: &String| {
        let path = format!("{post}/like");
        tokens.iter().map(move |token| Request::put(&path, token)).collect::<Vec<_>>()
    };
    let per_round = posts.len().div_ceil(bench.rounds.rounds);
    posts.chunks(per_round).map(|posts| Load::new(posts.iter().flat_map(like).collect())).collect()
}

/// What rounds of writing came to.
struct Written {
    series: Series,
    /// How many transactions were committed meanwhile, each with one fsync.
    commits: f64,
    /// Of the disk beside it, in milliseconds.
    fsyncs: Vec<f64>,
}

fn measure<'a>(bench: &Bench, echod: &Server, folder: &Path, load: impl Fn(usize) -> &'a Load) -> Result<Written> {
    let mut written = Written { series: Series::default(), commits: 0.0, fsyncs: Vec::new() };
    for round in 0..bench.rounds.rounds {
        written.fsyncs.push(fsync(folder)?);
        let before = commits(echod)?;
        written.series.0.push(load(round).run(echod, bench.rounds.seconds)?);
        written.commits += commits(echod)? - before;
    }
    Ok(written)
}

impl Written {
    fn line(&self, what: &str, least: f64) -> Line {
        let detail = format!("{}, p99 {}", self.series, self.series.p99().in_millis());
        let rate = self.series.rate().median;
        Line { failed: self.series.failed(), ..Line::new(what, Target::AtLeast(least), rate, Unit::PerSecond, detail) }
    }

    /// Events that are handed on are written in between and share the fsyncs; they are not counted here.
    fn shared(&self, what: &str) -> Line {
        let written: u64 = self.series.0.iter().map(|sample| sample.summary.requests).sum();
        let detail = format!("{written} in {} transactions", self.commits);
        Line::new(what, Target::None, written as f64 / self.commits, Unit::Each, detail)
    }
}

fn commits(echod: &Server) -> Result<f64> {
    echod.metric("echo_sqlite_batch_writes_count")
}

/// What the disk takes to keep 4 KiB more, in milliseconds: the median of many.
fn fsync(folder: &Path) -> Result<f64> {
    let path = folder.join("fsync");
    let mut file = File::create(&path)?;
    let mut one = || -> Result<f64> {
        let started = Instant::now();
        file.write_all(&[7; 4096])?;
        file.sync_data()?;
        Ok(started.elapsed().as_secs_f64() * 1e3)
    };
    let times = (0..200).map(|_| one()).collect::<Result<Vec<_>>>()?;
    std::fs::remove_file(path)?;
    Ok(Spread::of(times).median)
}
