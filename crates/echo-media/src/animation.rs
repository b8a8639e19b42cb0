//! GIFs, rewritten frame by frame.

use echo_domain::{Error, Result, media::Encoded};
use gif::{DecodeOptions, Decoder, Encoder, Frame, MemoryLimit};
use image::{DynamicImage, RgbaImage};

use crate::limits;

/// The first frame, and the file anew: its frames and how often they repeat, without comments and the like.
///
/// # Errors
/// [`Error::TooLarge`] and [`Error::Unsupported`].
pub(crate) fn rewrite(upload: &[u8]) -> Result<(DynamicImage, Encoded)> {
    let mut decoder = open(upload).map_err(damaged)?;
    let (width, height) = (decoder.width(), decoder.height());
    limits::check_size(width.into(), height.into())?;
    let global_palette = decoder.global_palette().unwrap_or_default().to_vec();
    let mut encoder = Encoder::new(Vec::new(), width, height, &global_palette).map_err(Error::internal)?;
    encoder.set_repeat(decoder.repeat()).map_err(Error::internal)?;

    let mut first = None;
    let mut budget = Budget::default();
    while let Some(mut frame) = next_frame(&mut decoder, &mut budget)? {
        if first.is_none() {
            let palette = frame.palette.as_deref().unwrap_or(&global_palette);
            first = Some(draw(&frame, palette, width.into(), height.into()));
        }
        // The decoder has put the rows in order, and no viewer waits for a key.
        (frame.interlaced, frame.needs_user_input) = (false, false);
        encoder.write_frame(&frame).map_err(Error::internal)?;
    }
    let first = first.ok_or_else(limits::unsupported)?;
    let bytes = encoder.into_inner().map_err(Error::internal)?;
    Ok((first.into(), Encoded { bytes: bytes.into(), extension: "gif" }))
}

fn open(upload: &[u8]) -> Result<Decoder<&[u8]>, gif::DecodingError> {
    let mut options = DecodeOptions::new();
    options.check_frame_consistency(true);
    options
        .set_memory_limit(std::num::NonZeroU64::new(limits::PIXELS).map_or(MemoryLimit::Unlimited, MemoryLimit::Bytes));
    options.read_info(upload)
}

/// What an animation has used of what it may.
#[derive(Default)]
struct Budget {
    frames: usize,
    pixels: u64,
}

/// The next frame, unless it is one too many: that is found out before it is decoded.
fn next_frame(decoder: &mut Decoder<&[u8]>, budget: &mut Budget) -> Result<Option<Frame<'static>>> {
    let Some(frame) = decoder.next_frame_info().map_err(damaged)? else { return Ok(None) };
    let mut frame = frame.clone();
    budget.frames += 1;
    budget.pixels += u64::from(frame.width) * u64::from(frame.height);
    if budget.frames > limits::FRAMES || budget.pixels > limits::FRAME_PIXELS {
        return Err(limits::too_much_animation());
    }
    let mut pixels = vec![0; decoder.buffer_size()];
    decoder.read_into_buffer(&mut pixels).map_err(damaged)?;
    frame.buffer = pixels.into();
    Ok(Some(frame))
}

/// The frame where it belongs on an otherwise transparent canvas. An index without a colour is transparent too.
fn draw(frame: &Frame<'_>, palette: &[u8], width: u32, height: u32) -> RgbaImage {
    let mut canvas = RgbaImage::new(width, height);
    let rows = frame.buffer.chunks_exact(usize::from(frame.width).max(1));
    for (y, row) in (u32::from(frame.top)..).zip(rows) {
        for (x, index) in (u32::from(frame.left)..).zip(row) {
            let colour = palette.as_chunks::<3>().0.get(usize::from(*index));
            if let (Some([r, g, b]), true) = (colour, frame.transparent != Some(*index)) {
                canvas.put_pixel(x, y, image::Rgba([*r, *g, *b, 255]));
            }
        }
    }
    canvas
}

#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
fn damaged(_: gif::DecodingError) -> Error {
    limits::unsupported()
}
