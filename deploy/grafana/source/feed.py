"""Feeds: how quick they are read, how soon a post is in them, and what lies between."""

from panels import dashboard, graph, row
from promql import count, level, mean, quantile, rare, rate

REQUEST = "echo_http_request_seconds"
FRESH = "echo_feed_freshness_seconds"
FEEDS = 'method="GET", route=~"/api/feed|/api/posts|/api/users/{id}/posts"'
PUSHED = rate("echo_fanout_timelines_total", where='outcome="pushed"')
PUSHED_POSTS = rate("echo_fanout_posts_total", where='how="pushed"')
HITS, MISSES = rate("echo_cache_hits_total", "cache"), rate("echo_cache_misses_total", "cache")

DASHBOARD = dashboard(
    "echo-feed", "Echo: feed and timelines", "How quick feeds are read, how soon a post is in them, and what lies between.",
    row(
        "Reading",
        graph("Pages per second", "Home timelines, everybody's posts, one person's.", ("{{route}}", count(REQUEST, "route", FEEDS)), unit="reqps"),
        graph(
            "99th percentile", "0.25 s is the bound in docs/slo.md. A home timeline that is made anew costs more than one that is kept.",
            ("{{route}}", quantile(0.99, REQUEST, "route", FEEDS)), unit="s",
        ),
        graph(
            "Home timelines, kept or made anew", "Made anew: for those who come back after a week, after a restart, and while Redis is gone. Pulled: none can be kept just now. Many of either, all the time: timelines are lost.",
            ("{{how}}", rate("echo_timeline_reads_total", "how")), unit="reqps", stacked=True,
        ),
    ),
    row(
        "Freshness",
        graph(
            "From publication to home timelines", "99 of a hundred posts within 2 s is the objective.",
            ("p50", quantile(0.5, FRESH)), ("p99", quantile(0.99, FRESH)), unit="s",
        ),
        graph(
            "Oldest event that waits", "By consumer. A line that climbs as time goes by is stuck: docs/runbooks/events-late.md.",
            ("{{consumer}}", level("echo_event_lag_seconds", "consumer", "max")), unit="s",
        ),
        graph(
            "Posts, pushed or pulled", "Pulled are those by authors with very many followers: they are read from the author instead.",
            ("{{how}}", rate("echo_fanout_posts_total", "how")), unit="ops", stacked=True,
        ),
        graph(
            "Timelines written to", "The work of pushing. Dropped are those of people who were not here for a week, or over the bound of one post.",
            ("{{outcome}}", rate("echo_fanout_timelines_total", "outcome")), unit="ops", stacked=True,
        ),
        graph(
            "Timelines written to per pushed post", "Grows with the followers that authors have. Where it nears the bound of a post, more authors should be pulled.",
            ("", f"{PUSHED} / ({PUSHED_POSTS} > 0)"),
        ),
    ),
    row(
        "Events",
        graph("Handled", "How many each consumer deals with.", ("{{consumer}}", count("echo_event_seconds", "consumer")), unit="ops"),
        graph(
            "Time for one", "Mean. feed: by the number of followers. media: by the place for images. posts: by what a deleted account had.",
            ("{{consumer}}", mean("echo_event_seconds", "consumer")), unit="s",
        ),
        graph(
            "Tried again", "An outage of what a consumer stands on, or an event that cannot be dealt with; the log says which.",
            ("{{consumer}}", rare("echo_event_retries_total", "consumer")), unit="ops",
        ),
        graph(
            "Set aside", "Must be 0. What was to follow from these does not: docs/runbooks/events-set-aside.md.",
            ("{{consumer}}", rare("echo_events_set_aside_total", "consumer")), unit="ops",
        ),
    ),
    row(
        "Caches",
        graph(
            "Hits", "Share of what was asked that was there. A fall after a restart is right, and over within minutes.",
            ("{{cache}}", f"{HITS} / ({HITS} + {MISSES} > 0)"), unit="percentunit", top=1,
        ),
        graph("Bytes", "Full caches stay level at their bound, and give the oldest away.", ("{{cache}}", level("echo_cache_bytes", "cache")), unit="bytes"),
        graph("Entries", "How many things are remembered.", ("{{cache}}", level("echo_cache_entries", "cache"))),
        graph(
            "Given away", "Evictions. Many beside few hits: the cache is too small for what people read.",
            ("{{cache}}", rare("echo_cache_evictions_total", "cache")), unit="ops",
        ),
    ),
)
