//! What the decoders do not check: read from the files' structure, before anything is decoded.

use std::iter;

use echo_domain::Result;

use crate::limits;

/// Each scan of a JPEG goes over all of its pixels and may be a few bytes long; encoders make about ten.
const JPEG_SCANS: usize = 100;

/// Whether a JPEG reaches its end marker (the decoder paints what is missing grey), in a sane number of scans.
/// ITU-T T.81, Annex B.
pub(crate) fn jpeg_is_sound(bytes: &[u8]) -> bool {
    let (mut at, mut scans) = (0, 0);
    while let Some([first, second]) = bytes.get(at..at + 2) {
        at += match (first, second) {
            (0xFF, 0xD9) => return scans <= JPEG_SCANS,
            // Fill bytes may precede a marker.
            (0xFF, 0xFF) => 1,
            // Escaped data, and markers that stand alone.
            (0xFF, 0x00 | 0x01 | 0xD0..=0xD8) => 2,
            (0xFF, marker) => {
                scans += usize::from(*marker == 0xDA);
                match bytes.get(at + 2..at + 4) {
                    Some([high, low]) => 2 + usize::from(u16::from_be_bytes([*high, *low])),
                    _ => return false,
                }
            }
            _ => 1,
        };
    }
    false
}

/// Whether a PNG reaches its last chunk: most of one that was cut short would be decoded before that shows.
/// PNG specification, 5.3.
pub(crate) fn png_is_sound(bytes: &[u8]) -> bool {
    let mut chunks = bytes.get(8..).unwrap_or_default();
    while let Some((length, rest)) = chunks.split_first_chunk::<4>() {
        if rest.starts_with(b"IEND") {
            return true;
        }
        // Its name and its checksum.
        let length = usize::try_from(u32::from_be_bytes(*length)).unwrap_or(usize::MAX).saturating_add(8);
        chunks = rest.get(length..).unwrap_or_default();
    }
    false
}

/// The WebP without what follows the end that it declares, after a look at each lossy bitstream in it: the decoder would
/// read on behind that end, and makes room for what a bitstream says before it compares that with the size that the file
/// declares. RFC 9649 §2, RFC 6386 §9.1.
///
/// # Errors
/// [`echo_domain::Error::TooLarge`] when one of them is; [`echo_domain::Error::Unsupported`] when the file was cut short.
pub(crate) fn check_webp(bytes: &[u8]) -> Result<&[u8]> {
    let declared = bytes.get(4..8).and_then(|size| size.first_chunk()).map(|size| u32::from_le_bytes(*size));
    let declared = declared.and_then(|size| usize::try_from(size).ok()?.checked_add(8));
    let file = declared.and_then(|size| bytes.get(..size)).ok_or_else(limits::unsupported)?;
    for (kind, size, rest) in chunks(file.get(12..).ok_or_else(limits::unsupported)?) {
        match kind {
            b"VP8 " => check_lossy(&rest[..size.min(rest.len())])?,
            b"ANMF" => check_lossy(lossy_of_frame(rest).unwrap_or_default())?,
            _ => {}
        }
    }
    Ok(file)
}

/// Of each chunk its name, the size that it declares, and all that follows these.
fn chunks(mut bytes: &[u8]) -> impl Iterator<Item = (&[u8; 4], usize, &[u8])> {
    iter::from_fn(move || {
        let (kind, rest) = bytes.split_first_chunk::<4>()?;
        let (size, rest) = rest.split_first_chunk::<4>()?;
        let size = usize::try_from(u32::from_le_bytes(*size)).unwrap_or(usize::MAX);
        // Chunks begin at even offsets.
        bytes = rest.get(size.saturating_add(size % 2)..).unwrap_or_default();
        Some((kind, size, rest))
    })
}

/// What the decoder takes for a frame's lossy bitstream: behind transparency, that is a chunk of any name.
fn lossy_of_frame(frame: &[u8]) -> Option<&[u8]> {
    // A frame's own chunks follow 16 bytes of its header.
    let mut chunks = chunks(frame.get(16..)?);
    let (size, rest) = match chunks.next()? {
        (b"VP8 ", size, rest) => (size, rest),
        (b"ALPH", ..) => chunks.next().map(|(_, size, rest)| (size, rest))?,
        _ => return None,
    };
    Some(&rest[..size.min(rest.len())])
}

fn check_lossy(data: &[u8]) -> Result<()> {
    let Some([w0, w1, h0, h1]) = data.get(6..10) else { return Ok(()) };
    // The two high bits of either say how to scale it.
    let side = |low: &u8, high: &u8| u32::from(u16::from_le_bytes([*low, *high]) & 0x3FFF);
    limits::check_size(side(w0, w1), side(h0, h1))
}
