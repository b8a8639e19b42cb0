//! GIFs, rewritten frame by frame.

use echo_domain::{Error, Result, media::Encoded};
use gif::{DecodeOptions, Encoder, Frame};
use image::RgbaImage;

use crate::{
    decode::Picture,
    limits::{self, Budget},
};

/// The first frame, and the file anew: its frames and how often they repeat, without comments and the like.
///
/// # Errors
/// [`Error::TooLarge`] and [`Error::Unsupported`].
pub(crate) fn rewrite(upload: &[u8], budget: &Budget) -> Result<(Picture, Encoded)> {
    check(upload)?;
    let decoder = options().read_info(upload).map_err(damaged)?;
    let (width, height) = (decoder.width(), decoder.height());
    let global_palette = decoder.global_palette().unwrap_or_default().to_vec();
    let mut encoder = Encoder::new(Vec::new(), width, height, &global_palette).map_err(Error::internal)?;
    encoder.set_repeat(decoder.repeat()).map_err(Error::internal)?;

    let mut first = None;
    for frame in decoder {
        budget.check()?;
        let mut frame = frame.map_err(damaged)?;
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
    Ok((Picture::upright(first.into()), Encoded { bytes: bytes.into(), extension: "gif" }))
}

/// Reads what the file says of its size, skipping all pixels: a few bytes of those may stand for millions.
fn check(upload: &[u8]) -> Result<()> {
    let mut options = options();
    options.skip_frame_decoding(true);
    let mut decoder = options.read_info(upload).map_err(damaged)?;
    limits::check_size(decoder.width().into(), decoder.height().into())?;
    let (mut frames, mut pixels) = (0, 0);
    while let Some(frame) = decoder.next_frame_info().map_err(damaged)? {
        limits::check_size(frame.width.into(), frame.height.into())?;
        frames += 1;
        pixels += u64::from(frame.width) * u64::from(frame.height);
        if frames > limits::FRAMES || pixels > limits::FRAME_PIXELS {
            return Err(limits::too_much_animation());
        }
    }
    Ok(())
}

fn options() -> DecodeOptions {
    let mut options = DecodeOptions::new();
    options.check_frame_consistency(true);
    options
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

fn damaged(_: gif::DecodingError) -> Error {
    limits::unsupported()
}
