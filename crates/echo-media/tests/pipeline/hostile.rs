//! Files that are no images, broken ones, and those that mean harm.

use image::ImageFormat;

use super::{encoded, halves, is_too_large, is_unsupported, noise, process};

const FORMATS: [ImageFormat; 4] = [ImageFormat::Jpeg, ImageFormat::Png, ImageFormat::WebP, ImageFormat::Gif];

#[tokio::test]
async fn what_is_no_image_is_refused_whatever_it_is_called() {
    for upload in [
        b"".as_slice(),
        b"\0",
        b"<!doctype html><script>alert(1)</script>",
        b"<svg xmlns=\"http://www.w3.org/2000/svg\" onload=\"alert(1)\"/>",
        b"<?xml version=\"1.0\"?><svg/>",
        b"%PDF-1.7",
        b"BM\x3a\0\0\0\0\0\0\0\x36\0\0\0",
        b"II*\0\x08\0\0\0",
        b"RIFF\0\0\0\0WAVE",
        b"RIFF\0\0\0\0WEBP",
        b"\xFF\xD8\xFF",
        b"\xFF\xD8\xFF\xD9",
        b"\x89PNG\r\n\x1a\n",
        b"GIF89a",
        &[0; 4096],
        &[0xFF; 4096],
    ] {
        assert!(is_unsupported(&process(upload).await), "{:?}", &upload[..upload.len().min(20)]);
    }
}

#[tokio::test]
async fn an_image_cut_short_is_refused() {
    for format in FORMATS {
        let whole = encoded(&noise(120, 90), format);
        for tenth in 0..10 {
            let cut = whole[..whole.len() * tenth / 10].to_vec();
            assert!(is_unsupported(&process(cut).await), "{format:?} after {tenth}/10");
        }
        assert!(process(whole).await.is_ok(), "{format:?}");
    }
}

#[tokio::test]
async fn changed_bytes_never_break_anything() {
    for format in FORMATS {
        let whole = encoded(&noise(40, 30), format);
        for at in (0..whole.len()).step_by(whole.len() / 150 + 1) {
            let mut changed = whole.clone();
            changed[at] ^= 0xA5;
            let outcome = process(changed).await;
            assert!(outcome.is_ok() || is_unsupported(&outcome) || is_too_large(&outcome), "{format:?} at {at}");
        }
    }
}

#[tokio::test]
async fn a_file_of_more_than_10_mebibytes_is_too_large() {
    assert!(is_too_large(&process(vec![0; (10 << 20) + 1]).await));
    assert!(is_unsupported(&process(vec![0; 10 << 20]).await));
}

/// A PNG whose header claims a size that its data does not have.
fn png_claiming(width: u32, height: u32) -> Vec<u8> {
    let mut png = encoded(&halves(8, 8), ImageFormat::Png);
    png[16..20].copy_from_slice(&width.to_be_bytes());
    png[20..24].copy_from_slice(&height.to_be_bytes());
    let sum = super::stills::crc32(&png[12..29]).to_be_bytes();
    png[29..33].copy_from_slice(&sum);
    png
}

#[tokio::test]
async fn a_header_that_claims_too_much_is_believed_and_refused() {
    for (width, height) in [(50_000, 50_000), (50_000, 1), (1, 50_000), (16_385, 1), (6_325, 6_325), (1 << 30, 1 << 30)]
    {
        assert!(is_too_large(&process(png_claiming(width, height)).await), "{width} by {height}");
    }
    // Within the limits, but not true.
    assert!(is_unsupported(&process(png_claiming(6_000, 6_000)).await));
    assert!(is_unsupported(&process(png_claiming(0, 8)).await));
}

#[tokio::test]
async fn a_jpeg_of_immense_size_is_too_large() {
    let mut jpeg = encoded(&halves(8, 8), ImageFormat::Jpeg);
    let frame = jpeg.windows(2).position(|marker| marker == [0xFF, 0xC0]).unwrap();
    jpeg[frame + 5..frame + 9].fill(0xFF);

    assert!(is_too_large(&process(jpeg).await));
}

#[tokio::test]
async fn a_jpeg_of_endless_scans_is_refused() {
    let jpeg = encoded(&halves(8, 8), ImageFormat::Jpeg);
    let scan = jpeg.windows(2).position(|marker| marker == [0xFF, 0xDA]).unwrap();
    let scans = jpeg[scan..jpeg.len() - 2].repeat(101);

    assert!(is_unsupported(&process([&jpeg[..scan], &scans, &[0xFF, 0xD9]].concat()).await));
}

#[tokio::test]
async fn a_webp_that_hides_an_immense_bitstream_is_too_large() {
    // A lossy key frame of 16,383 by 16,383 in a file that declares one pixel. RFC 9649 §2.7, RFC 6386 §9.1.
    let mut frame = vec![0x10, 0, 0, 0x9D, 0x01, 0x2A];
    frame.extend([0xFF, 0x3F, 0xFF, 0x3F]);
    frame.extend([0; 22]);
    let chunk = |kind: &[u8], data: &[u8]| [kind, &u32::try_from(data.len()).unwrap().to_le_bytes(), data].concat();
    let chunks = [b"WEBP".to_vec(), chunk(b"VP8X", &[0; 10]), chunk(b"VP8 ", &frame)].concat();

    assert!(is_too_large(&process(chunk(b"RIFF", &chunks)).await));
}

#[tokio::test]
async fn more_images_than_may_wait_are_refused_for_now() {
    use echo_domain::{
        Error,
        media::{ImagePipeline, Purpose},
    };

    let threads = echo_media::ImageThreads::new(1, 1).unwrap();
    let upload: bytes::Bytes = encoded(&noise(400, 400), ImageFormat::Jpeg).into();
    let outcomes =
        futures_util::future::join_all((0..20).map(|_| threads.process(upload.clone(), Purpose::Post))).await;

    let refused = outcomes.iter().filter(|outcome| matches!(outcome, Err(Error::Unavailable { .. })));
    // The queue takes one, and the thread may have taken one from it meanwhile.
    assert!((18..20).contains(&refused.count()));
}
