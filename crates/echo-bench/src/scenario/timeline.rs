//! What home timelines cost, all by pull, all by push, and as Echo has them: counted on a made-up graph, without a server.
//!
//! The unit is one small piece of work: a seek in an index, a timeline read, a post added to a timeline. What is assumed
//! stands at the constants here.

mod graph;

use anyhow::Result;
use echo_domain::{
    PostId,
    feed::{FeedService, Policy, Timeline},
};

use crate::{
    Bench,
    report::{Line, Target, Unit, count},
};

use graph::Graph;

const ACCOUNTS: usize = 1_000_000;
/// Reads of home timelines by an active account, a day: with the posts of one a day, the 50 reads to a post that Twitter
/// had in 2013 (300,000 to 6,000 a second: R. Krikorian, "Timelines at Scale", QCon).
const READS: f64 = 50.0;
/// Posts by an active account, a day, on average; more by those with more followers, as their logarithm (assumed).
const POSTS: f64 = 1.0;
/// How often a day a timeline is made anew, after a follow, an unfollow or a week away (assumed).
const ANEW: f64 = 1.0;
/// What a timeline takes beside its ids, in bytes.
const EACH: f64 = 160.0;

/// How posts come into timelines.
#[derive(Debug, Clone, Copy)]
enum Way {
    Pull,
    /// Into the timeline of every follower, whether they come or not.
    Push,
    Echo(Policy),
}

/// What a way costs.
struct Cost {
    /// Per post.
    writes: Spread,
    /// Per read.
    work: Spread,
    /// Per account there is.
    bytes: f64,
    /// All work, by active accounts and days.
    total: f64,
}

/// Of values, each as often as its weight says.
struct Spread {
    mean: f64,
    p99: f64,
    most: f64,
}

/// An active account as a reader.
struct Reader {
    followees: f64,
    /// Those of them whose posts Echo pulls.
    large: f64,
    /// Posts that Echo pushes to it, a day.
    pushed: f64,
}

pub(super) fn run() -> Result<Vec<Line>> {
    Bench::say(&format!("timeline: a graph of {} accounts", count(ACCOUNTS as f64)));
    let graph = Graph::new(ACCOUNTS);
    Ok(compare(&graph, Policy::ECHO))
}

fn compare(graph: &Graph, policy: Policy) -> Vec<Line> {
    let rates = rates(graph);
    let readers = readers(graph, policy, &rates);
    let [pull, push, echo] = [Way::Pull, Way::Push, Way::Echo(policy)].map(|way| cost(way, graph, &rates, &readers));
    let lowest = Target::AtMost(pull.total.min(push.total));
    [("pull only", &pull, Target::None), ("push only", &push, Target::None), ("Echo", &echo, lowest)]
        .into_iter()
        .flat_map(|(name, cost, target)| cost.lines(name, target))
        .collect()
}

impl Cost {
    fn lines(&self, name: &str, target: Target) -> [Line; 4] {
        let line = |what: &str, value, detail| {
            Line::new(format!("timelines, {name}: {what}"), Target::None, value, Unit::Each, detail)
        };
        let total = format!("timelines, {name}: work per active account and day");
        let rates = format!("{POSTS} post, {READS} reads, made anew {ANEW} time");
        [
            line("writes per post", self.writes.mean, self.writes.told()),
            line("work per read", self.work.mean, self.work.told()),
            line("bytes per account", self.bytes, String::new()),
            Line::new(total, target, self.total, Unit::Each, rates),
        ]
    }
}

/// Posts a day, by account.
fn rates(graph: &Graph) -> Vec<f64> {
    let weight = |account: usize| {
        let followers = f64::from(graph.followers[account]);
        if graph.is_active(account) { 1.0 + (1.0 + followers).log10() } else { 0.0 }
    };
    let weights: Vec<_> = (0..graph.len()).map(weight).collect();
    let each = POSTS * graph.active().count() as f64 / weights.iter().sum::<f64>();
    weights.into_iter().map(|weight| weight * each).collect()
}

fn readers(graph: &Graph, policy: Policy, rates: &[f64]) -> Vec<Reader> {
    let mut followees = Vec::new();
    let reader = |account| {
        graph.followees(account, &mut followees);
        let is_large = |followee: &usize| policy.pulls(graph.followers[*followee].into());
        let (large, small): (Vec<_>, Vec<_>) = followees.iter().partition(|followee| is_large(followee));
        Reader {
            followees: (large.len() + small.len()) as f64,
            large: large.len() as f64,
            pushed: small.into_iter().map(|followee: usize| rates[followee]).sum(),
        }
    };
    graph.active().map(reader).collect()
}

