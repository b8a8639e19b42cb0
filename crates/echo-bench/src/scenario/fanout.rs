//! Posts by people whom very many follow, beside one whom few follow: how long they take, and when followers see them.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use serde_json::{Value, json};

use crate::{
    Bench, client, data,
    report::{Line, Target, Unit, count},
    rounds::Spread,
    server::Server,
    shape::Shape,
};

/// How many follow each author. Posts of the last are pushed into timelines, those of the one before it are pulled when
/// timelines are read.
const FOLLOWERS: [usize; 3] = [10, 100_000, 40_000];

/// So many of them have read their timeline lately, and so have one.
const ACTIVE: usize = 100;

/// Posts of each author in each round. More would have to wait for one another: those of the last are pushed one by one.
const POSTS: usize = 5;

/// Longer than anybody waits.
const PATIENCE: Duration = Duration::from_secs(60);

/// Authors at one process, their followers at the last, which is the same one where there is just one.
struct Crowd {
    processes: Vec<Server>,
    /// Of the authors.
    authors: Vec<String>,
    /// Of active followers; the first ten follow everyone.
    followers: Vec<String>,
    agent: ureq::Agent,
}

pub(super) fn run(bench: &Bench) -> Result<Vec<Line>> {
    Bench::say("fanout: making the crowd");
    let crowd = Crowd::gather(bench)?;
    let mut took = FOLLOWERS.map(|_| Vec::new());
    let mut seen = FOLLOWERS.map(|_| Vec::new());
    for _ in 0..bench.rounds.rounds {
        Bench::say("fanout: a round");
        for author in (0..FOLLOWERS.len()).cycle().take(POSTS * FOLLOWERS.len()) {
            let (until_answered, until_seen) = crowd.publish_and_wait(author)?;
            took[author].push(millis(until_answered));
            seen[author].push(millis(until_seen));
        }
    }
    let [few, rest @ ..] = took.map(Spread::of);
    let [_, seen @ ..] = seen.map(Spread::of);
    Ok(FOLLOWERS[1..].iter().zip(rest).zip(seen).flat_map(|((n, took), seen)| lines(*n, few, took, seen)).collect())
}

fn lines(followers: usize, few: Spread, took: Spread, seen: Spread) -> [Line; 2] {
    let followers = count(followers as f64);
    let beside = format!("{}; by one whom {} follow {}", took.in_millis(), FOLLOWERS[0], few.in_millis());
    let what = format!("a post by somebody whom {followers} follow, of the time of one whom {} follow", FOLLOWERS[0]);
    let until = format!("until all of {ACTIVE} active followers, of {followers}, have it in their timeline");
    [
        Line::new(what, Target::AtMost(2.0), took.median / few.median, Unit::Ratio, beside),
        Line::new(until, Target::AtMost(5000.0), seen.most, Unit::Millis, seen.in_millis()),
    ]
}

impl Crowd {
    fn gather(bench: &Bench) -> Result<Self> {
        let data = data::crowd(&FOLLOWERS, &bench.folder)?;
        let backing = bench.backing(&data)?;
        let processes = if bench.shape == Shape::Cluster { 2 } else { 1 };
        let start = |_| Server::echod(&bench.echod, &data, backing.clone(), &[]);
        let processes = (0..processes).map(start).collect::<Result<Vec<_>>>()?;
        let token = |person| client::token(&processes[0], person);
        let crowd = Self {
            authors: (0..FOLLOWERS.len()).map(token).collect::<Result<_>>()?,
            followers: (FOLLOWERS.len()..FOLLOWERS.len() + ACTIVE).map(token).collect::<Result<_>>()?,
            processes,
            agent: ureq::agent(),
        };
        for follower in &crowd.followers {
            crowd.timeline(follower)?;
        }
        Ok(crowd)
    }

    /// The new post's id, and how long it took.
    fn publish(&self, author: usize) -> Result<(String, Duration)> {
        let body = json!({ "content": [{ "type": "text", "value": "The sea is calm tonight, the tide is full." }] });
        let request = self.agent.post(format!("{}/api/posts", self.processes[0].url));
        let request = request.header("Authorization", format!("Bearer {}", self.authors[author]));
        let started = Instant::now();
        let mut response = request.send_json(body)?;
        let took = started.elapsed();
        let reply: Value = response.body_mut().read_json()?;
        Ok((reply["data"]["_id"].as_str().unwrap_or_default().to_owned(), took))
    }

    /// How long a post takes until it is acknowledged, and from then on until every active follower of its author finds it.
    fn publish_and_wait(&self, author: usize) -> Result<(Duration, Duration)> {
        let (post, took) = self.publish(author)?;
        let published = Instant::now();
        for follower in self.followers.iter().take(FOLLOWERS[author]) {
            while !self.timeline(follower)?.contains(&post) {
                ensure!(published.elapsed() < PATIENCE, "a post does not come into a timeline");
            }
        }
        Ok((took, published.elapsed()))
    }

    fn timeline(&self, follower: &str) -> Result<String> {
        let process = &self.processes[self.processes.len() - 1];
        let request = self.agent.get(format!("{}/api/feed", process.url));
        let mut response = request.header("Authorization", format!("Bearer {follower}")).call()?;
        Ok(response.body_mut().read_to_string()?)
    }
}

fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}
