//! The people who do it: signed in, with what they ask for.

use std::{
    collections::BTreeSet,
    net::SocketAddr,
    sync::atomic::{AtomicUsize, Ordering},
};

use anyhow::{Context, Result, ensure};
use axum::http::Method;
use bytes::Bytes;
use image::{Rgb, RgbImage, codecs::jpeg::JpegEncoder};
use serde_json::{Value, json};

use crate::commands::seed;

use super::{
    client::{self, Call, Connection},
    mix::Kind,
};

/// How many are signed in: each has a timeline of their own.
const SIGNED_IN: u32 = 100;
/// Posts of all that are opened and liked.
const POSTS: usize = 1000;
/// Pictures to publish.
const PICTURES: u32 = 6;
/// Of a picture, in pixels: what Instagram keeps of a photograph, and so what apps send that make it smaller themselves.
const SIZE: (u32, u32) = (1080, 1350);

/// Requests of every kind, to be sent one after the other, and from the first again.
pub(super) struct Crowd(Vec<(Vec<Call>, AtomicUsize)>);

impl Crowd {
    /// Signs people in, of so many that there are, and looks what there is to be seen.
    ///
    /// # Errors
    /// When Echo refuses any of it.
    pub(super) async fn gather(address: SocketAddr, people: u32) -> Result<Self> {
        let mut connection = Connection::open(address).await?;
        let mut tokens = Vec::new();
        for person in 0..SIGNED_IN.min(people) {
            let session = connection.data(&sign_in(person)?).await?;
            tokens.push(text(&session["accessToken"])?);
        }
        let (posts, images) = sights(&mut connection).await?;
        let pictures = pictures()?;
        let each = |kind| match kind {
            Kind::Feed => tokens.iter().map(|token| client::get("/api/feed?limit=20", Some(token))).collect(),
            Kind::Post => {
                by_turns(&posts, &tokens, |post, token| client::get(&format!("/api/posts/{post}"), Some(token)))
            }
            Kind::Image => images.iter().map(|path| client::get(path, None)).collect(),
            Kind::Like => by_turns(&posts, &tokens, |post, token| {
                client::call(Method::PATCH, &format!("/api/posts/{post}/like"), Some(token), "", Bytes::new())
            }),
            Kind::Publish => tokens.iter().map(|token| publish(token)).collect(),
            Kind::Upload => by_turns(&pictures, &tokens, |picture, token| upload(token, picture)),
            Kind::SignIn => (0..people).map(sign_in).collect(),
        };
        let calls = Kind::ALL.into_iter().map(|kind| Ok((each(kind)?, AtomicUsize::new(0))));
        Ok(Self(calls.collect::<Result<_>>()?))
    }

    /// The next request of this kind.
    pub(super) fn next(&self, kind: Kind) -> &Call {
        let (calls, next) = &self.0[kind as usize];
        &calls[next.fetch_add(1, Ordering::Relaxed) % calls.len()]
    }
}

/// Everything on one side, with whoever is next on the other: at least as many as there are people.
fn by_turns<T>(things: &[T], tokens: &[String], call: impl Fn(&T, &str) -> Result<Call>) -> Result<Vec<Call>> {
    let n = things.len().max(tokens.len());
    (0..n).map(|n| call(&things[n % things.len()], &tokens[n % tokens.len()])).collect()
}

/// The newest posts, and the images that they show, as paths.
async fn sights(connection: &mut Connection) -> Result<(Vec<String>, Vec<String>)> {
    let (mut posts, mut images, mut cursor) = (Vec::new(), BTreeSet::new(), String::new());
    while posts.len() < POSTS {
        let page = connection.data(&client::get(&format!("/api/posts?limit=100{cursor}"), None)?).await?;
        let found = page["posts"].as_array().context("a page without posts")?;
        for post in found {
            posts.push(text(&post["_id"])?);
            images.extend(addresses(post).filter_map(path));
        }
        let Some(next) = page["nextCursor"].as_str() else { break };
        cursor = format!("&lastPostId={next}");
    }
    ensure!(!posts.is_empty() && !images.is_empty(), "there is nothing to be seen");
    Ok((posts, images.into_iter().collect()))
}

/// Of the copies that an app would choose from, and of what has none.
fn addresses(post: &Value) -> impl Iterator<Item = &str> {
    let blocks = post["content"].as_array().into_iter().flatten().filter(|block| block["type"] == "image");
    let copies = |block: &'_ Value| block["variants"].as_array().is_some_and(|copies| !copies.is_empty());
    blocks.flat_map(move |block| {
        let whole = (!copies(block)).then(|| block["value"].as_str()).flatten();
        let narrower = block["variants"].as_array().into_iter().flatten().filter_map(|copy| copy["url"].as_str());
        whole.into_iter().chain(narrower)
    })
}