fn cost(way: Way, graph: &Graph, rates: &[f64], readers: &[Reader]) -> Cost {
    let writes = Spread::of(graph.active().map(|author| (writes(way, graph, author), rates[author])).collect());
    let work = Spread::of(readers.iter().map(|reader| (way.work(reader), 1.0)).collect());
    let making = readers.iter().map(|reader| way.making(reader)).sum::<f64>() / readers.len() as f64;
    let kept = match way {
        Way::Pull => 0.0,
        Way::Push => graph.len() as f64 * bytes(Timeline::MAX as f64),
        Way::Echo(_) => readers.iter().map(|it| bytes(FeedService::GATHERED as f64 + it.pushed / ANEW)).sum(),
    };
    let total = POSTS * writes.mean + READS * work.mean + ANEW * making;
    Cost { writes, work, bytes: kept / graph.len() as f64, total }
}

/// Into how many timelines a post by the author is written.
fn writes(way: Way, graph: &Graph, author: usize) -> f64 {
    match way {
        Way::Pull => 0.0,
        Way::Push => graph.followers[author].into(),
        Way::Echo(policy) if policy.pushes(graph.followers[author].into()) => graph.active_followers[author].into(),
        Way::Echo(_) => 0.0,
    }
}

impl Way {
    /// What a read of the first page takes: seeks, one's own posts among them, and the timeline. By push alone, one's own
    /// are in it.
    fn work(self, reader: &Reader) -> f64 {
        match self {
            Self::Pull => reader.followees + 1.0,
            Self::Push => 1.0,
            Self::Echo(_) => 1.0 + reader.large + 1.0,
        }
    }

    /// What it takes to make the timeline anew: a seek for each whose posts are in it.
    fn making(self, reader: &Reader) -> f64 {
        match self {
            Self::Pull => 0.0,
            Self::Push => reader.followees + 1.0,
            Self::Echo(_) => reader.followees - reader.large,
        }
    }
}

fn bytes(posts: f64) -> f64 {
    EACH + posts.min(Timeline::MAX as f64) * size_of::<PostId>() as f64
}

impl Spread {
    /// Of values with their weights.
    fn of(mut values: Vec<(f64, f64)>) -> Self {
        values.sort_unstable_by(|one, other| one.0.total_cmp(&other.0));
        let all: f64 = values.iter().map(|(_, weight)| weight).sum();
        let mean = values.iter().map(|(value, weight)| value * weight).sum::<f64>() / all;
        let mut below = 0.0;
        let p99 = values.iter().find(|(_, weight)| {
            below += weight;
            below >= 0.99 * all
        });
        let most = values.last().map_or(0.0, |(value, _)| *value);
        Self { mean, p99: p99.map_or(most, |(value, _)| *value), most }
    }

    fn told(&self) -> String {
        format!("p99 {}, most {}", count(self.p99), count(self.most))
    }
}

#[cfg(test)]
mod tests {
    use echo_domain::users::FOLLOWING_MAX;

    use super::*;

    #[test]
    fn a_spread_weighs_its_values() {
        let spread = Spread::of(vec![(10.0, 1.0), (0.0, 98.0), (100.0, 1.0)]);

        assert_eq!((spread.mean, spread.p99, spread.most), (1.1, 10.0, 100.0));
    }

    #[test]
    fn nobody_is_written_to_who_does_not_come_and_no_post_beyond_the_ceiling() {
        let graph = Graph::new(10_000);
        let policy = Policy { pulled_from: 400, pushed_below: 500 };
        let (rates, readers) = (rates(&graph), readers(&graph, policy, &rates(&graph)));
        let [push, echo] = [Way::Push, Way::Echo(policy)].map(|way| cost(way, &graph, &rates, &readers));

        assert!(push.writes.most > 500.0 && echo.writes.most < 500.0);
        assert!(echo.writes.mean < push.writes.mean && echo.bytes < push.bytes);
        assert!(readers.iter().any(|reader| reader.large > 0.0));
        assert!(readers.iter().all(|reader| reader.followees <= FOLLOWING_MAX as f64));
    }
}
