//! Files that are no images, or only pretend to be: refused by name, with little memory, and nothing is left of them.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use image::{DynamicImage, ImageFormat};
use reqwest::multipart::Form;

use crate::{
    app::eventually,
    client::Blocks,
    echod::OwnServer,
    picture::{encoded, png, png_claiming},
};

const MEBIBYTE: u64 = 1 << 20;

/// Many frames of one pixel. GIF89a, sections 18 to 22.
fn gif(width: u16, height: u16, frames: usize) -> Vec<u8> {
    let size = [width.to_le_bytes(), height.to_le_bytes()].concat();
    let head = [b"GIF89a", &size[..], &[0x80, 0, 0, 0, 0, 0, 255, 255, 255]].concat();
    let frame = b"\x2C\0\0\0\0\x01\0\x01\0\0\x02\x02\x44\x01\0".repeat(frames);
    [&head[..], &frame, b"\x3B"].concat()
}

/// A WebP that declares one pixel, with a bitstream of 16,383 by 16,383 in it. RFC 9649 §2.7, RFC 6386 §9.1.
fn webp_bomb() -> Vec<u8> {
    let chunk = |kind: &[u8], data: &[u8]| [kind, &u32::try_from(data.len()).unwrap().to_le_bytes(), data].concat();
    let frame = [b"\x10\0\0\x9D\x01\x2A\xFF\x3F\xFF\x3F".as_slice(), &[0; 22]].concat();
    chunk(b"RIFF", &[b"WEBP".as_slice(), &chunk(b"VP8X", &[0; 10]), &chunk(b"VP8 ", &frame)].concat())
}

/// Of 36 megapixels, the second half missing.
fn large_and_cut_short(format: ImageFormat) -> Vec<u8> {
    let mut bytes = std::io::Cursor::new(Vec::new());
    DynamicImage::new_rgb8(6000, 6000).write_to(&mut bytes, format).unwrap();
    let whole = bytes.into_inner();
    whole[..whole.len() / 2].to_vec()
}

/// The length of its second chunk is not true.
fn of_wrong_length() -> Vec<u8> {
    let mut bytes = png(40, 40);
    bytes[33..37].copy_from_slice(&[0x7f, 0xff, 0xff, 0xff]);
    bytes
}

#[tokio::test]
async fn hostile_files_are_refused_by_name_with_little_memory_and_leave_nothing() {
    let Some(server) = OwnServer::start().await else { return };
    let ana = server.sign_up("ana").await;
    ana.upload(png(40, 40)).await;
    let files = || walk(&server.data().join("media"));
    let before = files();
    let (idle, _) = server.memory();

    for (what, status, code, bytes) in [
        ("a PNG bomb", 413, "file_too_large", png_claiming(50_000, 50_000)),
        ("a PNG of one row", 413, "file_too_large", png_claiming(50_000, 1)),
        ("a GIF bomb", 413, "file_too_large", gif(65_535, 65_535, 1)),
        ("a GIF of 10,000 frames", 413, "file_too_large", gif(1, 1, 10_000)),
        ("a WebP bomb", 413, "file_too_large", webp_bomb()),
        ("too many bytes", 413, "file_too_large", vec![7; (10 << 20) + 1]),
        ("an SVG", 415, "unsupported_file", b"<svg xmlns='http://www.w3.org/2000/svg'/>".to_vec()),
        ("a page", 415, "unsupported_file", b"<!doctype html><script>alert(1)</script>".to_vec()),
        ("a page behind a signature", 415, "unsupported_file", b"\x89PNG\r\n\x1a\n<!doctype html>".to_vec()),
        ("zeros", 415, "unsupported_file", vec![0; 5 << 20]),
        ("a wrong length", 415, "unsupported_file", of_wrong_length()),
        ("half a PNG", 415, "unsupported_file", large_and_cut_short(ImageFormat::Png)),
        ("half a JPEG", 415, "unsupported_file", large_and_cut_short(ImageFormat::Jpeg)),
        ("half a GIF", 415, "unsupported_file", gif(6000, 6000, 100)[..900].to_vec()),
        ("pixels that are not there", 415, "unsupported_file", png_claiming(6000, 6000)),
    ] {
        let good = encoded(30, 30, ImageFormat::Jpeg);
        let form = || Form::new().text_block(0, "look").image_block(1, good.clone()).image_block(2, bytes.clone());
        server.forget_most_memory();

        let reply = ana.post("/api/posts").form(form()).await;

        let (_, most) = server.memory();
        let message = reply.refused(status, code).message();
        assert!(message.contains("content[2]"), "{what}: {message}");
        assert!(most.saturating_sub(idle) < 100 * MEBIBYTE, "{what}: from {idle} to {most} bytes");
    }
    let gone = async || files() == before;
    eventually("nothing is left", Duration::from_secs(60), gone).await;
    assert_eq!(ana.get("/api/users/me").await.expect(200).data()["postsCount"], 0);
}

/// The paths of all files in a folder.
fn walk(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => files.extend(walk(&entry.path())),
            _ => files.push(entry.path()),
        }
    }
    files.sort();
    files
}
