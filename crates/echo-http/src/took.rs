//! How long requests took, by route, method and status.

use std::{
    collections::HashMap,
    sync::{PoisonError, RwLock},
    time::Duration,
};

use axum::http::{Method, StatusCode};
use echo_domain::metric::Metric;
use metrics::Histogram;

pub(crate) static REQUEST_SECONDS: Metric<3> = Metric::seconds(
    "echo_http_request_seconds",
    ["route", "method", "status"],
    "How long requests took until their reply began; `none` is a route that there is not.",
);

/// The histograms in use: to name one anew for every request would make and hash its labels each time.
#[derive(Default)]
pub(crate) struct Took(RwLock<HashMap<String, Vec<OfRoute>>>);

struct OfRoute {
    method: &'static str,
    status: StatusCode,
    seconds: Histogram,
}

impl Took {
    pub(crate) fn note(&self, route: &str, method: &Method, status: StatusCode, took: Duration) {
        let method = label(method);
        if !self.known(route, method, status, took) {
            let labels = [route.to_owned(), method.to_owned(), status.as_str().to_owned()];
            let seconds = REQUEST_SECONDS.spread(labels);
            seconds.record(took);
            let mut routes = self.0.write().unwrap_or_else(PoisonError::into_inner);
            let all = routes.entry(route.to_owned()).or_default();
            // Another request may have been as quick.
            if find(all, method, status).is_none() {
                all.push(OfRoute { method, status, seconds });
            }
        }
    }

    fn known(&self, route: &str, method: &'static str, status: StatusCode, took: Duration) -> bool {
        let routes = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let all = routes.get(route).map(Vec::as_slice).unwrap_or_default();
        find(all, method, status).inspect(|known| known.seconds.record(took)).is_some()
    }
}

fn find<'a>(all: &'a [OfRoute], method: &'static str, status: StatusCode) -> Option<&'a OfRoute> {
    all.iter().find(|known| known.method == method && known.status == status)
}

/// Clients may make methods up; the figures have a closed set of them.
pub(crate) fn label(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}
