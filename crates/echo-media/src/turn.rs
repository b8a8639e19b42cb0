//! Pictures turned upright row by row, without a second copy of them in memory.

use image::{RgbImage, metadata::Orientation};
use jpeg_encoder::{ImageBuffer, JpegColorType, rgb_to_ycbcr};

/// What `size` becomes.
pub(crate) fn size(orientation: Orientation, (width, height): (u32, u32)) -> (u32, u32) {
    match orientation {
        Orientation::Rotate90 | Orientation::Rotate270 | Orientation::Rotate90FlipH | Orientation::Rotate270FlipH => {
            (height, width)
        }
        Orientation::NoTransforms
        | Orientation::Rotate180
        | Orientation::FlipHorizontal
        | Orientation::FlipVertical => (width, height),
    }
}

/// A picture as it is to be shown, to be read by the JPEG encoder.
pub(crate) struct Upright<'a> {
    pixels: &'a RgbImage,
    orientation: Orientation,
    width: u16,
    height: u16,
}

impl<'a> Upright<'a> {
    /// `None` when it is larger than a JPEG can be.
    pub(crate) fn new(pixels: &'a RgbImage, orientation: Orientation) -> Option<Self> {
        let (width, height) = size(orientation, pixels.dimensions());
        Some(Self { pixels, orientation, width: width.try_into().ok()?, height: height.try_into().ok()? })
    }

    /// Where in `pixels` is what is shown there. EXIF 2.32, table 6.
    fn source(&self, x: u32, y: u32) -> (u32, u32) {
        let (right, bottom) = (self.pixels.width() - 1, self.pixels.height() - 1);
        match self.orientation {
            Orientation::NoTransforms => (x, y),
            Orientation::FlipHorizontal => (right - x, y),
            Orientation::Rotate180 => (right - x, bottom - y),
            Orientation::FlipVertical => (x, bottom - y),
            Orientation::Rotate90FlipH => (y, x),
            Orientation::Rotate90 => (y, bottom - x),
            Orientation::Rotate270FlipH => (right - y, bottom - x),
            Orientation::Rotate270 => (right - y, x),
        }
    }
}

impl ImageBuffer for Upright<'_> {
    fn get_jpeg_color_type(&self) -> JpegColorType {
        JpegColorType::Ycbcr
    }

    fn width(&self) -> u16 {
        self.width
    }

    fn height(&self) -> u16 {
        self.height
    }

    fn fill_buffers(&self, y: u16, [luma, blue, red, _]: &mut [Vec<u8>; 4]) {
        for x in 0..self.width.into() {
            let (x, y) = self.source(x, y.into());
            let [r, g, b] = self.pixels.get_pixel(x, y).0;
            let (y, cb, cr) = rgb_to_ycbcr(r, g, b);
            luma.push(y);
            blue.push(cb);
            red.push(cr);
        }
    }
}
