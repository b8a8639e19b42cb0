//! Images that do not move.

use image::{
    DynamicImage, ImageEncoder, ImageFormat, Rgb, RgbImage, Rgba, RgbaImage,
    codecs::{jpeg::JpegEncoder, png::PngEncoder},
};

use super::{BLUE, RED, assert_near, contains, decoded, encoded, halves, noise, process, widths};

#[tokio::test]
async fn each_format_stays_what_it_is() {
    for (format, extension) in [(ImageFormat::Jpeg, "jpg"), (ImageFormat::Png, "png"), (ImageFormat::WebP, "webp")] {
        let processed = process(encoded(&halves(64, 48), format)).await.unwrap();

        assert_eq!(processed.original.extension, extension);
        assert_eq!(image::guess_format(&processed.original.bytes).unwrap(), format);
        assert_eq!((processed.width, processed.height), (64, 48));
        assert_eq!(processed.blurhash.len(), 28);
        assert!(processed.variants.iter().all(|(width, _)| *width == 64), "it is not wider than those");
        let shown = decoded(&processed.original.bytes);
        assert_near(&shown, (4, 4), RED);
        assert_near(&shown, (60, 44), BLUE);
    }
}

#[tokio::test]
async fn a_wide_image_gets_narrower_copies() {
    let processed = process(encoded(&halves(2000, 1000), ImageFormat::Png)).await.unwrap();

    assert_eq!(widths(&processed), [320, 640, 1280]);
    for (width, variant) in &processed.variants {
        assert_eq!(variant.extension, "webp");
        assert_eq!(image::guess_format(&variant.bytes).unwrap(), ImageFormat::WebP);
        let shown = decoded(&variant.bytes);
        assert_eq!(shown.dimensions(), (*width, width / 2));
        assert_near(&shown, (width / 8, 20), RED);
        assert_near(&shown, (width / 8 * 7, 100), BLUE);
    }
}

#[tokio::test]
async fn no_copy_is_wider_than_the_image() {
    for (width, copies) in [(320, [].as_slice()), (321, &[320]), (640, &[320]), (641, &[320, 640]), (1280, &[320, 640])]
    {
        let processed = process(encoded(&halves(width, 2), ImageFormat::WebP)).await.unwrap();
        assert_eq!(widths(&processed), copies);
    }
}

/// Hardly anything for a PNG, and much for a WebP.
fn stripes(width: u32, height: u32) -> DynamicImage {
    RgbImage::from_fn(width, height, |x, _| Rgb(if x % 2 == 0 { RED } else { BLUE })).into()
}

#[tokio::test]
async fn an_older_format_gets_a_copy_of_its_own_width_if_that_has_fewer_bytes() {
    for (image, format, expected) in [
        (noise(500, 40), ImageFormat::Png, [320, 500].as_slice()),
        (noise(1280, 40), ImageFormat::Jpeg, &[320, 640, 1280]),
        (noise(1281, 40), ImageFormat::Jpeg, &[320, 640, 1280]),
        (noise(500, 40), ImageFormat::WebP, &[320]),
        (stripes(500, 40), ImageFormat::Png, &[320]),
    ] {
        let processed = process(encoded(&image, format)).await.unwrap();

        assert_eq!(widths(&processed), expected, "{format:?}");
        for (_, variant) in processed.variants.iter().filter(|(width, _)| *width == processed.width) {
            assert!(variant.bytes.len() < processed.original.bytes.len());
            assert_eq!(decoded(&variant.bytes).dimensions(), (processed.width, processed.height));
        }
    }
}

#[tokio::test]
async fn the_thinnest_images_are_images() {
    for (width, height) in [(1, 1), (16_384, 1), (1, 16_384)] {
        let processed = process(encoded(&halves(width, height), ImageFormat::Png)).await.unwrap();
        assert_eq!((processed.width, processed.height), (width, height));
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

        let copy = &processed.variants.iter().find(|(width, _)| *width == 640).unwrap().1;
        for (bytes, right) in [(&processed.original.bytes, 690), (&copy.bytes, 630)] {
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
