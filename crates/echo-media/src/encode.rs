//! Pixels, back into files: with nothing in them but the picture.

use std::io::Cursor;

use echo_domain::{Error, Result, media::Encoded};
use image::{
    DynamicImage,
    codecs::png::{CompressionType, FilterType, PngEncoder},
    metadata::Orientation,
};
use webp::{Encoder, PixelLayout};

use crate::{limits, turn::Upright};

/// Of lossy WebP: where the difference to the upload stops to be seen.
pub(crate) const ORIGINAL_QUALITY: f32 = 85.0;
/// Of lossy WebP: where a copy is small and still fine.
pub(crate) const COPY_QUALITY: f32 = 80.0;
const JPEG_QUALITY: u8 = 88;

/// The longest side of a WebP, in pixels. RFC 9649 §2.
pub(crate) const WEBP_SIDE: u32 = 16_383;

/// How long the sides are of what a blurhash is made of: it knows only the lowest frequencies.
pub(crate) const BLURHASH_SIZE: (u32, u32) = (32, 32);

/// Of RGB, turned upright.
pub(crate) fn jpeg(image: &DynamicImage, orientation: Orientation) -> Result<Encoded> {
    let pixels = image.as_rgb8().ok_or_else(|| Error::internal("what was a JPEG is not RGB"))?;
    let upright = Upright::new(pixels, orientation).ok_or_else(limits::too_many_pixels)?;
    let mut bytes = Vec::new();
    jpeg_encoder::Encoder::new(&mut bytes, JPEG_QUALITY).encode_image(upright).map_err(Error::internal)?;
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
/// [`Error::TooLarge`] when a side is longer than [`WEBP_SIDE`].
pub(crate) fn webp(image: &DynamicImage, quality: f32) -> Result<Encoded> {
    let layout = if image.color().has_alpha() { PixelLayout::Rgba } else { PixelLayout::Rgb };
    let encoder = Encoder::new(image.as_bytes(), layout, image.width(), image.height());
    let bytes = encoder.encode_simple(false, quality).map_err(|_| limits::too_many_pixels())?;
    Ok(Encoded { bytes: bytes.to_vec().into(), extension: "webp" })
}

/// Of an image of [`BLURHASH_SIZE`], with 4 by 3 components.
pub(crate) fn blurhash(image: DynamicImage) -> Result<String> {
    let (width, height) = BLURHASH_SIZE;
    blurhash::encode(4, 3, width, height, &image.into_rgba8()).map_err(Error::internal)
}
