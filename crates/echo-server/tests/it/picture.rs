//! Small images to upload.

use std::{
    io::Cursor,
    sync::atomic::{AtomicU32, Ordering},
};

use image::{DynamicImage, ImageFormat, Rgb, RgbImage};

/// A colourful rectangle. `seed` makes it differ from others of its size.
fn canvas(width: u32, height: u32, seed: u8) -> DynamicImage {
    let colour = |x: u32, y: u32| {
        let channel = |at: u32, of: u32| u8::try_from(at * 255 / of.max(1)).unwrap();
        Rgb([channel(x, width), channel(y, height), seed])
    };
    DynamicImage::ImageRgb8(RgbImage::from_fn(width, height, colour))
}

pub fn encoded(width: u32, height: u32, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    canvas(width, height, 90).write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

/// One that no codec makes smaller: about 50 kB, and another for each seed.
pub fn noise(seed: u64) -> Vec<u8> {
    // Knuth's generator for MMIX.
    let mut state = seed;
    let mut channel = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        state.to_be_bytes()[0]
    };
    let pixels = RgbImage::from_fn(128, 128, |_, _| Rgb([channel(), channel(), channel()]));
    let mut bytes = Cursor::new(Vec::new());
    pixels.write_to(&mut bytes, ImageFormat::Png).unwrap();
    bytes.into_inner()
}

/// One that no other is equal to: Echo keeps equal ones once, and a story is about its own.
pub fn png(width: u32, height: u32) -> Vec<u8> {
    static MADE: AtomicU32 = AtomicU32::new(0);
    let made = MADE.fetch_add(1, Ordering::Relaxed);
    let [_, red, green, blue] = (std::process::id() ^ made.rotate_left(12)).to_be_bytes();
    let mut picture = canvas(width, height, blue).into_rgb8();
    picture.put_pixel(0, 0, Rgb([red, green, blue]));
    let mut bytes = Cursor::new(Vec::new());
    picture.write_to(&mut bytes, ImageFormat::Png).unwrap();
    bytes.into_inner()
}

/// A JPEG as a camera writes it: lying on its side, to be turned upright, with the place it was taken at. Stored as
/// `width` × `height`, to be shown as `height` × `width`.
pub fn sideways_jpeg_with_place(width: u32, height: u32) -> Vec<u8> {
    // TIFF, big endian: one directory with orientation 6 ("turn right"), and a maker's note to be looked for.
    let mut exif = b"Exif\0\0MM\0\x2a\0\0\0\x08\0\x02".to_vec();
    exif.extend(b"\x01\x12\0\x03\0\0\0\x01\0\x06\0\0");
    exif.extend(b"\x01\x0e\0\x02\0\0\0\x12\0\0\0\x26\0\0\0\0");
    exif.extend(b"GPS 48.85N 2.35E\0\0");
    let jpeg = encoded(width, height, ImageFormat::Jpeg);
    let length = u16::try_from(exif.len() + 2).unwrap().to_be_bytes();
    [&jpeg[..2], b"\xff\xe1", &length, &exif, &jpeg[2..]].concat()
}

/// Says that it has 50,000 × 50,000 pixels, in a few bytes.
pub fn bomb() -> Vec<u8> {
    png_claiming(50_000, 50_000)
}

/// A PNG whose header says so, and whose pixels are few.
pub fn png_claiming(width: u32, height: u32) -> Vec<u8> {
    let mut bytes = png(8, 8);
    bytes[16..20].copy_from_slice(&width.to_be_bytes());
    bytes[20..24].copy_from_slice(&height.to_be_bytes());
    let checksum = crc32(&bytes[12..29]).to_be_bytes();
    bytes[29..33].copy_from_slice(&checksum);
    bytes
}

/// What PNG guards its chunks with (PNG specification, annex D).
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| if crc & 1 == 1 { 0xedb8_8320 ^ (crc >> 1) } else { crc >> 1 })
    })
}
