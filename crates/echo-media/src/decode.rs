//! Still images, from their files to upright pixels in sRGB.

use std::io::Cursor;

use echo_domain::{Error, Result};
use image::{
    DynamicImage, ImageDecoder, ImageError, Limits,
    codecs::{jpeg::JpegDecoder, png::PngDecoder, webp::WebPDecoder},
    metadata::Orientation,
};

use crate::{colour, container, limits};

/// # Errors
/// All of this file's functions: [`Error::TooLarge`] and [`Error::Unsupported`].
pub(crate) fn jpeg(bytes: &[u8]) -> Result<DynamicImage> {
    if !container::jpeg_is_sound(bytes) {
        return Err(limits::unsupported());
    }
    decode(JpegDecoder::new(Cursor::new(bytes)).map_err(refused)?)
}

pub(crate) fn png(bytes: &[u8]) -> Result<DynamicImage> {
    decode(PngDecoder::with_limits(Cursor::new(bytes), decoder_limits()).map_err(refused)?)
}

/// The first frame, when it is animated.
pub(crate) fn webp(bytes: &[u8]) -> Result<DynamicImage> {
    container::check_webp(bytes)?;
    decode(WebPDecoder::new(Cursor::new(bytes)).map_err(refused)?)
}

fn decode(mut decoder: impl ImageDecoder) -> Result<DynamicImage> {
    let (width, height) = decoder.dimensions();
    limits::check_size(width, height)?;
    if decoder.total_bytes() > limits::MEMORY {
        return Err(limits::too_many_pixels());
    }
    decoder.set_limits(decoder_limits()).map_err(refused)?;
    // Metadata that cannot be read is no reason to refuse the pixels.
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    let profile = decoder.icc_profile().unwrap_or_default();
    let image = DynamicImage::from_decoder(decoder).map_err(refused)?;
    let mut image = colour::to_srgb(image, profile.as_deref());
    image.apply_orientation(orientation);
    Ok(image)
}

fn decoder_limits() -> Limits {
    let mut decoder_limits = Limits::default();
    decoder_limits.max_image_width = Some(limits::SIDE);
    decoder_limits.max_image_height = Some(limits::SIDE);
    decoder_limits.max_alloc = Some(limits::MEMORY);
    decoder_limits
}

fn refused(error: ImageError) -> Error {
    match error {
        ImageError::Limits(_) => limits::too_many_pixels(),
        _ => limits::unsupported(),
    }
}
