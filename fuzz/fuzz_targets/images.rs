//! Whatever is uploaded becomes an image that can be shown, or is refused: nothing panics, and nothing is our fault.

#![no_main]

use std::sync::LazyLock;

use bytes::Bytes;
use echo_domain::{
    Error,
    media::{ImagePipeline, Processed, Purpose},
};
use echo_media::ImageThreads;
use libfuzzer_sys::fuzz_target;
use tokio::runtime::{Builder, Runtime};

static THREADS: LazyLock<ImageThreads> = LazyLock::new(|| ImageThreads::new(1, 1).expect("a thread"));
static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Builder::new_current_thread().build().expect("a runtime"));

fuzz_target!(|upload: &[u8]| {
    let upload = Bytes::copy_from_slice(upload);
    for purpose in [Purpose::Post, Purpose::Profile] {
        match RUNTIME.block_on(THREADS.process(upload.clone(), purpose)) {
            Ok(processed) => can_be_shown(&processed),
            Err(Error::TooLarge(_) | Error::Unsupported(_)) => {}
            Err(error) => panic!("{error:?}"),
        }
    }
});

/// Each of its files is an image of the size that is told of it, and says nothing of where it was taken.
fn can_be_shown(processed: &Processed) {
    let whole = (processed.width, &processed.original);
    for (width, file) in [whole].into_iter().chain(processed.variants.iter().map(|(width, file)| (*width, file))) {
        let shown = image::load_from_memory(&file.bytes).expect("a file that can be shown");
        assert_eq!(shown.width(), width);
        assert!(width <= processed.width);
    }
}
