//! Colours as sRGB, which is what an image without a profile is taken for.

use image::{ColorType, DynamicImage};
use moxcms::{ColorProfile, Layout, Transform8BitExecutor, TransformOptions};

/// How far a profile's colours may be from sRGB's, in levels, and still be the same: its curves are rounded.
const ROUNDING: u8 = 2;

/// The image with 8 bits a channel, as RGB or RGBA, in sRGB; and whether its colours changed on the way. A profile that
/// cannot be used is ignored: it is damaged, or not for this kind of pixels, as that of a CMYK image, which the decoder
/// has made RGB by then.
pub(crate) fn to_srgb(image: DynamicImage, profile: Option<&[u8]>) -> (DynamicImage, bool) {
    let profile = profile.and_then(|profile| ColorProfile::new_from_slice(profile).ok());
    match image {
        DynamicImage::ImageRgb8(mut pixels) => {
            let row = pixels.width() as usize * 3;
            let changed = profile.is_some_and(|profile| convert(&mut pixels, row, Layout::Rgb, &profile));
            (pixels.into(), changed)
        }
        DynamicImage::ImageRgba8(mut pixels) => {
            let row = pixels.width() as usize * 4;
            let changed = profile.is_some_and(|profile| convert(&mut pixels, row, Layout::Rgba, &profile));
            (pixels.into(), changed)
        }
        grey => match profile.and_then(|profile| convert_grey(&grey, &profile)) {
            Some(converted) => (converted, true),
            None if grey.color().has_alpha() => (grey.into_rgba8().into(), false),
            None => (grey.into_rgb8().into(), false),
        },
    }
}

/// Row by row where they are, so that a large image is not in memory twice. Whether anything changed.
fn convert(pixels: &mut [u8], row: usize, layout: Layout, profile: &ColorProfile) -> bool {
    let Some(transform) = transform(profile, layout, layout) else { return false };
    if changes_nothing(&*transform, layout) {
        return false;
    }
    let mut before = vec![0; row];
    for row in pixels.chunks_exact_mut(row) {
        before.copy_from_slice(row);
        // It only refuses lengths that do not go with the layout.
        let _ = transform.transform(&before, row);
    }
    true
}

/// Most profiles say sRGB in their own words.
fn changes_nothing(transform: &Transform8BitExecutor, layout: Layout) -> bool {
    let levels = || (0..=255).step_by(15);
    let colours = levels().flat_map(|r| levels().flat_map(move |g| levels().map(move |b| [r, g, b, 255])));
    let channels = if layout == Layout::Rgba { 4 } else { 3 };
    let before: Vec<u8> = colours.flat_map(|colour| colour.into_iter().take(channels)).collect();
    let mut after = vec![0; before.len()];
    transform.transform(&before, &mut after).is_ok()
        && before.iter().zip(&after).all(|(before, after)| before.abs_diff(*after) <= ROUNDING)
}

fn convert_grey(image: &DynamicImage, profile: &ColorProfile) -> Option<DynamicImage> {
    let (width, height) = (image.width(), image.height());
    match image.color() {
        ColorType::L8 => {
            let mut converted = image::RgbImage::new(width, height);
            transform(profile, Layout::Gray, Layout::Rgb)?.transform(image.as_bytes(), &mut converted).ok()?;
            Some(converted.into())
        }
        ColorType::La8 => {
            let mut converted = image::RgbaImage::new(width, height);
            transform(profile, Layout::GrayAlpha, Layout::Rgba)?.transform(image.as_bytes(), &mut converted).ok()?;
            Some(converted.into())
        }
        _ => None,
    }
}

fn transform(profile: &ColorProfile, from: Layout, to: Layout) -> Option<std::sync::Arc<Transform8BitExecutor>> {
    profile.create_transform_8bit(from, &ColorProfile::new_srgb(), to, TransformOptions::default()).ok()
}
