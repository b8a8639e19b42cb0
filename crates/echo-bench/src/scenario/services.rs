//! Five processes, one for each role, beside one process that does everything: what the network between them costs.

use anyhow::Result;

use super::{
    several::{Several, compare},
    writes::post,
};
use crate::{
    Bench, client,
    data::{self, Size},
    load::{Load, Request},
    report::Line,
    server::Server,
    shape::free_port,
};

const TOKEN: &str = "one-for-all-processes-of-this-bench-and-for-nothing-else";

pub(super) fn run(bench: &Bench) -> Result<Vec<Line>> {
    let data = data::of(Size::SMALL, &bench.folder)?;
    let backing = bench.backing(&data)?;
    let server = Server::echod(&bench.echod, &data, backing, &[])?;
    // Every process reads these, for they sign with the same key.
    let one_tokens = client::tokens(&server, Load::CONNECTIONS)?;
    let one = Several { asked: vec![server], behind: Vec::new() };
    let (five, five_tokens) = five(bench)?;
    let line = |what: &str, request: &dyn Fn(&String) -> Request, most| {
        Bench::say(&format!("services: {what}"));
        let loads = [&one_tokens, &five_tokens].map(|tokens| Load::new(tokens.iter().map(request).collect()));
        let what = format!("processor time of five services, of that of one process: {what}");
        compare(bench, what, (&one, &loads[0]), (&five, &loads[1]), most)
    };
    let page = |what, path: &str| {
        // What is remembered is read once, which on a slow stand-in for MongoDB takes its time.
        for (echo, tokens) in [(&one, &one_tokens), (&five, &five_tokens)] {
            let server = echo.first()?;
            tokens.iter().try_for_each(|token| client::get(server, path, Some(token)).map(drop))?;
        }
        line(what, &|token| Request::get(path, Some(token)), 1.25)
    };
    Ok(vec![
        page("a page of everyone's newest posts", "/api/posts?limit=10")?,
        page("a page of a home timeline", "/api/feed?limit=10")?,
        line("a post", &|token| post(token), 1.5)?,
    ])
}

/// The five, of which posts is asked; and who is signed in.
fn five(bench: &Bench) -> Result<(Several, Vec<String>)> {
    let data = data::of(Size::SMALL, &bench.folder)?;
    let backing = bench.backing(&data)?;
    let roles = ["auth", "users", "posts", "media", "worker"];
    let ports = roles.map(|_| free_port());
    let mut shared = vec![("SERVICE_TOKEN".to_owned(), TOKEN.to_owned())];
    for (role, port) in roles.iter().zip(&ports).take(4) {
        let port = port.as_ref().map_err(|error| anyhow::anyhow!("{error}"))?;
        shared.push((format!("PEER_{}_URL", role.to_uppercase()), format!("http://127.0.0.1:{port}")));
    }
    let mut five = Several { asked: Vec::new(), behind: Vec::new() };
    let mut tokens = Vec::new();
    for (role, port) in roles.into_iter().zip(ports) {
        let own = [("ROLES".to_owned(), role.to_owned()), ("INTERNAL_ADDR".to_owned(), format!("127.0.0.1:{}", port?))];
        let server = Server::echod(&bench.echod, &data, backing.clone(), &[&shared[..], &own].concat())?;
        match role {
            "posts" => five.asked.push(server),
            _ => five.behind.push(server),
        }
    }
    // The first of those behind is auth; it needs users, which runs by now.
    if let Some(auth) = five.behind.first() {
        tokens = client::tokens(auth, Load::CONNECTIONS)?;
    }
    Ok((five, tokens))
}
