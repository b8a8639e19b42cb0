//! Pictures made smaller.

use echo_domain::{Error, Result};
use fast_image_resize::{
    MulDiv, PixelTrait, ResizeOptions, Resizer,
    images::{TypedImage, TypedImageRef},
    pixels::{U8x3, U8x4},
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
        let mut pixels = TypedImage::<U8x4>::from_buffer(width, height, pixels).map_err(Error::internal)?;
        MulDiv::new().multiply_alpha_inplace_typed(&mut pixels).map_err(Error::internal)?;
    }
    let size = turn::size(picture.orientation, size);
    let mut pixels = resize(&picture.pixels, size, &options.use_alpha(false))?;
    if let DynamicImage::ImageRgba8(pixels) = &mut pixels {
        let mut pixels = TypedImage::<U8x4>::from_buffer(size.0, size.1, pixels).map_err(Error::internal)?;
        MulDiv::new().divide_alpha_inplace_typed(&mut pixels).map_err(Error::internal)?;
    }
    pixels.apply_orientation(picture.orientation);
    Ok(pixels)
}

fn resize(image: &DynamicImage, (width, height): (u32, u32), options: &ResizeOptions) -> Result<DynamicImage> {
    if image.color().has_alpha() {
        let mut resized = RgbaImage::new(width, height);
        resize_into::<U8x4>(image, (width, height), &mut resized, options)?;
        return Ok(resized.into());
    }
    let mut resized = RgbImage::new(width, height);
    resize_into::<U8x3>(image, (width, height), &mut resized, options)?;
    Ok(resized.into())
}

/// With the kind of pixels as a type: left to choose at run time, the resizer is compiled for each kind that it knows, which
/// is megabytes of program.
fn resize_into<P: PixelTrait>(
    image: &DynamicImage,
    (width, height): (u32, u32),
    resized: &mut [u8],
    options: &ResizeOptions,
) -> Result<()> {
    let source =
        TypedImageRef::<P>::from_buffer(image.width(), image.height(), image.as_bytes()).map_err(Error::internal)?;
    let mut resized = TypedImage::<P>::from_buffer(width, height, resized).map_err(Error::internal)?;
    Resizer::new().resize_typed(&source, &mut resized, options).map_err(Error::internal)
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
