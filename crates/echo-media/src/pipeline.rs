//! From an upload to what Echo shows of it.

use std::{io, sync::Arc, time::Instant};

use async_trait::async_trait;
use bytes::Bytes;
use echo_domain::{
    Result,
    media::{Encoded, ImagePipeline, Processed, Purpose},
    workers::Workers,
};
use image::{ImageFormat, guess_format};

use crate::{
    animation, container,
    decode::{self, Picture},
    encode,
    figures::{self, Figures},
    limits::{self, Budget},
    resize, strip,
};

/// The widths of the narrower copies, in pixels. Each is made of images that are wider.
const WIDTHS: [u32; 3] = [1280, 640, 320];

/// The longest side of a profile's picture, in pixels.
const PROFILE_SIDE: u32 = 400;

/// Processes images on threads of its own, which give way to those that serve requests.
pub struct ImageThreads {
    workers: Workers<()>,
    figures: Arc<Figures>,
}

impl ImageThreads {
    /// Processes `threads` images at a time while up to `queue` more wait.
    ///
    /// # Errors
    /// When the system gives no more threads.
    pub fn new(threads: usize, queue: usize) -> io::Result<Self> {
        let workers = Workers::new("image processing", threads, queue, figures::of_queue(), || {
            // On Linux this is for the calling thread alone. A refusal costs latency under load, nothing else.
            let _ = rustix::process::nice(10);
        })?;
        Ok(Self { workers, figures: Arc::new(Figures::new()) })
    }
}

#[async_trait]
impl ImagePipeline for ImageThreads {
    async fn process(&self, upload: Bytes, purpose: Purpose) -> Result<Processed> {
        if upload.len() > limits::BYTES {
            return Err(limits::too_many_bytes());
        }
        let process = match purpose {
            Purpose::Post => for_post,
            Purpose::Profile => for_profile,
        };
        let figures = self.figures.clone();
        let measured = move |(): &mut ()| {
            let started = Instant::now();
            let processed = process(&upload, &Budget::start());
            figures.processed(&upload, started, &processed);
            processed
        };
        self.workers.run(measured).await?
    }
}

fn for_post(upload: &[u8], budget: &Budget) -> Result<Processed> {
    // What the bytes say they are decides, not a name or a header.
    let (picture, original) = match guess_format(upload) {
        Ok(ImageFormat::Jpeg) => jpeg(upload)?,
        Ok(ImageFormat::Png) => png(upload)?,
        Ok(ImageFormat::WebP) => webp(upload)?,
        Ok(ImageFormat::Gif) => animation::rewrite(upload, budget)?,
        _ => return Err(limits::unsupported()),
    };
    budget.check()?;
    let (width, height) = picture.size();
    let mut copies = resize::ladder(picture, &sizes_of_copies((width, height), &original))?;
    let blurhash = copies.pop().map(encode::blurhash).transpose()?.unwrap_or_default();
    let mut variants = Vec::new();
    for copy in copies.iter().rev() {
        budget.check()?;
        let narrower = copy.width() < width;
        let encoded = encode::webp(copy, if narrower { encode::COPY_QUALITY } else { encode::ORIGINAL_QUALITY })?;
        if narrower || encoded.bytes.len() < original.bytes.len() {
            variants.push((copy.width(), encoded));
        }
    }
    Ok(Processed { original, width, height, blurhash, variants })
}

fn jpeg(upload: &[u8]) -> Result<(Picture, Encoded)> {
    let picture = decode::jpeg(upload)?;
    let encoded = match picture.as_it_was.then(|| strip::jpeg(upload)).flatten() {
        Some(stripped) => stripped,
        None => encode::jpeg(&picture.pixels, picture.orientation)?,
    };
    Ok((picture, encoded))
}

fn png(upload: &[u8]) -> Result<(Picture, Encoded)> {
    let picture = decode::png(upload)?;
    let encoded = encode::png(&picture.pixels)?;
    Ok((picture, encoded))
}

fn webp(upload: &[u8]) -> Result<(Picture, Encoded)> {
    let file = container::check_webp(upload)?;
    let picture = decode::webp(file)?;
    let encoded = match picture.as_it_was.then(|| strip::webp(file)).flatten() {
        Some(stripped) => stripped,
        None => encode::webp(&picture.pixels, encode::ORIGINAL_QUALITY)?,
    };
    Ok((picture, encoded))
}

/// From the widest to the narrowest; at the end, what the blurhash is made of.
fn sizes_of_copies((width, height): (u32, u32), original: &Encoded) -> Vec<(u32, u32)> {
    // Of the same width, for those who take WebP instead of an older format.
    let same = matches!(original.extension, "jpg" | "png") && width <= WIDTHS[0] && height <= encode::WEBP_SIDE;
    let widths = same.then_some(width).into_iter().chain(WIDTHS.into_iter().filter(|narrower| *narrower < width));
    let size = |narrower| {
        let lower = u64::from(height) * u64::from(narrower) / u64::from(width);
        (narrower, u32::try_from(lower.max(1)).unwrap_or(u32::MAX))
    };
    widths.map(size).chain([encode::BLURHASH_SIZE]).collect()
}

fn for_profile(upload: &[u8], budget: &Budget) -> Result<Processed> {
    let format = guess_format(upload);
    let picture = match format {
        Ok(ImageFormat::Jpeg) => decode::jpeg(upload)?,
        Ok(ImageFormat::Png) => decode::png(upload)?,
        Ok(ImageFormat::WebP) => decode::webp(container::check_webp(upload)?)?,
        Ok(ImageFormat::Gif) => animation::rewrite(upload, budget)?.0,
        _ => return Err(limits::unsupported()),
    };
    budget.check()?;
    let square = Picture::upright(resize::square(picture, PROFILE_SIDE)?);
    let original = match format {
        Ok(ImageFormat::Jpeg) => encode::jpeg(&square.pixels, square.orientation)?,
        Ok(ImageFormat::WebP) => encode::webp(&square.pixels, encode::ORIGINAL_QUALITY)?,
        // A GIF is a still image now, with as few colours as before.
        _ => encode::png(&square.pixels)?,
    };
    let (width, height) = square.size();
    let tiny = resize::ladder(square, &[encode::BLURHASH_SIZE])?.pop();
    let blurhash = tiny.map(encode::blurhash).transpose()?.unwrap_or_default();
    Ok(Processed { original, width, height, blurhash, variants: Vec::new() })
}
