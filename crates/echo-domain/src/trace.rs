//! Where a piece of work is in a trace, which may go through several processes.
//!
//! Spans are made with `tracing`; whether they become a trace is the program's to say. Those at the level `debug` are exported,
//! each use case and each call of a store being one. What says nothing in a log has [`TARGET`].

use std::{fmt, str::FromStr};

use opentelemetry::{
    Context, SpanId, TraceFlags, TraceId,
    trace::{SpanContext, TraceContextExt, TraceState},
};
use tracing::Span;

use crate::{Errand, Error, Result};

/// The target of spans that are for traces alone.
pub const TARGET: &str = "echo::trace";

/// A place in a trace, as it goes from one process to another: <https://www.w3.org/TR/trace-context/>
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trace(SpanContext);

impl Trace {
    /// Reads `traceparent`, and `tracestate` if that makes sense; `None` for what is no place in a trace.
    #[must_use]
    pub fn parse(parent: &str, state: Option<&str>) -> Option<Self> {
        let hex =
            |part: &str, length| part.len() == length && part.bytes().all(|c| matches!(c, b'0'..=b'9' | b'a'..=b'f'));
        let parts: Vec<_> = parent.splitn(5, '-').collect();
        let &[version, trace, span, flags] = &parts[..] else { return None };
        if !(hex(version, 2) && version != "ff" && hex(trace, 32) && hex(span, 16) && hex(flags, 2)) {
            return None;
        }
        let flags = TraceFlags::new(u8::from_str_radix(flags, 16).ok()?);
        let (trace, span) = (TraceId::from_hex(trace).ok()?, SpanId::from_hex(span).ok()?);
        let state = state.and_then(|state| TraceState::from_str(state).ok()).unwrap_or_default();
        let context = SpanContext::new(trace, span, flags, true, state);
        context.is_valid().then_some(Self(context))
    }

    /// Where the running work is: in its own span, if traces are made here, else where it came from.
    #[must_use]
    pub fn here() -> Option<Self> {
        let own = Context::map_current(|context| context.span().span_context().clone());
        if own.is_valid() { Some(Self(own)) } else { Errand::current().trace }
    }

    /// What goes along as `tracestate`; may be empty.
    #[must_use]
    pub fn state(&self) -> String {
        self.0.trace_state().header()
    }
}

/// As `traceparent` has it.
impl fmt::Display for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "00-{}-{}-{:02x}", self.0.trace_id(), self.0.span_id(), self.0.trace_flags())
    }
}

/// The span that `make` makes, as what follows from `origin`, wherever that was.
pub fn following(origin: Option<&Trace>, make: impl FnOnce() -> Span) -> Span {
    let _at_origin = origin.map(|Trace(origin)| Context::new().with_remote_span_context(origin.clone()).attach());
    make()
}

/// The trace that the running work is in, if that is kept.
#[must_use]
pub fn sampled() -> Option<[u8; 16]> {
    Context::map_current(|context| {
        let span = context.span();
        let place = span.span_context();
        place.is_sampled().then(|| place.trace_id().to_bytes())
    })
}

/// Notes in the span of a call how it failed, if that is not its caller's doing. The span has the fields
/// `otel.status_code` and `error.type`.
pub fn note<T>(span: &Span, outcome: &Result<T>) {
    match outcome {
        Err(Error::Unavailable { .. } | Error::StorageFull) => failed(span, "unavailable"),
        Err(Error::Internal(_)) => failed(span, "internal"),
        _ => {}
    }
}

/// Notes in its span that a piece of work failed, and in which way.
pub fn failed(span: &Span, kind: &str) {
    span.record("otel.status_code", "ERROR").record("error.type", kind);
}

#[cfg(test)]
mod tests {
    use super::*;

    const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    #[test]
    fn a_trace_goes_on_as_it_came() {
        let trace = Trace::parse(PARENT, Some("rojo=00f067aa0ba902b7,congo=t61rcWkgMzE")).unwrap();

        assert_eq!(trace.to_string(), PARENT);
        assert_eq!(trace.state(), "rojo=00f067aa0ba902b7,congo=t61rcWkgMzE");
        assert_eq!(Trace::parse(PARENT, Some("no state, ever")).unwrap().state(), "");
    }

    #[test]
    fn what_is_no_place_in_a_trace_goes_nowhere() {
        let nobody = "00-00000000000000000000000000000000-b7ad6b7169203331-01";
        let nowhere = "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01";
        let longer = format!("{PARENT}-x");
        let other = PARENT.replace('-', "_");
        let upper = PARENT.to_uppercase();
        let version = PARENT.replacen("00", "ff", 1);
        for bad in ["", "00-0af7", nobody, nowhere, &longer, &other, &upper, &version] {
            assert_eq!(Trace::parse(bad, None), None, "{bad}");
        }
    }

    #[tokio::test]
    async fn work_outside_a_span_is_where_it_came_from() {
        let trace = Trace::parse(PARENT, None);
        let errand = Errand { trace: trace.clone(), ..Errand::default() };

        assert_eq!(errand.run(async { Trace::here() }).await, trace);
        assert_eq!((Trace::here(), sampled()), (None, None));
    }
}
