//! Files without what is not the picture, their pixels as they were: as good, and in no time.

use echo_domain::media::Encoded;

const START: &[u8] = b"\xFF\xD8";
/// A JFIF header that says only that colours are YCbCr: version 1.1, square pixels, no thumbnail.
const HEADER: &[u8] = b"\xFF\xE0\0\x10JFIF\0\x01\x01\0\0\x01\0\x01\0\0";
const END: &[u8] = b"\xFF\xD9";

/// The tables, the frame and the scans of a JPEG, up to its end marker, and no other byte.
///
/// Nothing when there is anything about it that not every viewer takes the same way, or bytes where none belong: such a
/// file is better encoded anew. ITU-T T.81, Annex B.
pub(crate) fn jpeg(bytes: &[u8]) -> Option<Encoded> {
    let mut rest = bytes.strip_prefix(START)?;
    let mut stripped = Vec::with_capacity(bytes.len());
    stripped.extend([START, HEADER].concat());
    let mut framed = false;
    // Of a sequential frame; decoders stop when each of them was there once, whatever follows.
    let mut unscanned = None;
    loop {
        let [0xFF, marker, after @ ..] = rest else { return None };
        match *marker {
            // Fill bytes may precede a marker.
            0xFF => {
                rest = &rest[1..];
                continue;
            }
            0xD9 => {
                stripped.extend(END);
                return framed.then(|| Encoded { bytes: stripped.into(), extension: "jpg" });
            }
            _ => {}
        }
        let length = usize::from(u16::from_be_bytes(*after.first_chunk()?));
        let data = after.get(2..length)?;
        let scan = if *marker == 0xDA { scan_length(after.get(length..)?)? } else { 0 };
        let whole = &rest[..2 + length + scan];
        match *marker {
            0xC0..=0xC2 if !framed && is_frame(data) => {
                framed = true;
                unscanned = (*marker != 0xC2).then(|| components_of(&data[6..], 3));
            }
            0xC4 if are_huffman_tables(data) => {}
            0xDB if are_quantization_tables(data) => {}
            0xDA if framed && is_scan(data) && are_new(data, &mut unscanned) => {}
            0xDD if data.len() == 2 => {}
            0xEE if !says_ycbcr(data) => return None,
            // Of applications, and comments.
            0xE0..=0xEF | 0xFE => {
                rest = &rest[whole.len()..];
                continue;
            }
            _ => return None,
        }
        stripped.extend(whole);
        rest = &rest[whole.len()..];
    }
}

/// The still image in a WebP, and the transparency that goes with it.
///
/// Nothing when it is animated, or has a part of a picture where the decoder does not look at it. RFC 9649 §2.
pub(crate) fn webp(bytes: &[u8]) -> Option<Encoded> {
    let mut parts = parts_of_webp(bytes.get(12..)?)?;
    let plain_header;
    if let [(b"VP8X", header), ..] = &mut parts[..] {
        // What is said to be in the file is, of what may be, the transparency.
        plain_header = [&[header.first()? & 0x12, 0, 0, 0], header.get(4..10)?].concat();
        *header = &plain_header;
    }
    let is_still = matches!(
        parts[..],
        [(b"VP8 " | b"VP8L", _)]
            | [(b"VP8X", [0, ..]), (b"VP8 ", _)]
            | [(b"VP8X", [0x10, ..]), (b"ALPH", _), (b"VP8 ", _)]
            | [(b"VP8X", [0 | 0x10, ..]), (b"VP8L", _)]
    );
    is_still.then(|| riff(&parts)).flatten()
}

/// The chunks that make a picture, up to the first bitstream.
fn parts_of_webp(mut chunks: &[u8]) -> Option<Vec<(&[u8; 4], &[u8])>> {
    let mut parts = Vec::new();
    loop {
        let (kind, rest) = chunks.split_first_chunk::<4>()?;
        let (size, rest) = rest.split_first_chunk::<4>()?;
        let size = usize::try_from(u32::from_le_bytes(*size)).ok()?;
        // What comes first says what the file is.
        if parts.is_empty() || matches!(kind, b"VP8X" | b"ALPH" | b"VP8 " | b"VP8L" | b"ANIM" | b"ANMF") {
            parts.push((kind, rest.get(..size)?));
        }
        if matches!(kind, b"VP8 " | b"VP8L") {
            return Some(parts);
        }
        // Chunks begin at even offsets.
        chunks = rest.get(size.next_multiple_of(2)..)?;
    }
}

fn riff(parts: &[(&[u8; 4], &[u8])]) -> Option<Encoded> {
    let mut file = b"RIFF\0\0\0\0WEBP".to_vec();
    for (kind, data) in parts {
        let size = u32::try_from(data.len()).ok()?.to_le_bytes();
        file.extend([kind.as_slice(), &size, data].concat());
        file.resize(file.len().next_multiple_of(2), 0);
    }
    let size = u32::try_from(file.len() - 8).ok()?;
    file[4..8].copy_from_slice(&size.to_le_bytes());
    Some(Encoded { bytes: file.into(), extension: "webp" })
}

