//! Reads, beside a bare axum server that answers the same bytes.

use anyhow::Result;

use crate::{
    Bench, client,
    data::{self, Size},
    load::{Load, Request},
    report::{Line, Target},
    server::Server,
    shape::Shape,
};

pub(super) fn run(bench: &Bench) -> Result<Vec<Line>> {
    let data = data::copy(Size::SMALL, &bench.folder)?;
    let echod = bench.serve(data.path())?;
    let token = client::tokens(&echod, 1)?.remove(0);
    let post = Size::SMALL.posts(1).next().unwrap_or_default();
    let cases = [
        ("`GET /api/posts?limit=10`, anonymous", "/api/posts?limit=10", None, 0.7),
        ("`GET /api/posts?limit=10`, with a token", "/api/posts?limit=10", Some(token.as_str()), 0.5),
        ("`GET /api/feed?limit=10`", "/api/feed?limit=10", Some(token.as_str()), 0.5),
        ("`GET /api/posts/{id}`", post.as_str(), None, 0.7),
        ("`GET /api/users/me`", "/api/users/me", Some(token.as_str()), 0.6),
    ];
    let least = |embedded: f64| if bench.shape == Shape::Cluster { 0.5 } else { embedded };
    cases
        .into_iter()
        .map(|(what, path, token, embedded)| beside_bare(bench, &echod, what, path, token, least(embedded)))
        .collect()
}

fn beside_bare(bench: &Bench, echod: &Server, what: &str, path: &str, token: Option<&str>, least: f64) -> Result<Line> {
    Bench::say(&format!("reads: {what}"));
    let route = path.split('?').next().unwrap_or(path);
    let bare = Server::bare(route, &client::get(echod, path, token)?)?;
    let load = Load::new(vec![Request::get(path, token)]);
    let (ours, theirs) = bench.rounds.compare((echod, &load), (&bare, &load))?;
    Ok(Line::ratio(format!("{what}, of bare axum's rate"), Target::AtLeast(least), ("echod", &ours), ("bare", &theirs)))
}
