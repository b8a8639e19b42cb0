//! Pictures in files that show another: nobody has looked at them, so nobody gets them.

use image::ImageFormat::{Jpeg, WebP};

use super::{RED, assert_near, contains, decoded, encoded, halves, is_too_large, is_unsupported, noise, process};

fn chunk(kind: &[u8; 4], data: &[u8]) -> Vec<u8> {
    [kind, &u32::try_from(data.len()).unwrap().to_le_bytes(), data].concat()
}

/// Of 90 by 70 pixels.
fn extended_header(flags: u8) -> Vec<u8> {
    chunk(b"VP8X", &[flags, 0, 0, 0, 89, 0, 0, 69, 0, 0])
}

fn webp(chunks: &[Vec<u8>]) -> Vec<u8> {
    chunk(b"RIFF", &[b"WEBP".to_vec(), chunks.concat()].concat())
}

/// As the first and only one.
fn frame(chunks: &[u8]) -> Vec<u8> {
    let header = [0, 0, 0, 0, 0, 0, 89, 0, 0, 69, 0, 0, 0, 0, 0, 0];
    [chunk(b"ANIM", &[0; 6]), chunk(b"ANMF", &[&header, chunks].concat())].concat()
}

#[tokio::test]
async fn a_second_scan_is_gone() {
    let (shown, hidden) = (encoded(&halves(90, 70), Jpeg), encoded(&noise(90, 70), Jpeg));
    let scan = hidden.windows(2).position(|marker| marker == [0xFF, 0xDA]).unwrap();

    let processed = process([&shown[..shown.len() - 2], &hidden[scan..]].concat()).await.unwrap();

    assert_near(&decoded(&processed.original.bytes), (4, 4), RED);
    assert!(!contains(&processed.original.bytes, &hidden[scan..hidden.len() - 2]));
}

#[tokio::test]
async fn a_still_beside_an_animation_is_gone() {
    let (shown, hidden) = (encoded(&halves(90, 70), WebP), encoded(&noise(90, 70), WebP));

    let upload = webp(&[extended_header(2), hidden[12..].to_vec(), frame(&shown[12..])]);
    let processed = process(upload).await.unwrap();

    assert_near(&decoded(&processed.original.bytes), (4, 4), RED);
    assert!(!contains(&processed.original.bytes, &hidden[12..]));
}

#[tokio::test]
async fn nothing_behind_the_end_that_a_webp_declares_is_decoded() {
    let mut upload = webp(&[extended_header(0)]);
    upload.extend(&encoded(&halves(90, 70), WebP)[12..]);

    assert!(is_unsupported(&process(upload).await));
}

#[tokio::test]
async fn an_immense_bitstream_by_another_name_is_too_large() {
    // The decoder takes whatever follows transparency, though its frame may end one byte too early.
    let bitstream = chunk(b"JUNK", b"\x10\0\0\x9D\x01\x2A\xFF\x3F\xFF\x3F");
    let chunks = [chunk(b"ALPH", b"\0"), vec![0], bitstream].concat();

    assert!(is_too_large(&process(webp(&[extended_header(2), frame(&chunks)])).await));
}

#[tokio::test]
async fn frames_in_frames_are_no_image() {
    let frames = [b"ANMF\xFF\xFF\xFF\x7F".as_slice(), &[0; 16]].concat().repeat(400_000);

    assert!(is_unsupported(&process(webp(&[extended_header(2), frames])).await));
}
