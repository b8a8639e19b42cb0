//! From an upload to what Echo shows of it.

use std::io;

use async_trait::async_trait;
use bytes::Bytes;
use echo_domain::{
    Result,
    media::{Encoded, ImagePipeline, Processed},
    workers::Workers,
};
use image::{DynamicImage, ImageFormat, guess_format};

use crate::{animation, decode, encode, limits};

/// The widths of the smaller copies, in pixels. Each is made of images that are wider.
const VARIANT_WIDTHS: [u32; 1] = [640];

/// Processes images on threads of its own, which give way to those that serve requests.
pub struct ImageThreads {
    workers: Workers<()>,
}

impl ImageThreads {
    /// Processes `threads` images at a time while up to `queue` more wait.
    ///
    /// An image of 40 megapixels takes up to half a gibibyte while it is encoded; most take a few mebibytes.
    ///
    /// # Errors
    /// When the system gives no more threads.
    pub fn new(threads: usize, queue: usize) -> io::Result<Self> {
        let workers = Workers::new("image processing", threads, queue, || {
            // On Linux this is for the calling thread alone. A refusal costs latency under load, nothing else.
            let _ = rustix::process::nice(10);
        })?;
        Ok(Self { workers })
    }
}

#[async_trait]
impl ImagePipeline for ImageThreads {
    async fn process(&self, upload: Bytes) -> Result<Processed> {
        if upload.len() > limits::BYTES {
            return Err(limits::too_many_bytes());
        }
        self.workers.run(move |()| process(&upload)).await?
    }
}

/// What the bytes say they are decides, not a name or a header.
fn process(upload: &[u8]) -> Result<Processed> {
    let (image, original) = match guess_format(upload) {
        Ok(ImageFormat::Jpeg) => with(decode::jpeg(upload)?, encode::jpeg)?,
        Ok(ImageFormat::Png) => with(decode::png(upload)?, encode::png)?,
        Ok(ImageFormat::WebP) => with(decode::webp(upload)?, |image| encode::webp(image, encode::ORIGINAL_QUALITY))?,
        Ok(ImageFormat::Gif) => animation::rewrite(upload)?,
        _ => return Err(limits::unsupported()),
    };
    Ok(Processed {
        original,
        width: image.width(),
        height: image.height(),
        blurhash: encode::blurhash(&image)?,
        variants: variants(&image)?,
    })
}

fn with(image: DynamicImage, encode: impl FnOnce(&DynamicImage) -> Result<Encoded>) -> Result<(DynamicImage, Encoded)> {
    let encoded = encode(&image)?;
    Ok((image, encoded))
}

fn variants(image: &DynamicImage) -> Result<Vec<(u32, Encoded)>> {
    let narrower = VARIANT_WIDTHS.into_iter().filter(|width| *width < image.width());
    narrower.map(|width| Ok((width, encode::variant(image, width)?))).collect()
}
