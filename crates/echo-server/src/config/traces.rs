//! Traces, by the names that OpenTelemetry has for their settings.

use std::collections::HashMap;

use anyhow::{Context, Result, ensure};
use axum::http::{HeaderName, HeaderValue};
use clap::{Args, ValueEnum};
use echo_telemetry::{Sampling, Share};
use percent_encoding::percent_decode_str;

use super::{Secret, Url, set};

/// Where traces go, and which.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Where it sends traces")]
pub(crate) struct Traces {
    /// Collector that takes OTLP by HTTP, as http://localhost:4318; without it, there are no traces
    #[arg(long, env = "OTEL_EXPORTER_OTLP_ENDPOINT", value_name = "URL", global = true, hide_env_values = true)]
    pub(crate) otel_exporter_otlp_endpoint: Option<Url>,
    /// What it is to be sent along, as name=value, comma-separated, percent-encoded: a key, perhaps
    #[arg(long, env = "OTEL_EXPORTER_OTLP_HEADERS", value_name = "FIELDS", global = true, hide_env_values = true)]
    pub(crate) otel_exporter_otlp_headers: Option<Secret>,
    /// How it is sent; there is one way
    #[arg(
        long,
        env = "OTEL_EXPORTER_OTLP_PROTOCOL",
        value_name = "PROTOCOL",
        default_value = "http/protobuf",
        global = true,
        hide_env_values = true
    )]
    pub(crate) otel_exporter_otlp_protocol: Protocol,
    /// What this Echo is called there
    #[arg(
        long,
        env = "OTEL_SERVICE_NAME",
        value_name = "NAME",
        default_value = "echo",
        global = true,
        hide_env_values = true
    )]
    pub(crate) otel_service_name: String,
    /// Which traces are kept: all, none or a share; parentbased: as whoever called keeps theirs, if they said so
    #[arg(
        long,
        env = "OTEL_TRACES_SAMPLER",
        value_name = "SAMPLER",
        default_value = "parentbased_always_on",
        global = true,
        hide_env_values = true
    )]
    pub(crate) otel_traces_sampler: Sampler,
    /// The share, from 0 to 1, for the samplers that end in traceidratio
    #[arg(
        long,
        env = "OTEL_TRACES_SAMPLER_ARG",
        value_name = "SHARE",
        default_value = "1",
        global = true,
        hide_env_values = true
    )]
    pub(crate) otel_traces_sampler_arg: Share,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Protocol {
    #[value(name = "http/protobuf")]
    HttpProtobuf,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
pub(crate) enum Sampler {
    AlwaysOn,
    AlwaysOff,
    Traceidratio,
    ParentbasedAlwaysOn,
    ParentbasedAlwaysOff,
    ParentbasedTraceidratio,
}

impl Traces {
    pub(crate) fn sampling(&self) -> Sampling {
        use Sampler::*;
        let (share, as_sent) = match self.otel_traces_sampler {
            AlwaysOn => (Share::ALL, false),
            AlwaysOff => (Share::NONE, false),
            Traceidratio => (self.otel_traces_sampler_arg, false),
            ParentbasedAlwaysOn => (Share::ALL, true),
            ParentbasedAlwaysOff => (Share::NONE, true),
            ParentbasedTraceidratio => (self.otel_traces_sampler_arg, true),
        };
        Sampling { share, as_sent }
    }

    /// # Errors
    /// Naming the setting, and nothing of what is in it.
    pub(crate) fn headers(&self) -> Result<HashMap<String, String>> {
        let given = set(self.otel_exporter_otlp_headers.as_ref().map(Secret::expose)).unwrap_or_default();
        let fields = given.split(',').filter(|field| !field.trim().is_empty()).map(|field| {
            let (name, value) = field.split_once('=')?;
            let value = percent_decode_str(value.trim()).decode_utf8().ok()?;
            let fits = HeaderName::try_from(name.trim()).is_ok() && HeaderValue::try_from(&*value).is_ok();
            fits.then(|| (name.trim().to_owned(), value.into_owned()))
        });
        let fields = fields.collect::<Option<_>>();
        fields.context("OTEL_EXPORTER_OTLP_HEADERS must be name=value, comma-separated, with values percent-encoded")
    }

    /// # Errors
    /// As [`Self::headers`], or that there is no name.
    pub(super) fn check(&self) -> Result<()> {
        ensure!(!self.otel_service_name.is_empty(), "OTEL_SERVICE_NAME must be a name");
        self.headers().map(drop)
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Given {
        #[command(flatten)]
        traces: Traces,
    }

    fn headers(given: &str) -> Result<Vec<(String, String)>> {
        let given = Given::parse_from(["", "--otel-exporter-otlp-headers", given]);
        let mut headers: Vec<_> = given.traces.headers()?.into_iter().collect();
        headers.sort();
        Ok(headers)
    }

    #[test]
    fn header_fields_are_name_and_value() {
        let two = headers("authorization=Basic%20cGFzcw==, x-team = blue,").unwrap();

        let two: Vec<_> = two.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        assert_eq!(two, [("authorization", "Basic cGFzcw=="), ("x-team", "blue")]);
        assert!(headers("").unwrap().is_empty());
    }

    #[test]
    fn what_is_no_header_field_is_refused_and_not_quoted() {
        for bad in ["hunter2", "a b=hunter2", "a=hunter2%0Ab", "=hunter2"] {
            let refused = headers(bad).unwrap_err().to_string();
            assert!(refused.contains("OTEL_EXPORTER_OTLP_HEADERS") && !refused.contains("hunter2"), "{refused}");
        }
    }
}
