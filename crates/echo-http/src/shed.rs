//! Requests that are turned away for want of room or time, by what there was too little of.

use echo_domain::{Error, metric::Metric};

use crate::error::ApiError;

pub(crate) static SHED: Metric<1> = Metric::counter(
    "echo_http_requests_shed_total",
    ["reason"],
    "Requests turned away: `running` too many at once, `bodies` no memory for what they sent, `deadline` not answered in \
     time, `rate_limit` too many by one caller, `unavailable` what they need is gone or has a full queue.",
);

const REASONS: [&str; 5] = [RUNNING, BODIES, "deadline", "rate_limit", "unavailable"];
pub(crate) const RUNNING: &str = "running";
pub(crate) const BODIES: &str = "bodies";

/// Nothing was turned away yet: told as 0, so that the first is seen to be one more.
pub(crate) fn begin() {
    for reason in REASONS {
        SHED.count([reason]).increment(0);
    }
}

/// Counts it if the request was turned away with this.
pub(crate) fn note(error: &ApiError) {
    let reason = match error {
        ApiError::Overloaded { reason } => reason,
        ApiError::Timeout => "deadline",
        ApiError::RateLimited { .. } => "rate_limit",
        ApiError::Domain(Error::Unavailable { .. }) => "unavailable",
        _ => return,
    };
    SHED.count([reason]).increment(1);
}
