use std::time::Duration;

use echo_domain::{Timestamp, metric::Metric};

use super::*;

static EATEN: Metric<1> = Metric::counter("cakes_eaten_total", ["by"], "Cakes \"eaten\" \\ so far.\nOf any kind.");
static OVEN: Metric<0> = Metric::gauge("oven_bytes", [], "How much the oven holds.");
static BAKED: Metric<1> = Metric::seconds("bake_seconds", ["cake"], "How long cakes took.");
static SLICES: Metric<0> = Metric::sizes("cake_slices", [], "Slices of each.");
static BURNT: Metric<0> = Metric::counter("burnt_seconds_total", [], "Counted by the oven.");
static UNUSED: Metric<0> = Metric::gauge("unused", [], "Nobody set it.");

struct Noon;

impl Clock for Noon {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(1_700_000_000_042)
    }
}

fn bakery(trace: TraceNow) -> Metrics {
    let families = vec![
        EATEN.declared(),
        OVEN.declared(),
        BAKED.declared(),
        SLICES.declared(),
        BURNT.declared(),
        UNUSED.declared(),
    ];
    Metrics::new(families, Arc::new(Noon), trace)
}

/// Does `work`, counted there, and gives the page.
fn page(metrics: &Metrics, exposition: Exposition, work: impl FnOnce()) -> String {
    metrics::with_local_recorder(&metrics.registry, work);
    metrics.page(exposition)
}

fn busy_day() {
    EATEN.count(["ana \"the\\\nbaker\""]).increment(2);
    EATEN.count(["bob"]).increment(1);
    OVEN.level::<&str>([]).set(1024);
    BURNT.read::<&str>([]).set(0.25);
    SLICES.spread::<&str>([]).record(3);
}

#[test]
fn the_classic_page_has_help_types_and_figures() {
    let page = page(&bakery(|| None), Exposition::Classic, busy_day);

    let expected = r#"# HELP burnt_seconds_total Counted by the oven.
# TYPE burnt_seconds_total counter
burnt_seconds_total 0.25
# HELP cake_slices Slices of each.
# TYPE cake_slices histogram
cake_slices_bucket{le="1.0"} 0
cake_slices_bucket{le="2.0"} 0
cake_slices_bucket{le="4.0"} 1
cake_slices_bucket{le="8.0"} 1
cake_slices_bucket{le="16.0"} 1
cake_slices_bucket{le="32.0"} 1
cake_slices_bucket{le="64.0"} 1
cake_slices_bucket{le="128.0"} 1
cake_slices_bucket{le="256.0"} 1
cake_slices_bucket{le="512.0"} 1
cake_slices_bucket{le="1024.0"} 1
cake_slices_bucket{le="+Inf"} 1
cake_slices_sum 3
cake_slices_count 1
# HELP cakes_eaten_total Cakes "eaten" \\ so far.\nOf any kind.
# TYPE cakes_eaten_total counter
cakes_eaten_total{by="ana \"the\\\nbaker\""} 2
cakes_eaten_total{by="bob"} 1
# HELP oven_bytes How much the oven holds.
# TYPE oven_bytes gauge
oven_bytes 1024
"#;
    assert_eq!(page, expected);
}

#[test]
fn the_page_of_open_metrics_has_units_and_an_end_and_calls_no_counter_a_total() {
    let page = page(&bakery(|| None), Exposition::OpenMetrics, busy_day);

    let slices = page.lines().filter(|line| line.starts_with("cake_slices_"));
    assert_eq!(slices.count(), 14);
    let rest: Vec<_> = page.lines().filter(|line| !line.starts_with("cake_slices_")).collect();
    let expected = r#"# HELP burnt_seconds Counted by the oven.
# TYPE burnt_seconds counter
# UNIT burnt_seconds seconds
burnt_seconds_total 0.25
# HELP cake_slices Slices of each.
# TYPE cake_slices histogram
# HELP cakes_eaten Cakes \"eaten\" \\ so far.\nOf any kind.
# TYPE cakes_eaten counter
cakes_eaten_total{by="ana \"the\\\nbaker\""} 2
cakes_eaten_total{by="bob"} 1
# HELP oven_bytes How much the oven holds.
# TYPE oven_bytes gauge
# UNIT oven_bytes bytes
oven_bytes 1024
# EOF"#;
    assert_eq!(rest.join("\n"), expected);
}

#[test]
fn a_value_is_in_the_bucket_of_the_next_power_of_two_and_in_all_above() {
    let metrics = bakery(|| None);
    let page = page(&metrics, Exposition::Classic, || {
        let plum = BAKED.spread(["plum"]);
        for seconds in [0.25, 0.375, 16.0, 17.0] {
            plum.record(seconds);
        }
        BAKED.spread(["plum"]).record(Duration::from_millis(125));
    });

    let up_to = |bound: &str| {
        let start = format!("bake_seconds_bucket{{cake=\"plum\",le=\"{bound}\"}} ");
        page.lines().find_map(|line| line.strip_prefix(&start)).unwrap_or_else(|| panic!("no {bound} in {page}"))
    };
    assert_eq!([up_to("6.103515625e-5"), up_to("0.0001220703125"), up_to("0.0625")], ["0", "0", "0"]);
    assert_eq!([up_to("0.125"), up_to("0.25"), up_to("0.5"), up_to("8.0")], ["1", "2", "3", "3"]);
    assert_eq!([up_to("16.0"), up_to("+Inf")], ["4", "5"]);
    assert!(page.contains("\nbake_seconds_count{cake=\"plum\"} 5\n"), "{page}");
    assert!(page.contains("\nbake_seconds_sum{cake=\"plum\"} 33.75\n"), "{page}");
}

