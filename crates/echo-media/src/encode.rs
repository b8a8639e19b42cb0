//! Pixels, back into files: with nothing in them but the picture.

use std::io::Cursor;

use echo_domain::{Error, Result, media::Encoded};
use fast_image_resize::{
    PixelType, ResizeOptions, Resizer,
    images::{Image, ImageRef},
};
use image::{
    DynamicImage,
    codecs::{
        jpeg::JpegEncoder,
        png::{CompressionType, FilterType, PngEncoder},
    },
};
use webp::{Encoder, PixelLayout};

use crate::limits;

/// Of lossy WebP: where the difference to the upload stops to be seen.
pub(crate) const ORIGINAL_QUALITY: f32 = 85.0;
const VARIANT_QUALITY: f32 = 80.0;
const JPEG_QUALITY: u8 = 88;

/// A blurhash knows only the lowest frequencies; a square of so many pixels holds more than these.
const BLURHASH_SIDE: u32 = 32;

pub(crate) fn jpeg(image: &DynamicImage) -> Result<Encoded> {
    let mut bytes = Vec::new();
    JpegEncoder::new_with_quality(&mut bytes, JPEG_QUALITY).encode_image(image).map_err(Error::internal)?;
    Ok(Encoded { bytes: bytes.into(), extension: "jpg" })
}

/// From here on, files get a few per cent smaller and take several times as long.
const PNG_EFFORT: CompressionType = CompressionType::Level(4);

pub(crate) fn png(image: &DynamicImage) -> Result<Encoded> {
    let mut bytes = Cursor::new(Vec::new());
    let encoder = PngEncoder::new_with_quality(&mut bytes, PNG_EFFORT, FilterType::Adaptive);
    image.write_with_encoder(encoder).map_err(Error::internal)?;
    Ok(Encoded { bytes: bytes.into_inner().into(), extension: "png" })
}

/// # Errors
/// [`Error::TooLarge`] when a side is longer than WebP's 16,383.
pub(crate) fn webp(image: &DynamicImage, quality: f32) -> Result<Encoded> {
    let layout = if image.color().has_alpha() { PixelLayout::Rgba } else { PixelLayout::Rgb };
    let encoder = Encoder::new(image.as_bytes(), layout, image.width(), image.height());
    let bytes = encoder.encode_simple(false, quality).map_err(|_| limits::too_many_pixels())?;
    Ok(Encoded { bytes: bytes.to_vec().into(), extension: "webp" })
}

/// A copy of this width, with the height that goes with it.
pub(crate) fn variant(image: &DynamicImage, width: u32) -> Result<Encoded> {
    let height = u64::from(image.height()) * u64::from(width) / u64::from(image.width());
    let height = u32::try_from(height.max(1)).unwrap_or(u32::MAX);
    webp(&resize(image, width, height)?, VARIANT_QUALITY)
}

/// With 4 by 3 components.
pub(crate) fn blurhash(image: &DynamicImage) -> Result<String> {
    let small = resize(image, BLURHASH_SIDE, BLURHASH_SIDE)?.into_rgba8();
    blurhash::encode(4, 3, BLURHASH_SIDE, BLURHASH_SIDE, &small).map_err(Error::internal)
}

fn resize(image: &DynamicImage, width: u32, height: u32) -> Result<DynamicImage> {
    let alpha = image.color().has_alpha();
    let kind = if alpha { PixelType::U8x4 } else { PixelType::U8x3 };
    let source = ImageRef::new(image.width(), image.height(), image.as_bytes(), kind).map_err(Error::internal)?;
    let mut resized = Image::new(width, height, kind);
    Resizer::new().resize(&source, &mut resized, &ResizeOptions::new()).map_err(Error::internal)?;
    let pixels = resized.into_vec();
    let resized = if alpha {
        image::RgbaImage::from_raw(width, height, pixels).map(DynamicImage::from)
    } else {
        image::RgbImage::from_raw(width, height, pixels).map(DynamicImage::from)
    };
    resized.ok_or_else(|| Error::internal("a resized image is not of the size asked for"))
}
