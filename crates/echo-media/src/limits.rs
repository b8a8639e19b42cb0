//! What Echo takes, and how it refuses the rest.

use echo_domain::{Error, FieldError};

/// Longest upload, in bytes.
pub(crate) const BYTES: usize = 10 << 20;
/// Most pixels of an image.
pub(crate) const PIXELS: u64 = 40_000_000;
/// Longest side, in pixels.
pub(crate) const SIDE: u32 = 16_384;
/// Most memory for a decoded image, in bytes: [`PIXELS`] at 8 bits a channel, with alpha and some room.
pub(crate) const MEMORY: u64 = 200 << 20;
/// Most frames of an animation.
pub(crate) const FRAMES: usize = 500;
/// Most pixels of an animation, in all of its frames together.
pub(crate) const FRAME_PIXELS: u64 = 400_000_000;

/// # Errors
/// [`Error::TooLarge`] beyond [`PIXELS`] or [`SIDE`]; [`Error::Unsupported`] without any pixels.
pub(crate) fn check_size(width: u32, height: u32) -> Result<(), Error> {
    if width == 0 || height == 0 {
        return Err(unsupported());
    }
    if width > SIDE || height > SIDE || u64::from(width) * u64::from(height) > PIXELS {
        return Err(too_many_pixels());
    }
    Ok(())
}

pub(crate) fn too_many_bytes() -> Error {
    too_large("must not be larger than 10 MiB")
}

pub(crate) fn too_many_pixels() -> Error {
    too_large("must not have more than 40 megapixels, nor be longer than 16,384 pixels on any side")
}

pub(crate) fn too_much_animation() -> Error {
    too_large("must not have more than 500 frames, nor more than 400 megapixels in all of them together")
}

pub(crate) fn unsupported() -> Error {
    Error::Unsupported(FieldError::new("file", "must be an undamaged image: JPEG, PNG, WebP or GIF"))
}

fn too_large(message: &'static str) -> Error {
    Error::TooLarge(FieldError::new("file", message))
}
