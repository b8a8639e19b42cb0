//! How the pools of connections fare.

use echo_domain::metric::Metric;
use mongodb::{
    event::{EventHandler, cmap::CmapEvent},
    options::ClientOptions,
};

pub(crate) static CONNECTIONS: Metric<1> = Metric::gauge(
    "echo_mongo_connections",
    ["state"],
    "Connections to MongoDB: all that are open, and those of them that are in use.",
);
pub(crate) static CHECKOUT_SECONDS: Metric<1> = Metric::seconds(
    "echo_mongo_checkout_seconds",
    ["outcome"],
    "How long calls waited for a connection to MongoDB, and whether they got one.",
);

/// Measures the connections of a client with these options.
pub(crate) fn measure(options: &mut ClientOptions) {
    let [open, in_use] = ["open", "in_use"].map(|state| CONNECTIONS.level([state]));
    let [got, failed] = ["ok", "failed"].map(|outcome| CHECKOUT_SECONDS.spread([outcome]));
    options.cmap_event_handler = Some(EventHandler::callback(move |event| match event {
        CmapEvent::ConnectionCreated(_) => open.increment(1),
        CmapEvent::ConnectionClosed(_) => open.decrement(1),
        CmapEvent::ConnectionCheckedOut(checkout) => {
            in_use.increment(1);
            got.record(checkout.duration);
        }
        CmapEvent::ConnectionCheckedIn(_) => in_use.decrement(1),
        CmapEvent::ConnectionCheckoutFailed(checkout) => failed.record(checkout.duration),
        _ => {}
    }));
}
