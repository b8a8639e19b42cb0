//! What an image is once Echo has taken it in.

use async_trait::async_trait;
use bytes::Bytes;

use crate::{MediaId, Result, text};

/// An image that can be shown.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Image {
    pub id: MediaId,
    /// The name of its blob, or a whole URL when another service delivers it.
    pub location: String,
    /// In pixels, after orientation; 0 when nobody knows.
    pub width: u32,
    pub height: u32,
    /// <https://blurha.sh>: what to show while it loads; empty when nobody knows.
    pub blurhash: String,
    /// What it shows, in words; empty when nobody said.
    pub alt: String,
    /// WebP copies, by width: narrower ones, and one of the same width if that has fewer bytes.
    pub variants: Vec<Variant>,
}

impl Image {
    /// Of its blobs, the widest first.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        std::iter::once(self.location.as_str()).chain(self.variants.iter().map(|variant| variant.location.as_str()))
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Variant {
    pub width: u32,
    pub location: String,
}

/// An image as a profile shows it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Picture {
    pub media: MediaId,
    pub location: String,
}

impl From<&Image> for Picture {
    fn from(image: &Image) -> Self {
        Self { media: image.id, location: image.location.clone() }
    }
}

/// What an image shows, in up to 1,000 characters.
pub struct AltText(String);

impl AltText {
    /// # Errors
    /// [`crate::Error::Invalid`] on `alt`.
    pub fn parse(text: &str) -> Result<Self> {
        text::parse("alt", text, 0, 1000).map(Self)
    }

    pub fn into_string(self) -> String {
        self.0
    }
}

/// An image file, and how such files' names end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Encoded {
    pub bytes: Bytes,
    /// `jpg`, `png`, `webp` or `gif`
    pub extension: &'static str,
}

/// What an image is to be shown as, which decides what is made of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Whole, at whatever width a page has for it.
    Post,
    /// The middle of it, as a small square that does not move.
    Profile,
}

/// An upload made fit to be shown: oriented, without metadata, measured, with smaller copies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Processed {
    pub original: Encoded,
    pub width: u32,
    pub height: u32,
    pub blurhash: String,
    /// WebP, by width, none wider than the original. One of the original's width is there when it has fewer bytes.
    pub variants: Vec<(u32, Encoded)>,
}

/// Decodes, checks and encodes images, on threads of its own.
#[async_trait]
pub trait ImagePipeline: Send + Sync {
    /// # Errors
    /// [`crate::Error::TooLarge`] and [`crate::Error::Unsupported`] on `file`; [`crate::Error::Unavailable`] when too many
    /// images wait already.
    async fn process(&self, upload: Bytes, purpose: Purpose) -> Result<Processed>;
}
