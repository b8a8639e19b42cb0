//! What a photograph costs, beside libvips, which makes the same copies of it.

use std::{fs, path::Path, process::Command, time::Duration};

use anyhow::{Context, Result, ensure};
use image::{Rgb, RgbImage, codecs::jpeg::JpegEncoder};

use crate::{
    Bench, client,
    data::{self, Size},
    load::{Load, Request},
    machine,
    report::{Line, Target, Unit, millis},
    rounds::{Series, Spread},
};

/// What Echo makes copies of.
const WIDTHS: [u32; 3] = [320, 640, 1280];

pub(super) fn run(bench: &Bench) -> Result<Vec<Line>> {
    Bench::say("image");
    let data = data::copy(Size::SMALL, &bench.folder)?;
    let echod = bench.serve(data.path())?;
    let token = client::tokens(&echod, 1)?.concat();
    let photograph = photograph()?;
    let file = data.path().join("photograph.jpg");
    fs::write(&file, &photograph)?;
    let uploads = Load { connections: 1, ..Load::new(vec![upload(&token, &photograph)]) };

    let (mut ours, mut vips) = (Series::default(), Vec::new());
    for _ in 0..bench.rounds.rounds {
        ours.0.push(uploads.run(&echod, bench.rounds.seconds)?);
        vips.push(thumbnails(&file)?.as_secs_f64() * 1e3);
    }

    let (echo, vips) = (ours.cpu().median / 1e3, Spread::of(vips).median);
    let detail = format!("upload {} ms, vipsthumbnail {} ms; {ours}", millis(echo), millis(vips));
    let what = "processor time of a 12-megapixel upload, of the same three copies by vipsthumbnail";
    Ok(vec![Line { failed: ours.failed(), ..Line::new(what, Target::AtMost(1.5), echo / vips, Unit::Ratio, detail) }])
}

/// The processor time that the copies of one photograph take, on average of several: the clock has coarse ticks.
fn thumbnails(photograph: &Path) -> Result<Duration> {
    const TIMES: u32 = 5;
    let before = machine::cpu_of_children()?;
    for width in (0..TIMES).flat_map(|_| WIDTHS) {
        let mut vips = Command::new("vipsthumbnail");
        vips.arg(photograph).args(["--size", &format!("{width}x"), "-o", &format!("%s-{width}.webp[Q=80,strip]")]);
        let status = vips.status().context("cannot run vipsthumbnail: apt-get install libvips-tools")?;
        ensure!(status.success(), "vipsthumbnail failed ({status})");
    }
    Ok((machine::cpu_of_children()? - before) / TIMES)
}

/// An upload of an image that no post takes.
pub(super) fn upload(token: &str, image: &[u8]) -> Request {
    const BOUNDARY: &str = "echo-bench-boundary";
    let head = format!("--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"sea.jpg\"\r\n\r\n");
    let body = [head.as_bytes(), image, format!("\r\n--{BOUNDARY}--\r\n").as_bytes()].concat();
    Request::post("/api/media", Some(token), &format!("multipart/form-data; boundary={BOUNDARY}"), &body)
}

/// A JPEG of 12 megapixels and about as many bytes as a phone makes: waves of all lengths, and a sensor's noise.
pub(super) fn photograph() -> Result<Vec<u8>> {
    let mut noise: u32 = 1;
    let wave = |at: u32, length: f32| (at as f32 / length).sin();
    let image = RgbImage::from_fn(4000, 3000, |x, y| {
        noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let [rough, ..] = noise.to_be_bytes();
        let light = 120.0 + 50.0 * wave(x + y, 700.0) + 30.0 * wave(2 * x, 53.0) * wave(y, 90.0) + 9.0 * wave(x, 3.0);
        // Never outside of what a byte holds; `as` would only cut it off.
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 31 and 210")]
        let level = light as u8 + rough / 8;
        Rgb([level, level / 2 + 60, 250 - level])
    });
    let mut jpeg = Vec::new();
    JpegEncoder::new_with_quality(&mut jpeg, 88).encode_image(&image)?;
    Ok(jpeg)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_photograph_is_as_large_as_a_phone_s() {
        let megabytes = photograph().unwrap().len() / 1_000_000;

        assert!((2..9).contains(&megabytes), "{megabytes} MB");
    }
}
