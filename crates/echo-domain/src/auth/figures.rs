//! Who comes and goes.

use metrics::Counter;

use crate::{
    Error, Result,
    metric::{Declared, Metric, NONE},
};

static OPENED: Metric<0> = Metric::counter("echo_sessions_opened_total", [], "Sessions opened, each by signing in.");
static REFRESHED: Metric<0> =
    Metric::counter("echo_sessions_refreshed_total", [], "Sessions that went on by a refresh token.");
static ENDED: Metric<1> = Metric::counter(
    "echo_sessions_ended_total",
    ["how"],
    "Sessions ended by signing out (logout), out of the list of sessions (chosen), with another password (password), as \
     a refresh token was used twice (stolen) or with the account (deleted). Those that expired are not among them.",
);
static REFUSED: Metric<1> = Metric::counter(
    "echo_logins_refused_total",
    ["reason"],
    "Sign-ins refused for a wrong login or password (wrong), a suspended account (suspended), or since there was no \
     answer in time (unavailable), as when too many sign in at once.",
);

/// What is measured of sessions.
pub const METRICS: [Declared; 4] = [OPENED.declared(), REFRESHED.declared(), ENDED.declared(), REFUSED.declared()];

/// What the auth area counts.
pub(super) struct Figures {
    opened: Counter,
    pub(super) refreshed: Counter,
    pub(super) ended_by_logout: Counter,
    pub(super) ended_by_choice: Counter,
    pub(super) ended_by_password: Counter,
    pub(super) ended_as_stolen: Counter,
    pub(super) ended_with_account: Counter,
    wrong: Counter,
    suspended: Counter,
    unavailable: Counter,
}

impl Default for Figures {
    fn default() -> Self {
        Self {
            opened: OPENED.count(NONE),
            refreshed: REFRESHED.count(NONE),
            ended_by_logout: ENDED.count(["logout"]),
            ended_by_choice: ENDED.count(["chosen"]),
            ended_by_password: ENDED.count(["password"]),
            ended_as_stolen: ENDED.count(["stolen"]),
            ended_with_account: ENDED.count(["deleted"]),
            wrong: REFUSED.count(["wrong"]),
            suspended: REFUSED.count(["suspended"]),
            unavailable: REFUSED.count(["unavailable"]),
        }
    }
}

impl Figures {
    pub(super) fn signed_in<T>(&self, outcome: &Result<T>) {
        let count = match outcome {
            Ok(_) => &self.opened,
            Err(Error::Unauthenticated(_)) => &self.wrong,
            Err(Error::Forbidden(_)) => &self.suspended,
            Err(Error::Unavailable { .. }) => &self.unavailable,
            // Ours: among the requests that failed.
            Err(_) => return,
        };
        count.increment(1);
    }
}
