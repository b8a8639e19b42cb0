//! Pictures for demo posts, drawn in code.

use std::io::Cursor;

use bytes::Bytes;
use image::{DynamicImage, ImageFormat, Rgb, RgbImage};

use super::dice::{Dice, Kind};

/// How many there are that differ.
const DISTINCT: u32 = 120;

/// In pixels. Some are wide enough to get a narrower copy.
const SIZES: [(u32, u32); 4] = [(800, 600), (720, 720), (600, 800), (480, 320)];

/// An image file and what it shows.
pub(super) struct Picture {
    pub(super) bytes: Bytes,
    pub(super) alt: &'static str,
}

/// What a picture is made of.
struct Canvas {
    width: u32,
    height: u32,
    ink: Rgb<u8>,
    paper: Rgb<u8>,
    /// In pixels: how large the parts of the pattern are.
    grain: u32,
}

/// The picture of this number; after the last of them the first comes again.
pub(super) fn draw(number: u32) -> Picture {
    let mut dice = Dice::new(0, Kind::Picture, u64::from(number % DISTINCT));
    let (width, height) = dice.pick(&SIZES);
    let canvas = Canvas { width, height, ink: colour(&mut dice), paper: colour(&mut dice), grain: 40 + dice.below(80) };
    match dice.below(4) {
        0 => canvas.draw(Canvas::dusk, ImageFormat::Jpeg, "The sun over a calm sea"),
        1 => canvas.draw(Canvas::hills, ImageFormat::Jpeg, "Hills behind hills"),
        2 => canvas.draw(Canvas::tiles, ImageFormat::Png, "Tiles in two colours"),
        _ => canvas.draw(Canvas::rings, ImageFormat::Png, "Rings on water"),
    }
}

fn colour(dice: &mut Dice) -> Rgb<u8> {
    let [red, green, blue, ..] = dice.next().to_le_bytes();
    Rgb([red, green, blue])
}

impl Canvas {
    fn draw(&self, colour: impl Fn(&Self, u32, u32) -> Rgb<u8>, format: ImageFormat, alt: &'static str) -> Picture {
        let pixels = RgbImage::from_fn(self.width, self.height, |x, y| colour(self, x, y));
        let mut bytes = Cursor::new(Vec::new());
        DynamicImage::ImageRgb8(pixels).write_to(&mut bytes, format).expect("memory takes any image");
        Picture { bytes: bytes.into_inner().into(), alt }
    }

    fn dusk(&self, x: u32, y: u32) -> Rgb<u8> {
        let (radius, sun) = (self.grain, (self.width / 2, self.height / 3));
        if distance_squared((x, y), sun) < radius * radius {
            return Rgb([255, 236, 190]);
        }
        self.blend(y, self.height)
    }

    fn hills(&self, x: u32, y: u32) -> Rgb<u8> {
        // Each ridge is a triangle wave, longer and lower down than the one behind it.
        let height_of = |ridge: u32| {
            let length = self.grain * (ridge + 2);
            self.height * (ridge + 1) / 5 + (x % length).abs_diff(length / 2) / 2
        };
        let ridges = (0..4).filter(|ridge| height_of(*ridge) < y).count();
        self.blend(u32::try_from(ridges).unwrap_or(4), 4)
    }

    fn tiles(&self, x: u32, y: u32) -> Rgb<u8> {
        if (x / self.grain + y / self.grain).is_multiple_of(2) { self.ink } else { self.paper }
    }

    fn rings(&self, x: u32, y: u32) -> Rgb<u8> {
        let from_centre = distance_squared((x, y), (self.width / 2, self.height / 2)).isqrt();
        if (from_centre / (self.grain / 2)).is_multiple_of(2) { self.ink } else { self.paper }
    }

    /// Between paper and ink, `part` of `whole` of the way.
    fn blend(&self, part: u32, whole: u32) -> Rgb<u8> {
        Rgb(std::array::from_fn(|channel| {
            let (ink, paper) = (u32::from(self.ink[channel]), u32::from(self.paper[channel]));
            u8::try_from((ink * part + paper * (whole - part)) / whole).expect("between two bytes")
        }))
    }
}

fn distance_squared(one: (u32, u32), other: (u32, u32)) -> u32 {
    one.0.abs_diff(other.0).pow(2) + one.1.abs_diff(other.1).pow(2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_are_files_of_moderate_size_and_differ() {
        let drawn: Vec<_> = (0..8).map(draw).collect();

        assert!(drawn.iter().all(|it| (500..300_000).contains(&it.bytes.len())));
        assert!((1..8).all(|n| drawn[n].bytes != drawn[0].bytes));
        assert_eq!(draw(DISTINCT + 3).bytes, drawn[3].bytes);
    }
}
