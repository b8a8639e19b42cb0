//! Images as they are out there: the samples that Pillow ships, good and bad, in the folder that `ECHO_TEST_IMAGES` names.

use std::{
    fs,
    path::{Path, PathBuf},
};

use echo_domain::{Error, media::Processed};
use image::RgbaImage;

use super::{animations::frames, assert_near, contains, decoded, process};

fn samples() -> PathBuf {
    #[expect(clippy::disallowed_methods, reason = "where the samples are is for the test command to say")]
    let folder = std::env::var("ECHO_TEST_IMAGES")
        .expect("ECHO_TEST_IMAGES must name the folder with Pillow's test images; scripts/test fetches them");
    folder.into()
}

fn sample(name: &str) -> Vec<u8> {
    fs::read(samples().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

async fn shown(name: &str) -> (Processed, RgbaImage) {
    let processed = process(sample(name)).await.unwrap_or_else(|error| panic!("{name}: {error}"));
    let shown = decoded(&processed.original.bytes);
    (processed, shown)
}

fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        match entry.file_type().unwrap().is_dir() {
            true => walk(&entry.path(), found),
            false => found.push(entry.path()),
        }
    }
}

/// What begins metadata, in each of the formats.
const METADATA: [&[u8]; 7] =
    [b"Exif\0\0", b"eXIf", b"ICC_PROFILE", b"iCCP", b"http://ns.adobe.com", b"Photoshop 3.0", b"XML:com.adobe"];

#[tokio::test]
async fn every_sample_is_shown_without_its_metadata_or_refused() {
    let mut files = Vec::new();
    walk(&samples(), &mut files);
    assert!(files.len() > 900, "{} samples", files.len());

    let mut n_shown = 0;
    for file in files {
        match process(fs::read(&file).unwrap()).await {
            Ok(processed) => {
                n_shown += 1;
                let files = processed.variants.iter().map(|(_, file)| file).chain([&processed.original]);
                for bytes in files.map(|encoded| &encoded.bytes) {
                    decoded(bytes);
                    let trace = METADATA.into_iter().find(|trace| contains(bytes, trace));
                    assert_eq!(trace, None, "{}", file.display());
                }
            }
            Err(Error::TooLarge(_) | Error::Unsupported(_)) => {}
            Err(error) => panic!("{}: {error:?}", file.display()),
        }
    }

    assert!(n_shown > 400, "{n_shown} samples are shown");
}

#[tokio::test]
async fn a_camera_held_in_any_way_takes_the_same_picture() {
    for format in ["jpg", "webp"] {
        let (first, expected) = shown(&format!("hopper_orientation_2.{format}")).await;
        for orientation in 3..=8 {
            let (other, seen) = shown(&format!("hopper_orientation_{orientation}.{format}")).await;

            assert_eq!((other.width, other.height), (first.width, first.height));
            let difference: u64 = expected.iter().zip(seen.iter()).map(|(a, b)| u64::from(a.abs_diff(*b))).sum();
            let average = difference / u64::try_from(expected.len()).unwrap();
            assert!(average < 6, "{format} {orientation}: {average} levels apart");
        }
    }
}

/// The colours are those that libvips 8.14 shows: `vips icc_transform <name> out.png srgb --embedded`, then `getpoint`.
#[tokio::test]
async fn colours_are_those_that_others_show() {
    for (name, at, colour) in [
        ("icc_profile_big.jpg", (20, 20), [0, 44, 106]),
        ("icc_profile_big.jpg", (60, 200), [58, 119, 150]),
        ("xmp_tags_orientation.png", (81, 67), [245, 214, 176]),
        ("xmp_tags_orientation.png", (244, 160), [144, 130, 66]),
        ("xmp_test.jpg", (500, 268), [130, 131, 126]),
        ("xmp_test.jpg", (1500, 643), [144, 141, 147]),
    ] {
        let (_, seen) = shown(name).await;
        assert_near(&seen, at, colour);
    }
}

#[tokio::test]
async fn animations_keep_their_frames() {
    for (name, n_frames) in [("chi.gif", 31), ("dispose_bgnd.gif", 5), ("dispose_prev.gif", 5), ("iss634.gif", 42)] {
        let upload = sample(name);

        let processed = process(upload.clone()).await.unwrap();

        let kept = frames(&processed.original.bytes);
        assert_eq!(kept.len(), n_frames, "{name}");
        assert!(kept == frames(&upload), "{name}");
    }
}

#[tokio::test]
async fn what_is_damaged_or_too_much_is_refused() {
    for name in
        ["truncated_jpeg.jpg", "truncated_image.png", "decompression_bomb.gif", "broken_data_stream.png", "hopper.tif"]
    {
        assert!(process(sample(name)).await.is_err(), "{name}");
    }
}