#[test]
fn a_bucket_names_the_last_trace_behind_it() {
    let traced: TraceNow =
        || Some([0x0a, 0xf7, 0x65, 0x19, 0x16, 0xcd, 0x43, 0xdd, 0x84, 0x48, 0xeb, 0x21, 0x1c, 0x80, 0x31, 0x9c]);
    let metrics = bakery(traced);
    let work = || {
        for seconds in [0.3, 0.4, 20.0] {
            BAKED.spread(["plum"]).record(seconds);
        }
    };

    let open = page(&metrics, Exposition::OpenMetrics, work);

    let trace = "# {trace_id=\"0af7651916cd43dd8448eb211c80319c\"}";
    for line in [
        format!("bake_seconds_bucket{{cake=\"plum\",le=\"0.5\"}} 2 {trace} 0.4 1700000000.042\n"),
        format!("bake_seconds_bucket{{cake=\"plum\",le=\"+Inf\"}} 3 {trace} 20 1700000000.042\n"),
        "bake_seconds_bucket{cake=\"plum\",le=\"0.25\"} 0\n".to_owned(),
    ] {
        assert!(open.contains(&line), "no {line} in {open}");
    }
    assert!(!metrics.page(Exposition::Classic).contains("trace_id"));
}

#[test]
fn readings_are_taken_for_each_page() {
    let metrics = bakery(|| None);
    let level = metrics::with_local_recorder(&metrics.registry, || OVEN.level::<&str>([]));
    metrics.read(move || level.increment(1));

    assert!(metrics.page(Exposition::Classic).ends_with("\noven_bytes 1\n"));
    assert!(metrics.page(Exposition::Classic).ends_with("\noven_bytes 2\n"));
}

#[test]
fn a_family_has_only_so_many_figures() {
    let metrics = bakery(|| None);

    let page = page(&metrics, Exposition::Classic, || {
        for n in 0..2500 {
            EATEN.count([n.to_string()]).increment(1);
        }
        // Those that are there go on.
        EATEN.count(["0"]).increment(1);
    });

    assert_eq!(page.lines().filter(|line| line.starts_with("cakes_eaten_total{")).count(), 2000);
    assert!(page.contains("\ncakes_eaten_total{by=\"0\"} 2\n"));
}

#[test]
#[should_panic(expected = "is used as it is not declared")]
fn what_is_not_declared_is_found_in_tests() {
    static OTHER: Metric<0> = Metric::counter("others_total", [], "Not in the list.");

    page(&bakery(|| None), Exposition::Classic, || OTHER.count::<&str>([]).increment(1));
}

#[test]
#[should_panic(expected = "is used as it is not declared")]
fn labels_are_those_that_are_declared() {
    page(&bakery(|| None), Exposition::Classic, || metrics::counter!("cakes_eaten_total", "who" => "ana").increment(1));
}

#[test]
fn all_threads_count_together() {
    let metrics = bakery(|| None);
    let (eaten, baked) =
        metrics::with_local_recorder(&metrics.registry, || (EATEN.count(["all"]), BAKED.spread(["all"])));

    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..10_000 {
                    eaten.increment(1);
                    baked.record(0.5);
                }
            });
        }
    });

    let page = metrics.page(Exposition::Classic);
    assert!(page.contains("\ncakes_eaten_total{by=\"all\"} 40000\n"), "{page}");
    assert!(
        page.contains("\nbake_seconds_sum{cake=\"all\"} 20000\nbake_seconds_count{cake=\"all\"} 40000\n"),
        "{page}"
    );
}

#[test]
fn the_reader_says_which_form_it_wants() {
    let (open, classic) = (Exposition::OpenMetrics, Exposition::Classic);
    // What Prometheus 2.42 asks for, and 3.5 with everything that it knows.
    let prometheus_2 = "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,\
                        text/plain;version=0.0.4;q=0.5,*/*;q=0.1";
    let prometheus_3 = "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;q=0.6,\
                        application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,\
                        text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2";

    for (accept, form) in [
        (prometheus_2, open),
        (prometheus_3, open),
        ("Application/OpenMetrics-Text; Version=\"1.0.0\"", open),
        ("application/openmetrics-text", open),
        ("text/plain;q=0.5,application/openmetrics-text;q=0.5", open),
        ("text/plain;version=0.0.4;q=0.9, application/openmetrics-text;version=1.0.0;q=0.2", classic),
        ("application/openmetrics-text;version=2.0.0", classic),
        ("application/openmetrics-text;q=0", classic),
        ("application/openmetrics-text;q=much", classic),
        ("*/*", classic),
        ("", classic),
        (";;,=;q", classic),
    ] {
        assert_eq!(Exposition::accepted(accept), form, "{accept}");
    }
}
