//! How an event becomes a line.
//!
//! Each line has the id of the request that it is about, which the task carries along: no span has to be made for it. Errors come
//! with all their causes; the forms that `tracing-subscriber` has leave them out in JSON.

use std::fmt;

use echo_domain::{Errand, chain, trace};
use serde_json::Value;
use tracing::{
    Event, Level, Subscriber,
    field::{Field, Visit},
};
use tracing_subscriber::{
    fmt::{
        FmtContext, FormatEvent, FormatFields,
        format::Writer,
        time::{FormatTime, SystemTime},
    },
    registry::LookupSpan,
};

use crate::log::Format;

pub(crate) struct Line(pub(crate) Format);

/// What there is to say, in the order in which it is said.
#[derive(Default)]
struct Fields {
    message: String,
    rest: Vec<(&'static str, Value)>,
}

impl<S, N> FormatEvent<S, N> for Line
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(&self, context: &FmtContext<'_, S, N>, mut writer: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let mut fields = Fields::default();
        event.record(&mut fields);
        fields.put_place(spans(context));
        match self.0 {
            Format::Readable => fields.write_readable(&mut writer, *event.metadata().level())?,
            Format::Json => fields.write_json(&mut writer, event)?,
        }
        writeln!(writer)
    }
}

/// The use cases that the event is in, if those are logged: from the outermost.
fn spans<S, N>(context: &FmtContext<'_, S, N>) -> String
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    let spans = context.event_scope().into_iter().flat_map(|scope| scope.from_root());
    spans.map(|span| span.name()).collect::<Vec<_>>().join(" > ")
}

impl Fields {
    /// Which request it is about, and where in it.
    fn put_place(&mut self, spans: String) {
        let mut put = |name, value: String| self.rest.push((name, value.into()));
        if !spans.is_empty() {
            put("in", spans);
        }
        let errand = Errand::current();
        if !errand.request.is_empty() {
            put("request.id", errand.request.as_ref().to_owned());
        }
        if let Some(trace) = trace::sampled() {
            put("trace.id", format!("{:032x}", u128::from_be_bytes(trace)));
        }
    }

    fn write_readable(&self, writer: &mut Writer<'_>, level: Level) -> fmt::Result {
        let [dim, colour, end] = match (writer.has_ansi_escapes(), level) {
            (false, _) => ["", "", ""],
            (true, Level::ERROR) => ["\x1b[2m", "\x1b[31m", "\x1b[0m"],
            (true, Level::WARN) => ["\x1b[2m", "\x1b[33m", "\x1b[0m"],
            (true, Level::INFO) => ["\x1b[2m", "\x1b[32m", "\x1b[0m"],
            (true, _) => ["\x1b[2m", "\x1b[34m", "\x1b[0m"],
        };
        write!(writer, "{dim}")?;
        SystemTime.format_time(writer)?;
        write!(writer, "{end} {colour}{level:>5}{end} {}", self.message.escape_debug())?;
        for (name, value) in &self.rest {
            write!(writer, " {dim}{name}={end}")?;
            match value.as_str() {
                // Nothing that could be taken for another field, or another line.
                Some(text) if !text.is_empty() && text.bytes().all(|c| c.is_ascii_graphic() && c != b'"') => {
                    writer.write_str(text)?;
                }
                Some(text) => write!(writer, "{text:?}")?,
                None => write!(writer, "{value}")?,
            }
        }
        Ok(())
    }

    fn write_json(self, writer: &mut Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let (level, target) = (event.metadata().level().as_str(), event.metadata().target());
        let mut time = String::new();
        SystemTime.format_time(&mut Writer::new(&mut time))?;
        write!(writer, "{{\"timestamp\":\"{time}\",\"level\":\"{level}\",\"message\":{}", Value::from(self.message))?;
        for (name, value) in self.rest {
            write!(writer, ",{}:{value}", Value::from(name))?;
        }
        write!(writer, ",\"target\":{}}}", Value::from(target))
    }

    fn put(&mut self, field: &Field, value: Value) {
        match (field.name(), value) {
            ("message", Value::String(text)) => self.message = text,
            (name, value) => self.rest.push((name, value)),
        }
    }
}

impl Visit for Fields {
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field, value.into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, value.into());
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, value.into());
    }

    fn record_error(&mut self, field: &Field, value: &(dyn std::error::Error + 'static)) {
        self.put(field, chain(value).into());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.put(field, format!("{value:?}").into());
    }
}

#[cfg(test)]
mod tests {
    use std::{
        io,
        sync::{Arc, Mutex},
    };

    use echo_domain::Error;
    use tracing::subscriber::with_default;
    use tracing_subscriber::{fmt::MakeWriter, layer::SubscriberExt, registry};

    use super::*;

    #[derive(Clone, Default)]
    struct Kept(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Kept {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl MakeWriter<'_> for Kept {
        type Writer = Self;

        fn make_writer(&self) -> Self {
            self.clone()
        }
    }

    /// What is logged by `work`, without the time.
    fn logged(format: Format, work: impl FnOnce()) -> String {
        let kept = Kept::default();
        let lines =
            tracing_subscriber::fmt::layer().event_format(Line(format)).with_writer(kept.clone()).with_ansi(false);
        with_default(registry().with(lines), work);
        let text = String::from_utf8(kept.0.lock().unwrap().clone()).unwrap();
        let start = text.find(if format == Format::Json { ",\"level\"" } else { "Z" }).unwrap();
        text[start + 1..].to_owned()
    }

    fn fail() {
        let error = Error::internal(io::Error::other("the disk is \"gone\""));
        tracing::error!(error = &error as &dyn std::error::Error, n = 3, who = "a b", "this failed");
    }

    #[test]
    fn an_error_comes_with_its_causes_in_both_forms() {
        assert_eq!(
            logged(Format::Readable, fail),
            " ERROR this failed error=\"internal error: the disk is \\\"gone\\\"\" n=3 who=\"a b\"\n"
        );
        assert_eq!(
            logged(Format::Json, fail),
            "\"level\":\"ERROR\",\"message\":\"this failed\",\"error\":\"internal error: the disk is \\\"gone\\\"\",\"n\":3,\
             \"who\":\"a b\",\"target\":\"echo_telemetry::line::tests\"}\n"
        );
    }

    #[test]
    fn nothing_in_a_line_makes_another_one() {
        let odd = || tracing::info!(what = "a\nb", "c\nd \x1b[31m");

        assert_eq!(logged(Format::Readable, odd), "  INFO c\\nd \\u{1b}[31m what=\"a\\nb\"\n");
    }

    #[test]
    fn a_line_says_in_which_request_and_use_case() {
        let work = || {
            let errand = Errand { request: "r-1".into(), ..Errand::default() };
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            runtime.block_on(errand.run(async {
                tracing::debug_span!("posts.publish").in_scope(|| tracing::info!("done"));
            }));
        };

        assert_eq!(logged(Format::Readable, work), "  INFO done in=posts.publish request.id=r-1\n");
    }
}
