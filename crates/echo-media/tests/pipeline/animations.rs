//! Images that move.

use gif::{DecodeOptions, DisposalMethod, Encoder, ExtensionData, Frame, Repeat};

use super::{BLUE, RED, assert_near, contains, decoded, is_too_large, is_unsupported, process};

const PALETTE: [u8; 9] = [220, 30, 40, 20, 60, 200, 0, 0, 0];

/// `frames` of one pixel each on a canvas of 700 by 20, after a first one that is half red, half blue.
fn gif(frames: usize, repeat: Repeat) -> Vec<u8> {
    let mut encoder = Encoder::new(Vec::new(), 700, 20, &PALETTE).unwrap();
    encoder.set_repeat(repeat).unwrap();
    let halves: Vec<u8> = (0..700 * 20).map(|n| u8::from(n % 700 >= 350)).collect();
    encoder.write_frame(&Frame { delay: 7, ..Frame::from_indexed_pixels(700, 20, halves, None) }).unwrap();
    for n in 0..frames {
        let dot = Frame::from_indexed_pixels(1, 1, [1], Some(2));
        let left = u16::try_from(n % 700).unwrap();
        encoder.write_frame(&Frame { delay: 9, left, top: 3, dispose: DisposalMethod::Background, ..dot }).unwrap();
    }
    encoder.into_inner().unwrap()
}

/// Delay, place and size, disposal and pixels of each frame.
pub(crate) fn frames(bytes: &[u8]) -> Vec<(u16, [u16; 4], DisposalMethod, Vec<u8>)> {
    let decoder = DecodeOptions::new().read_info(bytes).unwrap();
    let told = |f: Frame<'_>| (f.delay, [f.left, f.top, f.width, f.height], f.dispose, f.buffer.to_vec());
    decoder.into_iter().map(|frame| told(frame.unwrap())).collect()
}

#[tokio::test]
async fn an_animation_goes_on_moving() {
    let upload = gif(12, Repeat::Finite(3));

    let processed = process(upload.clone()).await.unwrap();

    let bytes = &processed.original.bytes;
    assert_eq!(processed.original.extension, "gif");
    assert_eq!((processed.width, processed.height), (700, 20));
    assert_eq!(frames(bytes), frames(&upload));
    assert_eq!(DecodeOptions::new().read_info(bytes.as_ref()).unwrap().repeat(), Repeat::Finite(3));
}

#[tokio::test]
async fn its_copy_shows_the_first_frame() {
    let processed = process(gif(3, Repeat::Infinite)).await.unwrap();

    let [(320, _), (640, variant)] = processed.variants.as_slice() else { panic!("{}", processed.variants.len()) };
    let shown = decoded(&variant.bytes);
    assert_eq!(shown.dimensions(), (640, 18));
    assert_near(&shown, (20, 10), RED);
    assert_near(&shown, (620, 10), BLUE);
}

#[tokio::test]
async fn interlaced_frames_come_out_in_order() {
    // GIF89a, appendix E: every 8th row from 0, every 8th from 4, every 4th from 2, every 2nd from 1.
    let order = [0, 8, 4, 12, 2, 6, 10, 14, 1, 3, 5, 7, 9, 11, 13, 15];
    let stored: Vec<u8> = order.iter().flat_map(|row| [u8::from(*row >= 8); 4]).collect();
    let mut encoder = Encoder::new(Vec::new(), 4, 16, &PALETTE).unwrap();
    encoder.write_frame(&Frame { interlaced: true, ..Frame::from_indexed_pixels(4, 16, stored, None) }).unwrap();

    let processed = process(encoder.into_inner().unwrap()).await.unwrap();

    let shown = decoded(&processed.original.bytes);
    assert_near(&shown, (1, 7), RED);
    assert_near(&shown, (1, 8), BLUE);
}

#[tokio::test]
async fn comments_are_gone() {
    let mut encoder = Encoder::new(Vec::new(), 1, 1, &PALETTE).unwrap();
    encoder.write_raw_extension(gif::AnyExtension(0xFE), &[b"secret"]).unwrap();
    encoder.write_extension(ExtensionData::Repetitions(Repeat::Infinite)).unwrap();
    encoder.write_frame(&Frame::from_indexed_pixels(1, 1, [0], None)).unwrap();
    let upload = encoder.into_inner().unwrap();
    assert!(contains(&upload, b"secret"));

    let processed = process(upload).await.unwrap();

    assert!(!contains(&processed.original.bytes, b"secret"));
    assert!(contains(&processed.original.bytes, b"NETSCAPE2.0"));
}

#[tokio::test]
async fn there_is_an_end_to_frames() {
    assert!(process(gif(499, Repeat::Infinite)).await.is_ok());
    assert!(is_too_large(&process(gif(500, Repeat::Infinite)).await));
    assert!(is_too_large(&process(gif(10_000, Repeat::Infinite)).await));
}

#[tokio::test]
async fn there_is_an_end_to_the_pixels_of_all_frames() {
    let mut encoder = Encoder::new(Vec::new(), 6000, 6000, &PALETTE).unwrap();
    let mut frame = Frame::from_indexed_pixels(6000, 6000, vec![0; 36_000_000], None);
    frame.make_lzw_pre_encoded();
    for _ in 0..12 {
        encoder.write_lzw_pre_encoded_frame(&frame).unwrap();
    }

    assert!(is_too_large(&process(encoder.into_inner().unwrap()).await));
}

#[tokio::test]
async fn a_gif_without_frames_is_no_image() {
    let empty = Encoder::new(Vec::new(), 4, 4, &PALETTE).unwrap().into_inner().unwrap();

    assert!(is_unsupported(&process(empty).await));
}

#[tokio::test]
async fn a_gif_of_immense_size_is_too_large() {
    let mut upload = gif(0, Repeat::Infinite);
    upload[6..10].fill(0xFF);

    assert!(is_too_large(&process(upload).await));
}
