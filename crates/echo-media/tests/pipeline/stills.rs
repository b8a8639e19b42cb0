//! Images that do not move.

use image::{
    DynamicImage, ImageEncoder, ImageFormat, Rgb, RgbImage, Rgba, RgbaImage,
    codecs::{jpeg::JpegEncoder, png::PngEncoder},
};

use super::{BLUE, RED, assert_near, contains, decoded, encoded, halves, noise, process};

/// The JPEG with an APP1 segment after its start: EXIF with an orientation and a GPS latitude reference.
fn with_exif(jpeg: &[u8], orientation: u8) -> Vec<u8> {
    let mut exif = b"Exif\0\0MM\0\x2a\0\0\0\x08\0\x02".to_vec();
    // Orientation, SHORT, one; then where the GPS part is, LONG, one.
    exif.extend([0x01, 0x12, 0, 3, 0, 0, 0, 1, 0, orientation, 0, 0]);
    exif.extend([0x88, 0x25, 0, 4, 0, 0, 0, 1, 0, 0, 0, 38]);
    exif.extend([0; 4]);
    // One entry there: GPSLatitudeRef, ASCII.
    exif.extend([0, 1, 0, 1, 0, 2, 0, 0, 0, 4]);
    exif.extend(b"GPSN");
    exif.extend([0; 4]);
    let length = u16::try_from(exif.len() + 2).unwrap().to_be_bytes();
    [&jpeg[..2], &[0xFF, 0xE1], &length, &exif, &jpeg[2..]].concat()
}

#[tokio::test]
async fn each_format_stays_what_it_is() {
    for (format, extension) in [(ImageFormat::Jpeg, "jpg"), (ImageFormat::Png, "png"), (ImageFormat::WebP, "webp")] {
        let processed = process(encoded(&halves(64, 48), format)).await.unwrap();

        assert_eq!(processed.original.extension, extension);
        assert_eq!(image::guess_format(&processed.original.bytes).unwrap(), format);
        assert_eq!((processed.width, processed.height), (64, 48));
        assert_eq!(processed.blurhash.len(), 28);
        assert!(processed.variants.is_empty(), "it is not wider than those");
        let shown = decoded(&processed.original.bytes);
        assert_near(&shown, (4, 4), RED);
        assert_near(&shown, (60, 44), BLUE);
    }
}

#[tokio::test]
async fn a_wide_image_gets_a_narrower_copy() {
    let processed = process(encoded(&halves(1000, 500), ImageFormat::Png)).await.unwrap();

    let [(640, variant)] = processed.variants.as_slice() else { panic!("{:?}", processed.variants.len()) };
    assert_eq!(variant.extension, "webp");
    assert_eq!(image::guess_format(&variant.bytes).unwrap(), ImageFormat::WebP);
    let shown = decoded(&variant.bytes);
    assert_eq!(shown.dimensions(), (640, 320));
    assert_near(&shown, (20, 20), RED);
    assert_near(&shown, (620, 300), BLUE);
}

#[tokio::test]
async fn an_image_as_wide_as_the_copy_gets_none() {
    assert!(process(encoded(&halves(640, 2), ImageFormat::Png)).await.unwrap().variants.is_empty());
    assert_eq!(process(encoded(&halves(641, 2), ImageFormat::Png)).await.unwrap().variants.len(), 1);
}

#[tokio::test]
async fn the_thinnest_images_are_images() {
    for (width, height) in [(1, 1), (16_384, 1), (1, 16_384)] {
        let processed = process(encoded(&halves(width, height), ImageFormat::Png)).await.unwrap();
        assert_eq!((processed.width, processed.height), (width, height));
    }
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

#[tokio::test]
async fn what_is_appended_to_an_image_is_gone() {
    for format in [ImageFormat::Jpeg, ImageFormat::Png, ImageFormat::WebP, ImageFormat::Gif] {
        let polyglot = [encoded(&halves(32, 32), format), b"<script>alert(1)</script>PK\x03\x04".to_vec()].concat();

        let processed = process(polyglot).await.unwrap();

        assert!(!contains(&processed.original.bytes, b"<script>"), "{format:?}");
        assert!(!contains(&processed.original.bytes, b"PK\x03\x04"), "{format:?}");
    }
}

#[tokio::test]
async fn text_in_a_png_is_gone() {
    let png = encoded(&halves(8, 8), ImageFormat::Png);
    // Goes behind the signature and IHDR.
    let mut chunk = b"\0\0\0\x0etEXtComment\0secret".to_vec();
    chunk.extend(crc32(&chunk[4..]).to_be_bytes());
    let upload = [&png[..33], &chunk, &png[33..]].concat();

    let processed = process(upload).await.unwrap();

    assert!(!contains(&processed.original.bytes, b"secret"));
}

pub(crate) fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| if crc & 1 == 1 { crc >> 1 ^ 0xEDB8_8320 } else { crc >> 1 })
    })
}

