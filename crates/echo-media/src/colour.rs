//! Colours as sRGB, which is what an image without a profile is taken for.

use image::{ColorType, DynamicImage};
use moxcms::{ColorProfile, Layout, TransformOptions};

/// The image with 8 bits a channel, as RGB or RGBA, in sRGB. A profile that cannot be used is ignored.
pub(crate) fn to_srgb(image: DynamicImage, profile: Option<&[u8]>) -> DynamicImage {
    let image = to_8_bits(image);
    let converted = profile.and_then(|profile| convert(&image, profile));
    let image = converted.unwrap_or(image);
    if image.color().has_alpha() { image.into_rgba8().into() } else { image.into_rgb8().into() }
}

fn to_8_bits(image: DynamicImage) -> DynamicImage {
    match image.color() {
        ColorType::L16 => image.into_luma8().into(),
        ColorType::La16 => image.into_luma_alpha8().into(),
        ColorType::Rgb16 | ColorType::Rgb32F => image.into_rgb8().into(),
        ColorType::Rgba16 | ColorType::Rgba32F => image.into_rgba8().into(),
        _ => image,
    }
}

/// `None` when the profile is damaged, or not for this kind of pixels: that of a CMYK image, which the decoder has
/// made RGB by then, for example.
fn convert(image: &DynamicImage, profile: &[u8]) -> Option<DynamicImage> {
    let (from, to, mut converted) = match image.color() {
        ColorType::L8 => (Layout::Gray, Layout::Rgb, DynamicImage::new_rgb8(image.width(), image.height())),
        ColorType::La8 => (Layout::GrayAlpha, Layout::Rgba, DynamicImage::new_rgba8(image.width(), image.height())),
        ColorType::Rgb8 => (Layout::Rgb, Layout::Rgb, DynamicImage::new_rgb8(image.width(), image.height())),
        _ => (Layout::Rgba, Layout::Rgba, DynamicImage::new_rgba8(image.width(), image.height())),
    };
    let profile = ColorProfile::new_from_slice(profile).ok()?;
    let srgb = ColorProfile::new_srgb();
    let transform = profile.create_transform_8bit(from, &srgb, to, TransformOptions::default()).ok()?;
    let pixels: &mut [u8] = match &mut converted {
        DynamicImage::ImageRgb8(pixels) => pixels,
        DynamicImage::ImageRgba8(pixels) => pixels,
        _ => return None,
    };
    transform.transform(image.as_bytes(), pixels).ok()?;
    Some(converted)
}
