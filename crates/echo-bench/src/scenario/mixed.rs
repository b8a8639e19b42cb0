//! Reads among writes, beside the same reads alone.

use anyhow::Result;

use super::writes::post;
use crate::{
    Bench, client,
    data::{self, Size},
    load::{Load, Request},
    report::{Line, Target, Unit},
};

pub(super) fn run(bench: &Bench) -> Result<Vec<Line>> {
    Bench::say("mixed");
    let data = data::copy(Size::SMALL, &bench.folder)?;
    let echod = bench.serve(data.path())?;
    let tokens = client::tokens(&echod, Load::CONNECTIONS)?;
    let (alone, among) = loads(&tokens);

    let (alone, among) = bench.rounds.compare((&echod, &alone), (&echod, &among))?;

    let ratio = 0.9 * among.rate().median / alone.rate().median;
    let detail = format!("alone {alone}; reads and writes {among}, p99 {}", among.p99().in_millis());
    let what = "reads while every tenth request is a write, of their rate without writes";
    let failed = alone.failed() + among.failed();
    Ok(vec![Line { failed, ..Line::new(what, Target::AtLeast(0.6), ratio, Unit::Ratio, detail) }])
}

/// Everybody's reads, and the same among writes.
pub(super) fn loads(tokens: &[String]) -> (Load, Load) {
    let posts: Vec<String> = Size::SMALL.posts(tokens.len()).collect();
    let each = |requests: fn(&str, &str) -> Vec<Request>| {
        Load::new(tokens.iter().zip(&posts).flat_map(|(token, post)| requests(token, post)).collect())
    };
    (each(reads), each(|token, post| [reads(token, post), writes(token, post)].concat()))
}

/// Eighteen: the feed, a post, and who one is.
fn reads(token: &str, post: &str) -> Vec<Request> {
    let get = |path| Request::get(path, Some(token));
    let three = [get("/api/posts?limit=10"), get(post), get("/api/users/me")];
    three.into_iter().cycle().take(18).collect()
}

/// Two: a post and a like.
fn writes(token: &str, liked: &str) -> Vec<Request> {
    vec![post(token), Request::put(&format!("{liked}/like"), token)]
}
