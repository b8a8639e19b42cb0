//! What is in memory before, while and after people use it.

use std::{thread, time::Duration};

use anyhow::Result;
use image::{
    Rgb, RgbImage,
    codecs::png::{CompressionType, FilterType, PngEncoder},
};

use crate::{
    Bench, client,
    data::{self, Size},
    load::{Load, Request, Summary},
    report::{Line, Target, Unit},
    server::Server,
};

/// As many as the k6 load scenario has.
const PEOPLE: usize = 100;
const PICTURES: u32 = 16;
const REST: Duration = Duration::from_secs(5);

pub(super) fn run(bench: &Bench) -> Result<Vec<Line>> {
    let data = data::copy(Size::SMALL, &bench.folder)?;
    let echod = bench.serve(data.path())?;
    thread::sleep(REST);
    let (idle, _) = echod.memory()?;

    Bench::say("memory: pictures");
    let load = Load { connections: PEOPLE, ..Load::new(flow(&client::tokens(&echod, PEOPLE)?)?) };
    // The first fills what is meant to be filled: caches, buffers of threads.
    let (before, first) = use_it(bench, &echod, &load)?;
    let (after, second) = use_it(bench, &echod, &load)?;
    let (_, most) = echod.memory()?;

    let mebibytes = |bytes: u64| bytes as f64 / f64::from(1 << 20);
    let detail = format!("after one load {:.0} MiB, after two {:.0} MiB", mebibytes(before), mebibytes(after));
    let kept = after as f64 / before as f64;
    Ok(vec![
        Line::new("memory, idle", Target::AtMost(40.0), mebibytes(idle), Unit::Mebibytes, "1,000 posts"),
        Line::new(
            "memory at most, while 100 connections sign in, read and post pictures",
            Target::AtMost(200.0),
            mebibytes(most),
            Unit::Mebibytes,
            // Not a miss here: turning work away is what keeps memory within bounds. But less was done then.
            format!(
                "{} of {} requests were turned away",
                first.failed + second.failed,
                first.requests + second.requests
            ),
        ),
        Line::new(
            "memory after that, of what it was after the same before",
            Target::AtMost(1.2),
            kept,
            Unit::Ratio,
            detail,
        ),
    ])
}

/// Runs the load and lets the server rest. Returns what is in memory then, and what the load saw.
fn use_it(bench: &Bench, echod: &Server, load: &Load) -> Result<(u64, Summary)> {
    let seconds = bench.rounds.seconds * u64::try_from(bench.rounds.rounds)?;
    let summary = load.run(echod, seconds)?.summary;
    thread::sleep(REST);
    Ok((echod.memory()?.0, summary))
}

/// What the first Echo's k6 scripts do: sign in, read the feed, post two texts and a picture, look at oneself.
fn flow(tokens: &[String]) -> Result<Vec<Request>> {
    let pictures = (0..PICTURES).map(picture).collect::<Result<Vec<_>>>()?;
    let step = |(person, token): (usize, &String)| {
        let login = client::sign_in(person).to_string();
        [
            Request::post("/api/auth/login", None, "application/json", login.as_bytes()),
            Request::get("/api/posts?limit=10", Some(token)),
            publish(token, &pictures[person % pictures.len()]),
            Request::get("/api/users/me", Some(token)),
        ]
    };
    Ok(tokens.iter().enumerate().flat_map(step).collect())
}

fn publish(token: &str, picture: &[u8]) -> Request {
    const BOUNDARY: &str = "echo-bench-boundary";
    let mut body = Vec::new();
    let mut part = |head: &str, value: &[u8]| {
        body.extend_from_slice(format!("--{BOUNDARY}\r\nContent-Disposition: form-data; {head}\r\n\r\n").as_bytes());
        body.extend_from_slice(value);
        body.extend_from_slice(b"\r\n");
    };
    for (i, text) in ["Morning", "Evening"].into_iter().enumerate() {
        part(&format!("name=\"content[{i}][type]\""), b"text");
        part(&format!("name=\"content[{i}][value]\""), text.as_bytes());
    }
    part("name=\"content[2][type]\"", b"image");
    part("name=\"content[2][value]\"; filename=\"sea.png\"\r\nContent-Type: image/png", picture);
    body.extend_from_slice(format!("--{BOUNDARY}--\r\n").as_bytes());
    Request::post("/api/posts", Some(token), &format!("multipart/form-data; boundary={BOUNDARY}"), &body)
}

/// A PNG of about 100 kB: a sky that gets darker, over a rough sea. No two numbers have the same.
fn picture(number: u32) -> Result<Vec<u8>> {
    const WIDTH: u32 = 800;
    const HEIGHT: u32 = 600;
    let mut noise = number;
    let image = RgbImage::from_fn(WIDTH, HEIGHT, |x, y| {
        noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let [rough, ..] = noise.to_be_bytes();
        let [.., dark] = (y / 4).to_be_bytes();
        let [.., side] = (x / 8).to_be_bytes();
        if y < HEIGHT / 2 { Rgb([200 - dark, 220 - dark / 2, 255 - side]) } else { Rgb([20, 60, 100 + rough / 64]) }
    });
    let mut png = Vec::new();
    image.write_with_encoder(PngEncoder::new_with_quality(&mut png, CompressionType::Best, FilterType::Adaptive))?;
    Ok(png)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_has_about_100_kb() {
        let size = picture(1).unwrap().len();

        assert!((70_000..150_000).contains(&size), "{size}");
        assert_ne!(picture(1).unwrap(), picture(2).unwrap());
    }
}
