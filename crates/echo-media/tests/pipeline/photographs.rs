//! JPEGs: what is in them beside the picture, and that the picture stays as good as it was.

use image::{ImageFormat, Rgb, RgbImage};

use super::{BLUE, RED, assert_near, contains, decoded, encoded, halves, noise, process};

/// The JPEG with an APP1 segment after its start: EXIF with an orientation and a GPS latitude reference.
pub(crate) fn with_exif(jpeg: &[u8], orientation: u8) -> Vec<u8> {
    let mut exif = b"Exif\0\0MM\0\x2a\0\0\0\x08\0\x02".to_vec();
    // Orientation, SHORT, one; then where the GPS part is, LONG, one.
    exif.extend([0x01, 0x12, 0, 3, 0, 0, 0, 1, 0, orientation, 0, 0]);
    exif.extend([0x88, 0x25, 0, 4, 0, 0, 0, 1, 0, 0, 0, 38]);
    exif.extend([0; 4]);
    // One entry there: GPSLatitudeRef, ASCII.
    exif.extend([0, 1, 0, 1, 0, 2, 0, 0, 0, 4]);
    exif.extend(b"GPSN");
    exif.extend([0; 4]);
    with_segment(jpeg, 0xE1, &exif)
}

fn with_segment(jpeg: &[u8], marker: u8, data: &[u8]) -> Vec<u8> {
    let length = u16::try_from(data.len() + 2).unwrap().to_be_bytes();
    [&jpeg[..2], &[0xFF, marker], &length, data, &jpeg[2..]].concat()
}

#[tokio::test]
async fn a_photograph_is_turned_upright_and_tells_nothing_of_where_it_was_taken() {
    let upload = with_exif(&encoded(&halves(64, 32), ImageFormat::Jpeg), 6);
    assert!(contains(&upload, b"Exif") && contains(&upload, b"GPSN"));

    let processed = process(upload).await.unwrap();

    assert_eq!((processed.width, processed.height), (32, 64));
    let shown = decoded(&processed.original.bytes);
    // Turned clockwise, what was left is on top.
    assert_near(&shown, (16, 4), RED);
    assert_near(&shown, (16, 60), BLUE);
    for trace in [b"Exif".as_slice(), b"GPSN"] {
        assert!(!contains(&processed.original.bytes, trace));
    }
}

#[tokio::test]
async fn every_orientation_is_understood() {
    let corner = RgbImage::from_fn(32, 16, |x, y| Rgb(if x < 16 && y < 8 { RED } else { BLUE }));
    let jpeg = encoded(&corner.into(), ImageFormat::Jpeg);

    // Where the upper left corner is to be shown (EXIF 2.32, table 6).
    for (orientation, width, x, y) in [
        (1, 32, 2, 2),
        (2, 32, 29, 2),
        (3, 32, 29, 13),
        (4, 32, 2, 13),
        (5, 16, 2, 2),
        (6, 16, 13, 2),
        (7, 16, 13, 29),
        (8, 16, 2, 29),
        (9, 32, 2, 2),
    ] {
        let processed = process(with_exif(&jpeg, orientation)).await.unwrap();
        assert_eq!(processed.width, width, "{orientation}");
        assert_near(&decoded(&processed.original.bytes), (x, y), RED);
    }
}

// Made with Pillow: Image.new("CMYK", (16, 16), (0, 255, 255, 0)).save(…).
#[tokio::test]
async fn inks_become_light() {
    let processed = process(include_bytes!("../images/red-cmyk.jpg").as_slice()).await.unwrap();

    assert_near(&decoded(&processed.original.bytes), (8, 8), [254, 0, 0]);
}

#[tokio::test]
async fn a_large_photograph_is_taken() {
    let upload = encoded(&noise(3000, 1000), ImageFormat::Jpeg);

    let processed = process(upload).await.unwrap();

    assert_eq!((processed.width, processed.height, processed.variants.len()), (3000, 1000, 3));
}

/// Of what a photograph shows, when nothing has to change but what is around it.
#[tokio::test]
async fn the_pixels_of_an_upright_photograph_stay_as_they_were() {
    let plain = encoded(&noise(90, 70), ImageFormat::Jpeg);
    let upload = with_segment(&with_exif(&plain, 1), 0xFE, b"a comment");

    let processed = process([upload, b"and more".to_vec()].concat()).await.unwrap();

    let kept = processed.original.bytes;
    assert_eq!(decoded(&kept), decoded(&plain));
    for trace in [b"Exif".as_slice(), b"GPSN", b"a comment", b"and more"] {
        assert!(!contains(&kept, trace));
    }
    assert!(kept.len() <= plain.len());
}

#[tokio::test]
async fn of_a_plain_photograph_its_tables_and_scans_are_kept_and_nothing_else() {
    let upload = encoded(&noise(90, 70), ImageFormat::Jpeg);
    let tables = upload.windows(2).position(|marker| marker == [0xFF, 0xDB] || marker == [0xFF, 0xC0]).unwrap();

    let processed = process(with_segment(&upload, 0xEB, b"an application's own")).await.unwrap();

    let (header, rest) = processed.original.bytes.split_at(20);
    assert_eq!(header, b"\xFF\xD8\xFF\xE0\0\x10JFIF\0\x01\x01\0\0\x01\0\x01\0\0");
    assert_eq!(rest, &upload[tables..]);
}

#[tokio::test]
async fn a_photograph_that_can_be_read_in_two_ways_is_encoded_anew() {
    let plain = encoded(&noise(90, 70), ImageFormat::Jpeg);
    let end_of_scan = &plain[plain.len() - 40..];

    // JFIF says that its colours are YCbCr, Adobe that they are RGB.
    let processed = process(with_segment(&plain, 0xEE, b"Adobe\0\x64\0\0\0\0\0")).await.unwrap();

    assert!(!processed.original.bytes.ends_with(end_of_scan));
    assert!(process(plain.clone()).await.unwrap().original.bytes.ends_with(end_of_scan));
}
