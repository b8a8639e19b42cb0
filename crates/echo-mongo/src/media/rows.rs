//! How images lie in their documents.

use bson::{DateTime, oid::ObjectId};
use echo_domain::{
    RawId,
    media::{Holder, Image, Media, Variant},
};
use serde::{Deserialize, Serialize};

use crate::{
    documents::{date, id, oid, time, word},
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
    pub(crate) doomed: bool,
}

/// An image as the documents that show it keep it, too.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct ImageRow {
    id: ObjectId,
    location: String,
    width: u32,
    height: u32,
    blurhash: String,
    alt: String,
    variants: Vec<VariantRow>,
}

#[derive(Debug, Serialize, Deserialize)]
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
            doomed: false,
        }
    }

    pub(crate) fn read(self) -> Outcome<Media> {
        Ok(Media {
            image: self.image.into(),
            account: id(self.account),
            holder: self.holder.map(|holder| word(&holder, read_holder)).transpose()?,
            expires: self.expires.map(time),
        })
    }
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
        let variant = |variant: Variant| VariantRow { width: variant.width, location: variant.location };
        Self {
            id: oid(image.id),
            location: image.location,
            width: image.width,
            height: image.height,
            blurhash: image.blurhash,
            alt: image.alt,
            variants: image.variants.into_iter().map(variant).collect(),
        }
    }
}

impl From<ImageRow> for Image {
    fn from(row: ImageRow) -> Self {
        let variant = |variant: VariantRow| Variant { width: variant.width, location: variant.location };
        Self {
            id: id(row.id),
            location: row.location,
            width: row.width,
            height: row.height,
            blurhash: row.blurhash,
            alt: row.alt,
            variants: row.variants.into_iter().map(variant).collect(),
        }
    }
}
