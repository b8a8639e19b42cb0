//! What Echo takes, and how it refuses the rest.

use std::time::Duration;

use echo_domain::{Error, FieldError};
use rustix::time::{ClockId, clock_gettime};

/// Longest upload, in bytes.
pub(crate) const BYTES: usize = 10 << 20;
/// Most pixels of an image.
pub(crate) const PIXELS: u64 = 40_000_000;
/// Longest side, in pixels.
pub(crate) const SIDE: u32 = 16_384;
/// Most memory for a decoder, in bytes: [`PIXELS`] at 8 bits a channel, with alpha and some room.
pub(crate) const MEMORY: u64 = 200 << 20;
/// Most memory for what a PNG says beside its pixels, in bytes: profiles are deflated.
pub(crate) const METADATA: usize = 8 << 20;
/// Most frames of an animation.
pub(crate) const FRAMES: usize = 500;
/// Most pixels of an animation, in all of its frames together.
pub(crate) const FRAME_PIXELS: u64 = 400_000_000;

/// Longest that one image may take, in processor time: how busy the machine is makes no difference.
const TIME: Duration = Duration::from_secs(60);

/// How much of [`TIME`] is left, for the thread that started it.
pub(crate) struct Budget {
    until: Duration,
}

impl Budget {
    pub(crate) fn start() -> Self {
        Self { until: processor_time() + TIME }
    }

    /// To be asked between steps that are bounded by themselves.
    ///
    /// # Errors
    /// [`Error::TooLarge`] when nothing is left.
    pub(crate) fn check(&self) -> Result<(), Error> {
        if processor_time() > self.until {
            Err(too_large("must not take longer than a minute to decode"))
        } else {
            Ok(())
        }
    }
}

fn processor_time() -> Duration {
    clock_gettime(ClockId::ThreadCPUTime).try_into().unwrap_or_default()
}

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

pub(crate) fn too_much_metadata() -> Error {
    too_large("must not have more than 8 MiB of metadata")
}

pub(crate) fn unsupported() -> Error {
    Error::Unsupported(FieldError::new("file", "must be an undamaged image: JPEG, PNG, WebP or GIF"))
}

fn too_large(message: &'static str) -> Error {
    Error::TooLarge(FieldError::new("file", message))
}
