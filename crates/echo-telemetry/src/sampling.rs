//! Which traces are kept.

use std::str::FromStr;

use opentelemetry::{
    Context, KeyValue, TraceId,
    trace::{Link, SpanKind, TraceContextExt},
};
use opentelemetry_sdk::trace::{Sampler, SamplingDecision, SamplingResult, ShouldSample};

/// Which traces are kept: of those that begin here, a share; of those that come in, as many, or those that whoever sent them
/// keeps.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sampling {
    pub share: Share,
    pub as_sent: bool,
}

/// A share of all traces: from 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Share(f64);

impl Share {
    pub const NONE: Self = Self(0.0);
    pub const ALL: Self = Self(1.0);
}

impl FromStr for Share {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let share = text.parse().ok().filter(|share| (0.0..=1.0).contains(share));
        share.map(Self).ok_or("must be a share of all traces, from 0 to 1, such as 0.05")
    }
}

impl ShouldSample for Sampling {
    fn should_sample(
        &self,
        parent: Option<&Context>,
        trace: TraceId,
        name: &str,
        kind: &SpanKind,
        attributes: &[KeyValue],
        links: &[Link],
    ) -> SamplingResult {
        let parent = parent.filter(|parent| parent.has_active_span());
        let origin = parent.map(|parent| parent.span().span_context().clone()).filter(|origin| origin.is_valid());
        let drawn = || {
            let share = Sampler::TraceIdRatioBased(self.share.0);
            share.should_sample(parent, trace, name, kind, attributes, links)
        };
        match origin {
            Some(origin) if self.as_sent || !origin.is_remote() => SamplingResult {
                decision: if origin.is_sampled() { SamplingDecision::RecordAndSample } else { SamplingDecision::Drop },
                attributes: Vec::new(),
                trace_state: origin.trace_state().clone(),
            },
            Some(_) => drawn(),
            // What goes on in the background, every second, is no trace of its own.
            None if matches!(kind, SpanKind::Server | SpanKind::Consumer) => drawn(),
            None => SamplingResult {
                decision: SamplingDecision::Drop,
                attributes: Vec::new(),
                trace_state: Default::default(),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use opentelemetry::{
        SpanId, TraceFlags,
        trace::{SpanContext, TraceState},
    };

    use super::*;

    fn trace() -> TraceId {
        TraceId::from(1)
    }

    fn is_kept(sampling: Sampling, parent: Option<&Context>, kind: &SpanKind) -> bool {
        let decision = sampling.should_sample(parent, trace(), "", kind, &[], &[]).decision;
        decision == SamplingDecision::RecordAndSample
    }

    fn parent(sampled: bool, is_remote: bool) -> Context {
        let flags = if sampled { TraceFlags::SAMPLED } else { TraceFlags::default() };
        let place = SpanContext::new(trace(), SpanId::from(2), flags, is_remote, TraceState::default());
        Context::new().with_remote_span_context(place)
    }

    #[test]
    fn a_trace_begins_with_a_request_or_an_event() {
        let all = Sampling { share: Share::ALL, as_sent: true };
        let none = Sampling { share: Share::NONE, as_sent: true };

        assert!(is_kept(all, None, &SpanKind::Server) && is_kept(all, None, &SpanKind::Consumer));
        assert!(!is_kept(all, None, &SpanKind::Client) && !is_kept(all, None, &SpanKind::Internal));
        assert!(!is_kept(none, None, &SpanKind::Server));
    }

    #[test]
    fn whoever_sent_it_decides_unless_that_does_not_count() {
        for (share, other) in [(Share::ALL, false), (Share::NONE, true)] {
            let sent = parent(other, true);

            assert_eq!(is_kept(Sampling { share, as_sent: true }, Some(&sent), &SpanKind::Server), other);
            assert_eq!(is_kept(Sampling { share, as_sent: false }, Some(&sent), &SpanKind::Server), !other);
        }
    }

    #[test]
    fn a_trace_is_kept_whole_within_a_process() {
        for (share, kept) in [(Share::ALL, false), (Share::NONE, true)] {
            assert_eq!(
                is_kept(Sampling { share, as_sent: false }, Some(&parent(kept, false)), &SpanKind::Client),
                kept
            );
        }
    }

    #[test]
    fn a_share_is_from_0_to_1() {
        assert_eq!("0.05".parse(), Ok(Share(0.05)));
        for bad in ["", "5%", "1.1", "-0.1", "NaN", "inf"] {
            assert!(bad.parse::<Share>().is_err(), "{bad}");
        }
    }
}
