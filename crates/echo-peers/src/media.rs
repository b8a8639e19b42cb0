//! Images of another process.

mod remote;
mod served;

use std::time::Duration;

use echo_domain::{
    MediaId, PostId, UserId,
    media::{Holder, Image, Purpose, Variant},
};
use serde::{Deserialize, Serialize};

use crate::{
    call::{Call, Manner},
    page::{PageBody, PageRequestBody},
};

pub use remote::RemoteMediaDesk;
pub(crate) use served::routes;

/// Goes in the query: the body is the image.
#[derive(Serialize, Deserialize)]
struct Upload {
    account: UserId,
    id: MediaId,
    purpose: PurposeBody,
    alt: String,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum PurposeBody {
    Post,
    Profile,
}

#[derive(Serialize, Deserialize)]
struct Claim {
    account: UserId,
    holder: HolderBody,
    images: Vec<MediaId>,
}

#[derive(Serialize, Deserialize)]
struct Discard {
    images: Vec<MediaId>,
}

#[derive(Serialize, Deserialize)]
struct Release {
    holder: HolderBody,
}

#[derive(Serialize, Deserialize)]
struct ImagesOf {
    account: UserId,
    page: PageRequestBody<MediaId>,
}

/// Answered by the bytes themselves.
#[derive(Serialize, Deserialize)]
struct ReadBlob {
    name: String,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum HolderBody {
    Post(PostId),
    Profile(UserId),
}

/// An image on its way: what is said of it, not its bytes.
#[derive(Serialize, Deserialize)]
pub(crate) struct ImageBody {
    id: MediaId,
    location: String,
    width: u32,
    height: u32,
    blurhash: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    alt: String,
    variants: Vec<(u32, String)>,
}

impl Upload {
    /// An image may wait half a minute for a thread.
    const MANNER: Manner = Manner::quick("/internal/media/upload").within(Duration::from_secs(50));
}

impl Call for Claim {
    const MANNER: Manner = Manner::quick("/internal/media/claim");
    type Answer = Vec<ImageBody>;
}

impl Call for Discard {
    const MANNER: Manner = Manner::quick("/internal/media/discard");
    type Answer = ();
}

impl Call for Release {
    const MANNER: Manner = Manner::quick("/internal/media/release");
    type Answer = ();
}

impl Call for ImagesOf {
    const MANNER: Manner = Manner::quick("/internal/media/images");
    type Answer = PageBody<ImageBody, MediaId>;
}

impl ReadBlob {
    /// Until it begins; stores of images may be slow.
    const MANNER: Manner = Manner::quick("/internal/media/read").within(Duration::from_secs(10));
}

impl From<Purpose> for PurposeBody {
    fn from(purpose: Purpose) -> Self {
        match purpose {
            Purpose::Post => Self::Post,
            Purpose::Profile => Self::Profile,
        }
    }
}

impl From<PurposeBody> for Purpose {
    fn from(body: PurposeBody) -> Self {
        match body {
            PurposeBody::Post => Self::Post,
            PurposeBody::Profile => Self::Profile,
        }
    }
}

impl From<Holder> for HolderBody {
    fn from(holder: Holder) -> Self {
        match holder {
            Holder::Post(post) => Self::Post(post),
            Holder::Profile(user) => Self::Profile(user),
        }
    }
}

impl From<HolderBody> for Holder {
    fn from(body: HolderBody) -> Self {
        match body {
            HolderBody::Post(post) => Self::Post(post),
            HolderBody::Profile(user) => Self::Profile(user),
        }
    }
}

impl From<Image> for ImageBody {
    fn from(Image { id, location, width, height, blurhash, alt, variants }: Image) -> Self {
        let variants = variants.into_iter().map(|Variant { width, location }| (width, location)).collect();
        Self { id, location, width, height, blurhash, alt, variants }
    }
}

impl From<ImageBody> for Image {
    fn from(ImageBody { id, location, width, height, blurhash, alt, variants }: ImageBody) -> Self {
        let variants = variants.into_iter().map(|(width, location)| Variant { width, location }).collect();
        Self { id, location, width, height, blurhash, alt, variants }
    }
}