/// Up to the next marker that is neither an escape nor a restart.
fn scan_length(data: &[u8]) -> Option<usize> {
    data.windows(2).position(|pair| pair[0] == 0xFF && !matches!(pair[1], 0x00 | 0xD0..=0xD7))
}

/// Of 8 bits, grey or YCbCr.
fn is_frame(data: &[u8]) -> bool {
    match data {
        [8, _, _, _, _, 1, _, _, _] => true,
        [8, _, _, _, _, 3, a, _, _, b, _, _, c, _, _] => matches!([a, b, c], [0, 1, 2] | [1, 2, 3]),
        _ => false,
    }
}

fn is_scan(data: &[u8]) -> bool {
    data.first().is_some_and(|components| data.len() == 4 + 2 * usize::from(*components))
}

/// The names of those that a frame or a scan lists, each in `size` bytes.
fn components_of(list: &[u8], size: usize) -> Vec<u8> {
    list.chunks_exact(size).map(|component| component[0]).collect()
}

/// Whether the scan is of components that had none so far, if each may have but one. ITU-T T.81, A.2.
fn are_new(scan: &[u8], unscanned: &mut Option<Vec<u8>>) -> bool {
    let Some(unscanned) = unscanned else { return true };
    components_of(&scan[1..scan.len() - 3], 2).iter().all(|component| {
        let found = unscanned.iter().position(|other| other == component);
        found.map(|at| unscanned.swap_remove(at)).is_some()
    })
}

fn are_huffman_tables(mut data: &[u8]) -> bool {
    while let [kind, after @ ..] = data {
        let Some((counts, after)) = after.split_first_chunk::<16>() else { return false };
        let values = counts.iter().map(|count| usize::from(*count)).sum();
        match after.get(values..) {
            Some(next) if kind & 0xEC == 0 => data = next,
            _ => return false,
        }
    }
    true
}

fn are_quantization_tables(mut data: &[u8]) -> bool {
    while let [kind, after @ ..] = data {
        match after.get(if kind >> 4 == 0 { 64 } else { 128 }..) {
            Some(next) if kind & 0xEC == 0 => data = next,
            _ => return false,
        }
    }
    true
}

