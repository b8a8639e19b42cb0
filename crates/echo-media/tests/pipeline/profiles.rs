//! Pictures of people.

use image::{DynamicImage, GenericImageView, ImageFormat, Rgb, RgbImage};

use super::{BLUE, RED, assert_near, decoded, encoded, halves, noise, process_for_profile};
use crate::photographs::with_exif;

/// Red, with a blue square as high as the image in its middle.
fn middle(width: u32, height: u32) -> DynamicImage {
    let middle = (width - height) / 2..(width + height) / 2;
    RgbImage::from_fn(width, height, |x, _| Rgb(if middle.contains(&x) { BLUE } else { RED })).into()
}

#[tokio::test]
async fn a_profile_shows_the_middle_of_its_picture_as_a_square() {
    for (format, extension) in [(ImageFormat::Jpeg, "jpg"), (ImageFormat::Png, "png"), (ImageFormat::WebP, "webp")] {
        let processed = process_for_profile(encoded(&middle(1600, 800), format)).await.unwrap();

        assert_eq!(processed.original.extension, extension);
        assert_eq!((processed.width, processed.height), (400, 400));
        assert_eq!((processed.blurhash.len(), processed.variants.len()), (28, 0));
        let shown = decoded(&processed.original.bytes);
        assert_eq!(shown.dimensions(), (400, 400));
        for corner in [(3, 3), (396, 3), (3, 396), (396, 396)] {
            assert_near(&shown, corner, BLUE);
        }
    }
}

#[tokio::test]
async fn a_small_picture_is_squared_but_not_enlarged() {
    for (width, height, side) in [(300, 90, 90), (90, 300, 90), (400, 401, 400), (1, 9, 1)] {
        let processed = process_for_profile(encoded(&noise(width, height), ImageFormat::Png)).await.unwrap();

        assert_eq!((processed.width, processed.height), (side, side));
        assert_eq!(decoded(&processed.original.bytes).dimensions(), (side, side));
    }
}

#[tokio::test]
async fn a_picture_is_turned_upright() {
    let lying = with_exif(&encoded(&halves(600, 600), ImageFormat::Jpeg), 6);

    let processed = process_for_profile(lying).await.unwrap();

    let shown = decoded(&processed.original.bytes);
    assert_near(&shown, (200, 4), RED);
    assert_near(&shown, (200, 396), BLUE);
}

#[tokio::test]
async fn a_picture_that_moved_stands_still() {
    let processed = process_for_profile(encoded(&halves(50, 50), ImageFormat::Gif)).await.unwrap();

    assert_eq!(processed.original.extension, "png");
    let shown = image::load_from_memory(&processed.original.bytes).unwrap();
    assert_eq!(shown.dimensions(), (50, 50));
    assert_near(&shown.into_rgba8(), (4, 4), RED);
}
