//! How the pipeline fares.

use std::time::Instant;

use echo_domain::{
    Error, Result,
    media::Processed,
    metric::{Metric, NONE},
    workers::QueueFigures,
};
use metrics::{Counter, Histogram};

pub(crate) static SECONDS: Metric<1> = Metric::seconds(
    "echo_image_seconds",
    ["outcome"],
    "How long an image took from its upload to all of its copies, without the wait for a thread.",
);
pub(crate) static WAITING: Metric<0> =
    Metric::gauge("echo_image_queue", [], "Images that wait for a thread to work on them.");
pub(crate) static REFUSED: Metric<0> =
    Metric::counter("echo_image_queue_refused_total", [], "Images that were refused at once since too many waited.");
pub(crate) static BYTES: Metric<1> =
    Metric::counter("echo_image_bytes_total", ["way"], "Bytes of images taken in, and of what was made of them.");

/// The figures of the pipeline.
pub(crate) struct Figures {
    made: Histogram,
    refused: Histogram,
    failed: Histogram,
    taken_in: Counter,
    given_out: Counter,
}

impl Figures {
    pub(crate) fn new() -> Self {
        let [made, refused, failed] = ["ok", "refused", "failed"].map(|outcome| SECONDS.spread([outcome]));
        let [taken_in, given_out] = ["in", "out"].map(|way| BYTES.count([way]));
        Self { made, refused, failed, taken_in, given_out }
    }

    pub(crate) fn processed(&self, upload: &[u8], started: Instant, result: &Result<Processed>) {
        let seconds = match result {
            Ok(_) => &self.made,
            Err(Error::Internal(_)) => &self.failed,
            Err(_) => &self.refused,
        };
        seconds.record(started.elapsed());
        self.taken_in.increment(upload.len() as u64);
        if let Ok(Processed { original, variants, .. }) = result {
            let copies: usize = variants.iter().map(|(_, copy)| copy.bytes.len()).sum();
            self.given_out.increment((original.bytes.len() + copies) as u64);
        }
    }
}

pub(crate) fn of_queue() -> QueueFigures {
    QueueFigures { waiting: WAITING.level(NONE), refused: REFUSED.count(NONE) }
}
