//! What becomes of uploads, good and bad.

#![expect(clippy::unwrap_used, reason = "these are tests")]

mod animations;
mod figures;
mod hidden;
mod hostile;
mod photographs;
mod profiles;
mod samples;
mod stills;

use std::io::Cursor;

use bytes::Bytes;
use echo_domain::{
    Error, Result,
    media::{ImagePipeline, Processed, Purpose},
};
use echo_media::ImageThreads;
use image::{DynamicImage, ImageFormat, Rgb, RgbImage, RgbaImage};

const RED: [u8; 3] = [220, 30, 40];
const BLUE: [u8; 3] = [20, 60, 200];

async fn process(upload: impl Into<Bytes>) -> Result<Processed> {
    ImageThreads::new(1, 1).unwrap().process(upload.into(), Purpose::Post).await
}

async fn process_for_profile(upload: impl Into<Bytes>) -> Result<Processed> {
    ImageThreads::new(1, 1).unwrap().process(upload.into(), Purpose::Profile).await
}

fn widths(processed: &Processed) -> Vec<u32> {
    processed.variants.iter().map(|(width, _)| *width).collect()
}

/// Red on the left half, blue on the right.
fn halves(width: u32, height: u32) -> DynamicImage {
    RgbImage::from_fn(width, height, |x, _| Rgb(if x < width / 2 { RED } else { BLUE })).into()
}

/// Noise, so that it does not compress to nothing.
fn noise(width: u32, height: u32) -> DynamicImage {
    let noise = |x: u32, y: u32| (x.wrapping_mul(2_654_435_761) ^ y.wrapping_mul(40_503)).to_le_bytes();
    RgbImage::from_fn(width, height, |x, y| Rgb([noise(x, y)[1], noise(y, x)[2], noise(x + y, x)[1]])).into()
}

fn encoded(image: &DynamicImage, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    image.write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

fn decoded(bytes: &[u8]) -> RgbaImage {
    image::load_from_memory(bytes).unwrap().into_rgba8()
}

#[track_caller]
fn assert_near(image: &RgbaImage, (x, y): (u32, u32), [r, g, b]: [u8; 3]) {
    let [r2, g2, b2, alpha] = image.get_pixel(x, y).0;
    let near = r.abs_diff(r2) < 12 && g.abs_diff(g2) < 12 && b.abs_diff(b2) < 12;
    assert!(near && alpha == 255, "{:?} at {x},{y}, not {:?}", [r2, g2, b2, alpha], [r, g, b]);
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    memchr::memmem::find(bytes, part).is_some()
}

/// Whether the upload was refused as no image, or a damaged one.
fn is_unsupported(outcome: &Result<Processed>) -> bool {
    matches!(outcome, Err(Error::Unsupported(error)) if error.field == "file" && error.message.contains("JPEG"))
}

fn is_too_large(outcome: &Result<Processed>) -> bool {
    matches!(outcome, Err(Error::TooLarge(error)) if error.field == "file")
}
