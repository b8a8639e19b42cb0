//! Pictures made smaller.

use echo_domain::{Error, Result};
use fast_image_resize::{
    MulDiv, PixelType, ResizeOptions, Resizer,
    images::{Image, ImageRef},
};
use image::{DynamicImage, RgbImage, RgbaImage};

use crate::{decode::Picture, turn};

/// The picture, upright, in each of these sizes, of which there is at least one: the first is made of the picture, which
/// is gone then, and each other of the one before it.
pub(crate) fn ladder(picture: Picture, sizes: &[(u32, u32)]) -> Result<Vec<DynamicImage>> {
    let (first, others) = sizes.split_first().ok_or_else(|| Error::internal("no size to resize to"))?;
    let mut copies = vec![shrink(picture, *first, ResizeOptions::new())?];
    for size in others {
        let copy = copies.last().map(|last| resize(last, *size, &ResizeOptions::new()));
        copies.extend(copy.transpose()?);
    }
    Ok(copies)
}

/// The middle of the picture, upright, as a square of `side` pixels, or of as many as it has.
pub(crate) fn square(picture: Picture, side: u32) -> Result<DynamicImage> {
    let (width, height) = (picture.pixels.width(), picture.pixels.height());
    let whole = width.min(height);
    let side = side.min(whole);
    let start = |length: u32| f64::from((length - whole) / 2);
    let middle = ResizeOptions::new().crop(start(width), start(height), whole.into(), whole.into());
    shrink(picture, (side, side), middle)
}

/// Colours count for as much as they cover, or what a transparent part hides would shine through at its edge. They are
/// weighed where they are: the resizer itself would do it to a copy of the whole.
fn shrink(mut picture: Picture, size: (u32, u32), options: ResizeOptions) -> Result<DynamicImage> {
    let (width, height) = (picture.pixels.width(), picture.pixels.height());
    if let DynamicImage::ImageRgba8(pixels) = &mut picture.pixels {
        let mut pixels = Image::from_slice_u8(width, height, pixels, PixelType::U8x4).map_err(Error::internal)?;
        MulDiv::new().multiply_alpha_inplace(&mut pixels).map_err(Error::internal)?;
    }
    let size = turn::size(picture.orientation, size);
    let mut pixels = resize(&picture.pixels, size, &options.use_alpha(false))?;
    if let DynamicImage::ImageRgba8(pixels) = &mut pixels {
        let mut pixels = Image::from_slice_u8(size.0, size.1, pixels, PixelType::U8x4).map_err(Error::internal)?;
        MulDiv::new().divide_alpha_inplace(&mut pixels).map_err(Error::internal)?;
    }
    pixels.apply_orientation(picture.orientation);
    Ok(pixels)
}

fn resize(image: &DynamicImage, (width, height): (u32, u32), options: &ResizeOptions) -> Result<DynamicImage> {
    let alpha = image.color().has_alpha();
    let kind = if alpha { PixelType::U8x4 } else { PixelType::U8x3 };
    let source = ImageRef::new(image.width(), image.height(), image.as_bytes(), kind).map_err(Error::internal)?;
    let mut resized = Image::new(width, height, kind);
    Resizer::new().resize(&source, &mut resized, options).map_err(Error::internal)?;
    let pixels = resized.into_vec();
    let resized = if alpha {
        RgbaImage::from_raw(width, height, pixels).map(DynamicImage::from)
    } else {
        RgbImage::from_raw(width, height, pixels).map(DynamicImage::from)
    };
    resized.ok_or_else(|| Error::internal("a resized image is not of the size asked for"))
}

#[cfg(test)]
mod tests {
    use image::Rgba;

    use super::*;

    #[test]
    fn what_a_transparent_part_hides_does_not_shine_through() {
        let red_beside_hidden_blue =
            RgbaImage::from_fn(99, 9, |x, _| if x < 50 { Rgba([255, 0, 0, 255]) } else { Rgba([0, 0, 255, 0]) });

        let copies = ladder(Picture::upright(red_beside_hidden_blue.into()), &[(33, 3), (11, 1)]).unwrap();

        for pixel in copies.iter().flat_map(|copy| copy.as_rgba8().unwrap().pixels()) {
            assert!(pixel[3] == 0 || (pixel[0] > 250 && pixel[2] < 5), "{pixel:?}");
        }
    }
}
