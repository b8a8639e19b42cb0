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
            0xC0..=0xC2 if !framed && is_frame(data) => framed = true,
            0xC4 if are_huffman_tables(data) => {}
            0xDB if are_quantization_tables(data) => {}
            0xDA if framed && is_scan(data) => {}
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

/// The still image in a WebP, and the transparency that goes with it; nothing when it is animated. RFC 9649 §2.
pub(crate) fn webp(bytes: &[u8]) -> Option<Encoded> {
    let mut chunks = bytes.get(12..)?;
    let mut kept = b"RIFF\0\0\0\0WEBP".to_vec();
    while let Some((head, rest)) = chunks.split_first_chunk::<8>() {
        let [kind @ .., s0, s1, s2, s3] = head;
        let size = usize::try_from(u32::from_le_bytes([*s0, *s1, *s2, *s3])).ok()?;
        let data = rest.get(..size)?;
        match kind {
            // What is said to be in the file is, of what may be, the transparency.
            b"VP8X" => {
                kept.extend([b"VP8X\x0A\0\0\0", &[data.first()? & 0x10, 0, 0, 0][..], data.get(4..10)?].concat());
            }
            b"ALPH" | b"VP8 " | b"VP8L" => {
                kept.extend(head.iter().chain(data));
                // Chunks begin at even offsets.
                kept.resize(kept.len().next_multiple_of(2), 0);
            }
            b"ANIM" | b"ANMF" => return None,
            _ => {}
        }
        if matches!(kind, b"VP8 " | b"VP8L") {
            let size = u32::try_from(kept.len() - 8).ok()?;
            kept[4..8].copy_from_slice(&size.to_le_bytes());
            return Some(Encoded { bytes: kept.into(), extension: "webp" });
        }
        chunks = rest.get(size.next_multiple_of(2)..)?;
    }
    None
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

    fn riff(chunks: &[(&[u8; 4], &[u8])]) -> Vec<u8> {
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

        let upload = riff(&[(b"VP8X", &head(0x3C)), metadata[0], (b"ALPH", b"abc"), (b"VP8 ", b"pixels"), metadata[1]]);

        let expected = riff(&[(b"VP8X", &head(0x10)), (b"ALPH", b"abc"), (b"VP8 ", b"pixels")]);
        assert_eq!(webp(&[&upload, &b"more"[..]].concat()).unwrap().bytes, expected);
        let simple = riff(&[(b"VP8L", b"pixel")]);
        assert_eq!(webp(&simple).unwrap().bytes, simple);
        assert_eq!(webp(&riff(&[(b"VP8X", &head(2)), (b"ANIM", b"......"), (b"ANMF", b"...")])), None);
        assert_eq!(webp(&riff(&[(b"VP8X", &head(0))])), None);
        assert_eq!(webp(&simple[..simple.len() - 3]), None);
    }
}