/// Whether a header of Adobe's, if it is one, says of the colours what [`HEADER`] does.
fn says_ycbcr(data: &[u8]) -> bool {
    !data.starts_with(b"Adobe") || data.get(11) == Some(&1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FRAME: &[u8] = b"\xFF\xC0\0\x0B\x08\0\x08\0\x08\x01\x01\x11\0";
    const SCAN: &[u8] = b"\xFF\xDA\0\x08\x01\x01\0\0\x3F\0\x12\xFF\0\x34\xFF\xD0\x56";

    fn file(segments: &[&[u8]]) -> Vec<u8> {
        [START, &segments.concat(), END].concat()
    }

    fn stripped(segments: &[&[u8]]) -> Option<bytes::Bytes> {
        jpeg(&file(segments)).map(|file| file.bytes)
    }

    #[test]
    fn what_belongs_to_the_picture_stays() {
        let tables = [b"\xFF\xDB\0\x43\0".as_slice(), &[1; 64], b"\xFF\xC4\0\x14\x10\x01", &[0; 15], &[7]].concat();
        let parts = [tables.as_slice(), b"\xFF\xDD\0\x04\0\x01", FRAME, SCAN];

        assert_eq!(stripped(&parts), Some([START, HEADER, &parts.concat(), END].concat().into()));
    }

    #[test]
    fn what_does_not_goes() {
        let others: [&[u8]; 5] = [
            b"\xFF\xE0\0\x05abc",
            b"\xFF\xE1\0\x02",
            b"\xFF\xFE\0\x03x",
            b"\xFF\xFF",
            b"\xFF\xEE\0\x0EAdobe\0\x64\0\0\0\0\x01",
        ];
        let more = [&file(&[&others.concat(), FRAME, &others.concat(), SCAN])[..], b"more"].concat();

        assert_eq!(jpeg(&more).unwrap().bytes, stripped(&[FRAME, SCAN]).unwrap());
    }

    #[test]
    fn bytes_where_none_belong_are_not_copied() {
        for part in [
            // Behind a table, a restart interval and a frame; between segments.
            [b"\xFF\xDB\0\x46\0".as_slice(), &[1; 64], b"abc"].concat(),
            b"\xFF\xDD\0\x05\0\x01x".to_vec(),
            [b"\xFF\xC0\0\x0C".as_slice(), &FRAME[4..], b"x"].concat(),
            b"x".to_vec(),
            // Tables that no picture has; another way of coding; a second frame; colours by another name.
            b"\xFF\xDB\0\x43\x04".iter().copied().chain([1; 64]).collect(),
            b"\xFF\xC9\0\x0B\x08\0\x08\0\x08\x01\x01\x11\0".to_vec(),
            FRAME.to_vec(),
            b"\xFF\xEE\0\x0EAdobe\0\x64\0\0\0\0\0".to_vec(),
        ] {
            assert_eq!(stripped(&[&part, FRAME, SCAN]), None, "{part:?}");
        }
        let rgb = b"\xFF\xC0\0\x11\x08\0\x08\0\x08\x03R\x11\0G\x11\0B\x11\0";
        for parts in [[rgb, SCAN], [SCAN, FRAME], [FRAME, &SCAN[..9]], [FRAME, b"\xFF\xDA\0\x07\x01\x01\0\0\x3F"]] {
            assert_eq!(stripped(&parts), None, "{parts:?}");
        }
        assert_eq!(jpeg(&file(&[FRAME, SCAN])[..28]), None);
        assert_eq!(stripped(&[SCAN]), None);
    }

    #[test]
    fn a_component_is_scanned_once_unless_it_comes_in_steps() {
        let colours = b"\xFF\xC1\0\x11\x08\0\x08\0\x08\x03\x01\x11\0\x02\x11\0\x03\x11\0";
        let other = &[b"\xFF\xDA\0\x08\x01\x02", &SCAN[6..]].concat();
        let progressive = &[b"\xFF\xC2", &FRAME[2..]].concat();

        assert_eq!(stripped(&[FRAME, SCAN, SCAN]), None);
        assert_eq!(stripped(&[FRAME, SCAN, other]), None);
        assert_eq!(stripped(&[colours, SCAN, other, SCAN]), None);
        assert!(stripped(&[colours, SCAN, other]).is_some());
        assert!(stripped(&[progressive, SCAN, SCAN]).is_some());
    }

    fn file_of(chunks: &[(&[u8; 4], &[u8])]) -> Vec<u8> {
        let mut file = b"WEBP".to_vec();
        for (kind, data) in chunks {
            let size = u32::try_from(data.len()).unwrap().to_le_bytes();
            file.extend([&kind[..], &size, data].concat());
            file.resize(file.len().next_multiple_of(2), 0);
        }
        [b"RIFF", &u32::try_from(file.len()).unwrap().to_le_bytes()[..], &file].concat()
    }

    #[test]
    fn of_a_webp_the_still_image_stays() {
        let size = [9, 0, 0, 7, 0, 0];
        let head = |flags: u8| [&[flags, 0, 0, 0], &size[..]].concat();
        let metadata: [(_, &[u8]); 2] = [(b"EXIF", b"where"), (b"XMP ", b"who")];

        let upload =
            file_of(&[(b"VP8X", &head(0x3C)), metadata[0], (b"ALPH", b"abc"), (b"VP8 ", b"pixels"), metadata[1]]);

        let expected = file_of(&[(b"VP8X", &head(0x10)), (b"ALPH", b"abc"), (b"VP8 ", b"pixels")]);
        assert_eq!(webp(&[&upload, &b"more"[..]].concat()).unwrap().bytes, expected);
        let simple = file_of(&[(b"VP8L", b"pixel")]);
        assert_eq!(webp(&simple).unwrap().bytes, simple);
        assert_eq!(webp(&file_of(&[(b"VP8X", &head(2)), (b"ANIM", b"......"), (b"ANMF", b"...")])), None);
        assert_eq!(webp(&file_of(&[(b"VP8X", &head(0))])), None);
        assert_eq!(webp(&simple[..simple.len() - 3]), None);
    }
    #[test]
    fn a_webp_with_a_part_that_nobody_looked_at_is_not_kept() {
        let (plain, transparent, animated) = (&[0; 10], &[0x10; 10], &[2; 10]);
        let (alpha, lossy, lossless) = ((b"ALPH", &b"ab"[..]), (b"VP8 ", &b"cd"[..]), (b"VP8L", &b"ef"[..]));
        let header = |data: &'static [u8; 10]| (b"VP8X", data.as_slice());

        for chunks in [
            [header(animated), lossy].as_slice(),
            &[header(plain), alpha, lossy],
            &[header(transparent), alpha, alpha, lossy],
            &[header(transparent), lossy, alpha],
            &[header(transparent), alpha, lossless],
            &[alpha, lossy],
            &[header(plain), header(plain), lossy],
            &[(b"EXIF", b""), header(plain), lossy],
        ] {
            assert_eq!(webp(&file_of(chunks)), None, "{chunks:?}");
        }
        assert!(webp(&file_of(&[header(transparent), lossless])).is_some());
    }
}
