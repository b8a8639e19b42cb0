//! How posts come into home timelines, and how these are read.

use metrics::{Counter, Histogram};

use crate::metric::{Declared, Metric, NONE};

static TIMELINES: Metric<1> = Metric::counter(
    "echo_fanout_timelines_total",
    ["outcome"],
    "Timelines of followers that a post was pushed to; dropped where none is kept, since its owner does not come, or what \
     is kept of it begins later.",
);
static POSTS: Metric<1> = Metric::counter(
    "echo_fanout_posts_total",
    ["how"],
    "Posts that were pushed to followers, or are pulled by them since the author has so many.",
);
static FRESHNESS: Metric<0> = Metric::seconds(
    "echo_feed_freshness_seconds",
    [],
    "How long after a post was published the home timelines of its readers had it.",
);
static READS: Metric<1> = Metric::counter(
    "echo_timeline_reads_total",
    ["how"],
    "Home timelines read: kept ones, those made anew, and those pulled since none can be kept just now.",
);

/// What is measured of home timelines.
pub const METRICS: [Declared; 4] = [FRESHNESS.declared(), READS.declared(), POSTS.declared(), TIMELINES.declared()];

/// What the keeper of timelines counts.
pub struct FanOut {
    pub(super) pushed: Counter,
    pub(super) dropped: Counter,
    pub(super) posts_pushed: Counter,
    pub(super) posts_pulled: Counter,
    pub(super) freshness: Histogram,
}

impl Default for FanOut {
    fn default() -> Self {
        Self {
            pushed: TIMELINES.count(["pushed"]),
            dropped: TIMELINES.count(["dropped"]),
            posts_pushed: POSTS.count(["pushed"]),
            posts_pulled: POSTS.count(["pulled"]),
            freshness: FRESHNESS.spread(NONE),
        }
    }
}

/// How home timelines were read.
pub struct Reads {
    pub(super) kept: Counter,
    pub(super) rebuilt: Counter,
    pub(super) pulled: Counter,
}

impl Default for Reads {
    fn default() -> Self {
        Self { kept: READS.count(["kept"]), rebuilt: READS.count(["rebuilt"]), pulled: READS.count(["pulled"]) }
    }
}
