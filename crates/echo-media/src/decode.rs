//! Still images, from their files to pixels in sRGB.

use std::io::Cursor;

use echo_domain::{Error, Result};
use image::{
    DynamicImage, GrayAlphaImage, GrayImage, ImageDecoder, ImageError, Limits, RgbImage, RgbaImage,
    codecs::{jpeg::JpegDecoder, webp::WebPDecoder},
    metadata::Orientation,
};
use png::{ColorType, Decoder, DecodingError, OutputInfo, Transformations};

use crate::{colour, container, limits, turn};

/// What a file shows.
pub(crate) struct Picture {
    /// With 8 bits a channel, as RGB or RGBA, in sRGB.
    pub(crate) pixels: DynamicImage,
    /// How to turn them. Whoever makes something of the picture does it on the way: a large one has no room for a copy.
    pub(crate) orientation: Orientation,
    /// Whether the pixels are the file's own, upright and with their own colours.
    pub(crate) as_it_was: bool,
}

impl Picture {
    /// Of pixels that are as they are to be shown.
    pub(crate) const fn upright(pixels: DynamicImage) -> Self {
        Self { pixels, orientation: Orientation::NoTransforms, as_it_was: false }
    }

    fn new(pixels: DynamicImage, profile: Option<&[u8]>, orientation: Orientation) -> Self {
        let (pixels, changed) = colour::to_srgb(pixels, profile);
        Self { pixels, orientation, as_it_was: !changed && orientation == Orientation::NoTransforms }
    }

    /// In pixels, as it is shown.
    pub(crate) fn size(&self) -> (u32, u32) {
        turn::size(self.orientation, (self.pixels.width(), self.pixels.height()))
    }

    fn turned(mut self) -> Self {
        self.pixels.apply_orientation(self.orientation);
        self.orientation = Orientation::NoTransforms;
        self
    }
}

/// # Errors
/// All of this file's functions: [`Error::TooLarge`] and [`Error::Unsupported`].
pub(crate) fn jpeg(bytes: &[u8]) -> Result<Picture> {
    if !container::jpeg_is_sound(bytes) {
        return Err(limits::unsupported());
    }
    decode(JpegDecoder::new(Cursor::new(bytes)).map_err(refused)?)
}

/// The first frame, when it is animated. `file` is what [`container::check_webp`] gave.
pub(crate) fn webp(file: &[u8]) -> Result<Picture> {
    Ok(decode(WebPDecoder::new(Cursor::new(file)).map_err(refused)?)?.turned())
}

fn decode(mut decoder: impl ImageDecoder) -> Result<Picture> {
    let (width, height) = decoder.dimensions();
    limits::check_size(width, height)?;
    decoder.set_limits(decoder_limits()).map_err(refused)?;
    // Metadata that cannot be read is no reason to refuse the pixels.
    let orientation = orientation(decoder.exif_metadata().unwrap_or_default().as_deref());
    let profile = decoder.icc_profile().unwrap_or_default();
    let pixels = DynamicImage::from_decoder(decoder).map_err(refused)?;
    Ok(Picture::new(pixels, profile.as_deref(), orientation))
}

/// Some write EXIF to a WebP or PNG with the header that only a JPEG has before it.
fn orientation(exif: Option<&[u8]>) -> Orientation {
    let exif = exif.map(|exif| exif.strip_prefix(b"Exif\0\0").unwrap_or(exif));
    exif.and_then(Orientation::from_exif_chunk).unwrap_or(Orientation::NoTransforms)
}

fn decoder_limits() -> Limits {
    let mut decoder_limits = Limits::default();
    decoder_limits.max_image_width = Some(limits::SIDE);
    decoder_limits.max_image_height = Some(limits::SIDE);
    decoder_limits.max_alloc = Some(limits::MEMORY);
    decoder_limits
}

/// The first frame, when it is animated. Not by the `image` crate, which would have 16 bits a channel in memory first.
pub(crate) fn png(bytes: &[u8]) -> Result<Picture> {
    if !container::png_is_sound(bytes) {
        return Err(limits::unsupported());
    }
    let mut decoder = Decoder::new_with_limits(Cursor::new(bytes), png::Limits { bytes: limits::METADATA });
    decoder.set_ignore_text_chunk(true);
    decoder.set_transformations(Transformations::normalize_to_color8());
    let header = decoder.read_header_info().map_err(refused_png)?;
    limits::check_size(header.width, header.height)?;
    let mut reader = decoder.read_info().map_err(refused_png)?;
    let mut pixels = vec![0; reader.output_buffer_size().ok_or_else(limits::too_many_pixels)?];
    let told = reader.next_frame(&mut pixels).map_err(refused_png)?;
    // What is said of the picture may come after it; if it cannot be read, the picture can.
    let _ = reader.finish();
    let orientation = orientation(reader.info().exif_metadata.as_deref());
    let pixels = png_pixels(&told, pixels).ok_or_else(limits::unsupported)?;
    Ok(Picture::new(pixels, reader.info().icc_profile.as_deref(), orientation).turned())
}

fn png_pixels(told: &OutputInfo, pixels: Vec<u8>) -> Option<DynamicImage> {
    let (width, height) = (told.width, told.height);
    match told.color_type {
        ColorType::Grayscale => GrayImage::from_raw(width, height, pixels).map(Into::into),
        ColorType::GrayscaleAlpha => GrayAlphaImage::from_raw(width, height, pixels).map(Into::into),
        ColorType::Rgb => RgbImage::from_raw(width, height, pixels).map(Into::into),
        ColorType::Rgba => RgbaImage::from_raw(width, height, pixels).map(Into::into),
        // The decoder has looked its colours up.
        ColorType::Indexed => None,
    }
}

fn refused(error: ImageError) -> Error {
    match error {
        ImageError::Limits(_) => limits::too_many_pixels(),
        _ => limits::unsupported(),
    }
}

fn refused_png(error: DecodingError) -> Error {
    match error {
        DecodingError::LimitsExceeded => limits::too_much_metadata(),
        _ => limits::unsupported(),
    }
}
