//! What the decoders do not check: read from the files' structure, before anything is decoded.

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

/// Looks at each lossy bitstream in a WebP: the decoder makes room for what it says before it compares that with
/// the size that the file declares. RFC 9649 §2, RFC 6386 §9.1.
///
/// # Errors
/// [`echo_domain::Error::TooLarge`] when one of them is; [`echo_domain::Error::Unsupported`] when the file was cut short.
pub(crate) fn check_webp(bytes: &[u8]) -> Result<()> {
    let declared = bytes.get(4..8).and_then(|size| size.first_chunk()).map(|size| u32::from_le_bytes(*size));
    let declared = declared.and_then(|size| usize::try_from(size).ok()?.checked_add(8));
    let whole = declared.and_then(|size| bytes.get(12..size)).ok_or_else(limits::unsupported)?;
    check_chunks(whole)
}

fn check_chunks(mut chunks: &[u8]) -> Result<()> {
    while let Some((kind, rest)) = chunks.split_first_chunk::<4>() {
        let Some((size, rest)) = rest.split_first_chunk::<4>() else { break };
        let size = usize::try_from(u32::from_le_bytes(*size)).unwrap_or(usize::MAX);
        let data = &rest[..size.min(rest.len())];
        match kind {
            b"VP8 " => check_lossy(data)?,
            // A frame's own chunks follow 16 bytes of its header.
            b"ANMF" => check_chunks(data.get(16..).unwrap_or_default())?,
            _ => {}
        }
        // Chunks begin at even offsets.
        chunks = rest.get(size.saturating_add(size % 2)..).unwrap_or_default();
    }
    Ok(())
}

fn check_lossy(data: &[u8]) -> Result<()> {
    let Some([w0, w1, h0, h1]) = data.get(6..10) else { return Ok(()) };
    // The two high bits of either say how to scale it.
    let side = |low: &u8, high: &u8| u32::from(u16::from_le_bytes([*low, *high]) & 0x3FFF);
    limits::check_size(side(w0, w1), side(h0, h1))
}
