//! How images, and the blobs that they are of, lie in their documents.

use bson::{Binary, DateTime, oid::ObjectId};
use echo_domain::{
    Error, RawId,
    media::{BlobSet, Digest, DoomedBlobs, Holder, Image, Media, Variant},
};
use serde::{Deserialize, Serialize};

use crate::{
    documents::{binary, count, date, id, oid, time, whole, word},
    error::Outcome,
};

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct MediaRow {
    #[serde(rename = "_id")]
    id: ObjectId,
    account: ObjectId,
    image: ImageRow,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    holder: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    expires: Option<DateTime>,
    /// The digest of the blobs that it is of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) blobs: Option<Binary>,
    bytes: i64,
}

/// A set of blobs, and how many images are of it.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct BlobsRow {
    #[serde(rename = "_id")]
    digest: Binary,
    pub(super) stem: ObjectId,
    location: String,
    width: i64,
    height: i64,
    blurhash: String,
    variants: Vec<VariantRow>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    bytes: Option<i64>,
    /// There as long as `bytes` is not: what is missing cannot be found by an index.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    unmeasured: Option<bool>,
    pub(crate) images: i64,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct DoomedRow {
    #[serde(rename = "_id")]
    pub(super) id: ObjectId,
    pub(super) names: Vec<String>,
}

/// An image as the documents that show it keep it, too.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct ImageRow {
    id: ObjectId,
    location: String,
    width: u32,
    height: u32,
    blurhash: String,
    alt: String,
    variants: Vec<VariantRow>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct VariantRow {
    width: u32,
    location: String,
}

impl MediaRow {
    pub(crate) fn new(media: &Media) -> Self {
        Self {
            id: oid(media.image.id),
            account: oid(media.account),
            image: media.image.clone().into(),
            holder: media.holder.map(holder_word),
            expires: media.expires.map(date),
            blobs: media.blobs.map(digest),
            bytes: whole(media.bytes),
        }
    }

    pub(crate) fn read(self) -> Outcome<Media> {
        Ok(Media {
            image: self.image.into(),
            account: id(self.account),
            holder: self.holder.map(|holder| word(&holder, read_holder)).transpose()?,
            expires: self.expires.map(time),
            blobs: self.blobs.map(read_digest).transpose()?,
            bytes: count(self.bytes)?,
        })
    }
}

impl BlobsRow {
    pub(crate) fn new(blobs: &BlobSet, images: i64) -> Self {
        Self {
            digest: digest(blobs.digest),
            stem: oid(blobs.stem),
            location: blobs.location.clone(),
            width: blobs.width.into(),
            height: blobs.height.into(),
            blurhash: blobs.blurhash.clone(),
            variants: blobs.variants.iter().cloned().map(VariantRow::from).collect(),
            bytes: blobs.bytes.map(whole),
            unmeasured: blobs.bytes.is_none().then_some(true),
            images,
        }
    }

    pub(crate) fn read(self) -> Outcome<BlobSet> {
        let pixels = |pixels: i64| u32::try_from(pixels).map_err(Error::internal);
        Ok(BlobSet {
            digest: read_digest(self.digest)?,
            stem: id(self.stem),
            location: self.location,
            width: pixels(self.width)?,
            height: pixels(self.height)?,
            blurhash: self.blurhash,
            variants: self.variants.into_iter().map(Variant::from).collect(),
            bytes: self.bytes.map(count).transpose()?,
        })
    }
}

impl From<DoomedBlobs> for DoomedRow {
    fn from(DoomedBlobs { stem, names }: DoomedBlobs) -> Self {
        Self { id: oid(stem), names }
    }
}

impl From<DoomedRow> for DoomedBlobs {
    fn from(row: DoomedRow) -> Self {
        Self { stem: id(row.id), names: row.names }
    }
}

/// A digest as documents keep it.
pub(crate) fn digest(digest: Digest) -> Binary {
    binary(&digest.to_bytes())
}

fn read_digest(kept: Binary) -> Outcome<Digest> {
    let bytes = kept.bytes.try_into().map_err(|_| Error::internal("a digest has a wrong length"))?;
    Ok(Digest::from_bytes(bytes))
}

/// A holder as a document keeps it.
pub(crate) fn holder_word(holder: Holder) -> String {
    match holder {
        Holder::Post(post) => format!("post:{post}"),
        Holder::Profile(user) => format!("profile:{user}"),
    }
}

fn read_holder(text: &str) -> Option<Holder> {
    let (kind, id) = text.split_once(':')?;
    let id: RawId = id.parse().ok()?;
    match kind {
        "post" => Some(Holder::Post(id.into())),
        "profile" => Some(Holder::Profile(id.into())),
        _ => None,
    }
}

impl From<Image> for ImageRow {
    fn from(image: Image) -> Self {
        Self {
            id: oid(image.id),
            location: image.location,
            width: image.width,
            height: image.height,
            blurhash: image.blurhash,
            alt: image.alt,
            variants: image.variants.into_iter().map(VariantRow::from).collect(),
        }
    }
}

impl From<ImageRow> for Image {
    fn from(row: ImageRow) -> Self {
        Self {
            id: id(row.id),
            location: row.location,
            width: row.width,
            height: row.height,
            blurhash: row.blurhash,
            alt: row.alt,
            variants: row.variants.into_iter().map(Variant::from).collect(),
        }
    }
}

impl From<Variant> for VariantRow {
    fn from(Variant { width, location }: Variant) -> Self {
        Self { width, location }
    }
}

impl From<VariantRow> for Variant {
    fn from(VariantRow { width, location }: VariantRow) -> Self {
        Self { width, location }
    }
}