#[tokio::test]
async fn transparency_stays() {
    let image = RgbaImage::from_fn(700, 20, |x, _| Rgba([200, 100, 50, if x < 350 { 0 } else { 255 }]));

    for format in [ImageFormat::Png, ImageFormat::WebP] {
        let processed = process(encoded(&image.clone().into(), format)).await.unwrap();

        for (bytes, right) in [(&processed.original.bytes, 690), (&processed.variants[0].1.bytes, 630)] {
            let shown = decoded(bytes);
            assert_eq!(shown.get_pixel(5, 5)[3], 0, "{format:?}");
            assert_near(&shown, (right, 5), [200, 100, 50]);
        }
    }
}

#[tokio::test]
async fn grey_and_deep_images_are_taken() {
    let deep = DynamicImage::ImageRgba16(halves(40, 40).into_rgba16());
    let grey = DynamicImage::ImageLuma8(halves(40, 40).into_luma8());
    let deep_grey = DynamicImage::ImageLumaA16(halves(40, 40).into_luma_alpha16());

    for image in [deep, grey.clone(), deep_grey] {
        let expected = image.to_rgb8().get_pixel(5, 5).0;
        let processed = process(encoded(&image, ImageFormat::Png)).await.unwrap();
        assert_near(&decoded(&processed.original.bytes), (5, 5), expected);
    }
    assert!(process(encoded(&grey, ImageFormat::Jpeg)).await.is_ok());
}

#[tokio::test]
async fn colours_of_a_wider_space_are_shown_as_meant() {
    let p3 = moxcms::ColorProfile::new_display_p3().encode().unwrap();
    let pixels = [120, 200, 90].repeat(64);
    let (mut png, mut jpeg) = (Vec::new(), Vec::new());
    let mut encoder = PngEncoder::new(&mut png);
    encoder.set_icc_profile(p3.clone()).unwrap();
    encoder.write_image(&pixels, 8, 8, image::ExtendedColorType::Rgb8).unwrap();
    let mut encoder = JpegEncoder::new_with_quality(&mut jpeg, 100);
    encoder.set_icc_profile(p3).unwrap();
    encoder.write_image(&pixels, 8, 8, image::ExtendedColorType::Rgb8).unwrap();

    for upload in [png, jpeg] {
        let processed = process(upload).await.unwrap();

        // Display P3 (120, 200, 90) in sRGB: by CSS Color 4, color(display-p3 0.4706 0.7843 0.3529).
        assert_near(&decoded(&processed.original.bytes), (4, 4), [88, 203, 74]);
        assert!(!contains(&processed.original.bytes, b"acsp"), "no profile is left");
    }
}

#[tokio::test]
async fn a_profile_that_makes_no_sense_is_ignored() {
    let grey_profile = moxcms::ColorProfile::new_gray_with_gamma(2.2).encode().unwrap();
    for profile in [b"no profile".to_vec(), vec![0; 200], grey_profile] {
        let mut png = Vec::new();
        let mut encoder = PngEncoder::new(&mut png);
        encoder.set_icc_profile(profile).unwrap();
        encoder.write_image(&RED.repeat(64), 8, 8, image::ExtendedColorType::Rgb8).unwrap();

        assert_near(&decoded(&process(png).await.unwrap().original.bytes), (4, 4), RED);
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

    assert_eq!((processed.width, processed.height, processed.variants.len()), (3000, 1000, 1));
}