/// `http://localhost:4711/media/a.webp` is at `/media/a.webp`.
fn path(address: &str) -> Option<String> {
    let (_, rest) = address.split_once("://")?;
    Some(rest[rest.find('/')?..].to_owned())
}

fn text(value: &Value) -> Result<String> {
    Ok(value.as_str().context("a reply without what it should have")?.to_owned())
}

fn sign_in(person: u32) -> Result<Call> {
    let body = json!({"username": seed::username(person), "password": seed::PASSWORD}).to_string();
    client::call(Method::POST, "/api/auth/login", None, "application/json", body)
}

const WORDS: &str = "The kettle sang before the alarm did, so I had breakfast twice and the morning to myself.";

fn publish(token: &str) -> Result<Call> {
    let body = json!({"content": [{"type": "text", "value": WORDS}]}).to_string();
    client::call(Method::POST, "/api/posts", Some(token), "application/json", body)
}

fn upload(token: &str, picture: &[u8]) -> Result<Call> {
    const BOUNDARY: &str = "echod-bench";
    let field = |name: &str, more: &str| {
        format!("--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{name}\"{more}\r\n\r\n")
    };
    let text =
        [field("content[0][type]", ""), "text\r\n".into(), field("content[0][value]", ""), WORDS.into()].concat();
    let image = [field("content[1][type]", ""), "image\r\n".into()].concat();
    let file = field("content[1][value]", "; filename=\"kettle.jpg\"");
    let end = format!("\r\n--{BOUNDARY}--\r\n");
    let body = [text.as_bytes(), b"\r\n", image.as_bytes(), file.as_bytes(), picture, end.as_bytes()].concat();
    let kind = format!("multipart/form-data; boundary={BOUNDARY}");
    client::call(Method::POST, "/api/posts", Some(token), &kind, body)
}

/// Photographs, as far as an encoder can tell: slow changes of light and a sensor's noise. They differ in a corner.
fn pictures() -> Result<Vec<Vec<u8>>> {
    let mut noise: u32 = 1;
    let mut picture = RgbImage::from_fn(SIZE.0, SIZE.1, |x, y| {
        noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let [rough, ..] = noise.to_be_bytes();
        let wave = |at: u32, length: u32| (at % length).abs_diff(length / 2) * 160 / length;
        let light = u8::try_from(40 + wave(x + y, 900) + wave(2 * x + y / 3, 170)).unwrap_or(u8::MAX) + rough / 12;
        Rgb([light, light / 2 + 60, 250 - light])
    });
    let mut one = |number: u32| {
        for (x, y) in (0..64 * 64).map(|n| (n % 64, n / 64)) {
            picture.put_pixel(x, y, Rgb([u8::try_from(number * 40).unwrap_or(u8::MAX), 90, 90]));
        }
        let mut jpeg = Vec::new();
        JpegEncoder::new_with_quality(&mut jpeg, 85).encode_image(&picture)?;
        Ok(jpeg)
    };
    (0..PICTURES).map(&mut one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Crowd {
        /// People who all ask for the same.
        pub(in crate::commands::bench) fn asking(path: &str) -> Result<Self> {
            let calls = Kind::ALL.into_iter().map(|_| Ok((vec![client::get(path, None)?], AtomicUsize::new(0))));
            Ok(Self(calls.collect::<Result<_>>()?))
        }
    }

    #[test]
    fn pictures_are_as_large_as_photographs_and_differ() {
        let pictures = pictures().unwrap();

        assert!(pictures.iter().all(|it| (200_000..2_000_000).contains(&it.len())), "{}", pictures[0].len());
        assert!(pictures[1..].iter().all(|it| *it != pictures[0]));
    }

    #[test]
    fn an_image_is_seen_in_a_narrower_copy_if_there_is_one() {
        let image = |value, variants| json!({"type": "image", "value": value, "variants": variants});
        let copies = json!([{"width": 320, "url": "http://localhost:1/media/b"}]);
        let post = json!({"content": [{"type": "text", "value": "x"}, image("http://localhost:1/media/a", copies),
            image("http://localhost:1/media/c", json!([]))]});

        assert_eq!(addresses(&post).filter_map(path).collect::<Vec<_>>(), ["/media/b", "/media/c"]);
    }
}
