//! The page that Prometheus reads, in both forms that it may ask for.

use std::{
    borrow::Cow,
    fmt::{self, Write},
    sync::atomic::Ordering,
};

use echo_domain::metric::{Declared, Kind};
use metrics::Key;

use super::{
    registry::{Registry, Series},
    spread::{Exemplar, Spread},
};

/// How the page is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exposition {
    /// <https://prometheus.io/docs/instrumenting/exposition_formats/>: what everything reads.
    Classic,
    /// <https://prometheus.io/docs/specs/om/open_metrics_spec/>: also with units and exemplars.
    OpenMetrics,
}

impl Exposition {
    /// The better one of those that `accept` has, a header as of RFC 9110 §12.5.1.
    #[must_use]
    pub fn accepted(accept: &str) -> Self {
        let (mut open, mut classic) = (0.0_f32, 0.0_f32);
        for range in accept.split(',') {
            let mut parts = range.split(';').map(str::trim);
            let kind = parts.next().unwrap_or_default();
            let parameters: Vec<_> = parts.filter_map(|part| part.split_once('=')).collect();
            let parameter = |name: &str| parameters.iter().find(|(it, _)| it.eq_ignore_ascii_case(name)).map(|it| it.1);
            let quality: f32 = parameter("q").map_or(1.0, |q| q.parse().unwrap_or(0.0));
            let is_ours = |version: &str| version.trim_matches('"') == "1.0.0";
            if kind.eq_ignore_ascii_case("application/openmetrics-text") && parameter("version").is_none_or(is_ours) {
                open = quality.max(open);
            } else if kind.eq_ignore_ascii_case("text/plain") {
                classic = quality.max(classic);
            }
        }
        if open > 0.0 && open >= classic { Self::OpenMetrics } else { Self::Classic }
    }

    #[must_use]
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::Classic => "text/plain; version=0.0.4; charset=utf-8",
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }

    pub(super) fn page(self, registry: &Registry) -> String {
        let mut page = String::new();
        self.write(&mut page, registry).expect("a string takes all that is written to it");
        page
    }

    fn write(self, page: &mut String, registry: &Registry) -> fmt::Result {
        for family in registry.families() {
            let all = family.all();
            if !all.is_empty() {
                self.head(page, &family.declared)?;
            }
            for (key, series) in all {
                self.series(page, &family.declared, &key, &series)?;
            }
        }
        if self == Self::OpenMetrics {
            page.push_str("# EOF\n");
        }
        Ok(())
    }

    fn head(self, page: &mut String, declared: &Declared) -> fmt::Result {
        let kind = match declared.kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Seconds | Kind::Sizes => "histogram",
        };
        match self {
            Self::Classic => {
                let Declared { name, help, .. } = declared;
                writeln!(page, "# HELP {name} {}\n# TYPE {name} {kind}", help.replace('\\', r"\\").replace('\n', r"\n"))
            }
            Self::OpenMetrics => {
                // There, only the figures of a counter are called its total.
                let name = declared.name.strip_suffix("_total").unwrap_or(declared.name);
                writeln!(page, "# HELP {name} {}\n# TYPE {name} {kind}", escape(declared.help))?;
                match ["seconds", "bytes"].into_iter().find(|unit| name.ends_with(unit)) {
                    Some(unit) => writeln!(page, "# UNIT {name} {unit}"),
                    None => Ok(()),
                }
            }
        }
    }

    fn series(self, page: &mut String, declared: &Declared, key: &Key, series: &Series) -> fmt::Result {
        let name = declared.name;
        let labels: Vec<_> = key.labels().map(|it| format!("{}=\"{}\"", it.key(), escape(it.value()))).collect();
        let labels = labels.join(",");
        let braced = if labels.is_empty() { String::new() } else { format!("{{{labels}}}") };
        match series {
            Series::Count(count) => writeln!(page, "{name}{braced} {}", count.load(Ordering::Relaxed)),
            Series::Level(level) => writeln!(page, "{name}{braced} {}", f64::from_bits(level.load(Ordering::Relaxed))),
            Series::Spread(spread) => {
                let count = self.buckets(page, name, &labels, spread)?;
                writeln!(page, "{name}_sum{braced} {}\n{name}_count{braced} {count}", spread.sum())
            }
        }
    }

    /// Returns how many values there were.
    fn buckets(self, page: &mut String, name: &str, labels: &str, spread: &Spread) -> Result<u64, fmt::Error> {
        let comma = if labels.is_empty() { "" } else { "," };
        let mut all = 0;
        for bucket in spread.buckets() {
            write!(page, "{name}_bucket{{{labels}{comma}le=\"")?;
            // As OpenMetrics has them, 1.0 and not 1, in both: a query that names a bound fits whatever was scraped.
            match bucket.bound {
                f64::INFINITY => page.push_str("+Inf"),
                bound => write!(page, "{bound:?}")?,
            }
            write!(page, "\"}} {}", bucket.count)?;
            if let (Self::OpenMetrics, Some(Exemplar { trace, value, at })) = (self, bucket.exemplar) {
                let trace = u128::from_be_bytes(trace);
                let (seconds, millis) = (at.millis().div_euclid(1000), at.millis().rem_euclid(1000));
                write!(page, " # {{trace_id=\"{trace:032x}\"}} {value} {seconds}.{millis:03}")?;
            }
            page.push('\n');
            all = bucket.count;
        }
        Ok(all)
    }
}

/// Within quotes, and in the help of OpenMetrics.
fn escape(text: &str) -> Cow<'_, str> {
    if !text.contains(['\\', '"', '\n']) {
        return text.into();
    }
    text.replace('\\', r"\\").replace('"', "\\\"").replace('\n', r"\n").into()
}
