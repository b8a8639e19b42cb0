//! Reads of much data, beside reads of little: what they cost must not grow with what there is.

use anyhow::Result;

use crate::{
    Bench, client,
    data::{self, Size},
    load::{Load, Request},
    report::{Line, Target, count},
    server::Server,
};

/// So many people, and ten times as many posts, are asked for in turn: at either size the same number, so that caches
/// hold as much of what is asked for.
const PEOPLE: usize = 100;

/// An Echo of one size.
struct Side {
    size: Size,
    server: Server,
    token: String,
}

/// What to ask an Echo for.
type Paths = fn(Size) -> Vec<String>;

pub(super) fn run(bench: &Bench) -> Result<Vec<Line>> {
    let (large, small) = (bench.large, Size::SMALL);
    Bench::say(&format!("scale: making {} posts by {} people", count(large.posts as f64), count(large.people as f64)));
    let folders = [data::of(large, &bench.folder)?, data::of(small, &bench.folder)?];
    let [large, small] = [side(bench, large, &folders[0])?, side(bench, small, &folders[1])?];
    let same: [(&str, bool, Paths); 10] = [
        ("`GET /api/posts?limit=10`, anonymous", false, |_| one("/api/posts?limit=10")),
        ("`GET /api/posts?limit=10`, with a token", true, |_| one("/api/posts?limit=10")),
        ("`GET /api/posts/{id}`", false, |size| size.posts(10 * PEOPLE).collect()),
        ("`GET /api/users/me`", true, |_| one("/api/users/me")),
        ("`GET /api/users/{id}`", true, |size| size.people(PEOPLE).collect()),
        ("`GET /api/users/{id}/posts`", true, |size| size.people(PEOPLE).map(|path| path + "/posts").collect()),
        ("`GET /api/feed`", true, |_| one("/api/feed")),
        ("search, a name that many have", true, |_| one(&search(data::common_name()))),
        ("search, a name that one has", true, |_| (0..PEOPLE).map(|i| search(&data::username(i))).collect()),
        ("`GET /api/posts/{id}`, of all there are", false, |size| size.posts(100 * PEOPLE).collect()),
    ];
    same.into_iter()
        .enumerate()
        .map(|(i, (what, token, paths))| {
            // The last is told for orientation: most of it is in the caches of the small one only.
            let target = if i < 9 { Target::AtLeast(0.95) } else { Target::None };
            compare(bench, &large, &small, what, token, paths, target)
        })
        .collect()
}

fn side(bench: &Bench, size: Size, folder: &std::path::Path) -> Result<Side> {
    let server = bench.serve(folder)?;
    let token = client::tokens(&server, 1)?.remove(0);
    Ok(Side { size, server, token })
}

fn compare(
    bench: &Bench,
    large: &Side,
    small: &Side,
    what: &str,
    token: bool,
    paths: Paths,
    target: Target,
) -> Result<Line> {
    Bench::say(&format!("scale: {what}"));
    let load = |side: &Side| {
        let token = token.then_some(side.token.as_str());
        Load::new(paths(side.size).iter().map(|path| Request::get(path, token)).collect())
    };
    let (much, little) = bench.rounds.compare((&large.server, &load(large)), (&small.server, &load(small)))?;
    let what = format!(
        "{what}: with {} posts, of the rate with {}",
        count(large.size.posts as f64),
        count(small.size.posts as f64)
    );
    Ok(Line::ratio(what, target, ("much", &much), ("little", &little)))
}

fn one(path: &str) -> Vec<String> {
    vec![path.to_owned()]
}

fn search(text: &str) -> String {
    format!("/api/users/search?query={text}")
}
